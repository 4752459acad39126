"""Regions in files: what is read, and what is refused, with the place and the value."""

import json

import cv2
import numpy as np
import pytest
from PIL import Image

from salkit.errors import ConfigError, DataError, ShapeError
from salkit.inference.regions import Box, Outline, Regions
from salkit.media.video import VideoWriter

TIMES = np.arange(20) / 10


@pytest.fixture
def read(tmp_path):
    """Regions of the content of a file; JSON where it is none."""

    def read(content, name=None, **options):
        path = tmp_path / (name or ('a.csv' if isinstance(content, str) else 'a.json'))
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return Regions.from_file(path, **options)

    return read


def test_a_table_of_boxes_and_polygons(read):
    regions = read('Name, X ,y,width,height,points\nlogo,1,2.5,3,4,\n"a, b",,,,,"0 0 4 0 0,4"\n')
    assert regions.names == ['logo', 'a, b']
    assert regions['logo'].shape == Box(1, 2.5, 3, 4)
    assert regions['a, b'].shape == Outline(((0, 0), (4, 0), (0, 4)))
    assert read('name;points\nt;0 0 1 0 0 1\n')[0].shape == Outline(((0, 0), (1, 0), (0, 1)))


def test_a_table_of_key_frames(read):
    text = 'name,time_s,x,y,width,height\na,1,10,0,1,1\na,0,0,0,1,1\na,2,,,,\nb,0,5,5,1,1\n'
    regions = read(text)
    assert regions['a'].at(0.5) == Box(5, 0, 1, 1) and regions['a'].at(2) is None
    assert regions['b'].at(0.1) is None and read(text, hold=True)['b'].at(9) == Box(5, 5, 1, 1)
    frames = read('name,frame,x,y,width,height\na,1,0,0,1,1\na,11,10,0,1,1\n')
    assert frames.on((9, 20), TIMES)['a'].at(0.5) == Box(5, 0, 1, 1)
    zero = read('name,frame,x,y,width,height\na,0,0,0,1,1\n', first_frame=0)
    assert zero['a'].keys[0].at == 0


@pytest.mark.parametrize(
    'text, message',
    [
        ('', 'line 1: expected name, and x, y, width, height or points; .* found nothing'),
        ('name,x,y\na,1,2\n', 'line 1: .* found name, x, y'),
        ('name,x,y,width,height\n', 'holds no regions'),
        ('name,x,y,width,height\na,1,2,3\n', 'line 2: expected 5 values as in the header, got 4'),
        ('name,x,y,width,height\na,1,2,nan,4\n', "line 2: width must be a number, got 'nan'"),
        ('name,x,y,width,height\na,1,two,3,4\n', "line 2: y must be a number, got 'two'"),
        ('name,x,y,width,height\na,1,2,-3,4\n', 'line 2: width must be above 0, got -3'),
        ('name,x,y,width,height\na,1,2,,4\n', 'line 2: width must be a number, got an empty cell'),
        ('name,x,y,width,height\n,1,2,3,4\n', 'line 2: expected a name'),
        ('name,x,y,width,height\na,,,,\n', 'line 2: a: expected numbers, got empty cells'),
        ('name,x,y,width,height\na,1,2,3,4\na,1,2,3,4\n', "line 3: two regions are called 'a'"),
        ('name,points\na,0 0 1 1\n', r'line 2: a polygon must have 3 to .* points .*, got 2'),
        ('name,points\na,0 0 1 1 2\n', 'line 2: points must be pairs x, y; got 5 numbers'),
        (
            'name,frame,x,y,width,height\na,0,1,2,3,4\n',
            'line 2: frame must be a whole number from 1',
        ),
        ('name,frame,x,y,width,height\na,1.5,1,2,3,4\n', 'line 2: frame must be a whole number'),
        ('name,frame,time_s,points\na,1,0,\n', 'line 1: expected frame or time_s, found both'),
        ('name,time_s,x,y,width,height\na,1,1,2,3,4\na,1,1,2,3,4\n', 'a: two key frames at 1.0'),
        ('name,points\na,"0 0\n', 'line 2: expected|cannot be read as a CSV|pairs|3 to'),
    ],
)
def test_tables_that_do_not_fit(read, text, message):
    with pytest.raises(DataError, match=rf'a\.csv.*{message}'):
        read(text)


def test_our_json(read):
    regions = read(
        dict(
            units='share',
            regions=[
                dict(name='logo', rectangle=[0.5, 0, 0.5, 0.5]),
                dict(name='face', polygon=[[0, 0], [0.5, 0], [0, 1]]),
                dict(
                    name='ball',
                    hold=True,
                    keys=[
                        dict(time_s=0, rectangle=[0, 0, 0.1, 0.1]),
                        dict(time_s=1, rectangle=[0.5, 0, 0.1, 0.1]),
                        dict(time_s=2, absent=True),
                    ],
                ),
            ],
        )
    )
    masks = regions.on((40, 80), TIMES).masks(0.5, (20, 40))
    assert masks[0].sum() == 200 and masks[0, :10, 20:].all()
    assert masks[1].sum() == pytest.approx(200) and masks[2, :2, 10:14].all()
    drawn = read(dict(size=[20, 10], regions=[dict(name='a', rectangle=[0, 0, 10, 10])]))
    assert drawn.on((20, 40), TIMES).masks(0, (20, 40)).sum() == 400


def region(**about):
    return dict(regions=[dict(name='a', **about)])


@pytest.mark.parametrize(
    'content, message',
    [
        ([], r'a.json: expected \{\.\.\.\} with regions, units, size'),
        (dict(region=[]), "a.json: 'region' is not known; expected regions, units, size"),
        (dict(regions=[], units='cm'), "units must be one of pixels, share, got 'cm'"),
        (dict(regions=[]), 'a.json: expected 1 to 1,000 regions, got 0'),
        (dict(regions=[dict(rectangle=[0, 0, 1, 1])]), 'region 1: name must be a string, got None'),
        (region(), 'region 1: a: expected one of rectangle, polygon, mask, keys, got none'),
        (region(rectangle=[0, 0, 1]), r'region 1: a: rectangle must be \[x, y, width, height\]'),
        (region(rectangle=[0, 0, 1, '2']), "region 1: a: height must be a number, got '2'"),
        (region(rectangle=[0, 0, True, 1]), 'width must be a number, got True'),
        (region(rectangle=[0, 0, float('nan'), 1]), 'width must be a number, got nan'),
        (region(polygon=[[0, 0], [1, 1]]), '3 to 10,000 points'),
        (region(polygon=[0, 0, 1, 1]), r'expected a rectangle or a polygon \[\[x, y\]'),
        (region(keys=[dict(rectangle=[0, 0, 1, 1])]), 'a key frame must have frame or time_s'),
        (region(keys=[dict(frame=1)]), 'key frame 1: expected a rectangle or a polygon'),
        (region(keys=[dict(frame=True, absent=True)]), 'frame must be a number, got True'),
        (region(mask='none.png'), 'none.png: the file does not exist'),
        (
            dict(regions=[dict(name='a', rectangle=[0, 0, 1, 1])] * 2),
            "a.json: two regions are called 'a'",
        ),
    ],
)
def test_json_that_does_not_fit(read, content, message):
    with pytest.raises(DataError, match=message):
        read(content)


def coco(annotations, images=1, **image):
    names = [f'clip_{number:03d}.jpg' for number in (1, 11)][:images]
    return dict(
        images=[
            dict(id=number, file_name=name, width=20, height=10, **image)
            for number, name in enumerate(names)
        ],
        categories=[dict(id=7, name='car'), dict(id=8, name='dog')],
        annotations=[dict(dict(image_id=0, category_id=7), **each) for each in annotations],
    )


def test_coco_of_one_picture(read):
    # Packed by pycocotools 2.0.
    mask = np.zeros((10, 20), np.uint8)
    mask[2:5, 3:9] = 1
    plain = dict(size=[10, 20], counts=[32, 3, 7, 3, 7, 3, 7, 3, 7, 3, 7, 3, 115])
    packed = dict(size=[10, 20], counts='P137000000000\\3')
    regions = read(
        coco(
            [
                dict(bbox=[1, 2, 3, 4]),
                dict(segmentation=[[0, 0, 4, 0, 0, 4]]),
                dict(segmentation=plain, category_id=8),
            ]
        )
    )
    assert regions.names == ['car 1', 'car 2', 'dog'] and regions.size == (10, 20)
    assert regions['car 1'].shape == Box(1, 2, 3, 4)
    assert regions['car 2'].shape == Outline(((0, 0), (4, 0), (0, 4)))
    np.testing.assert_array_equal(regions['dog'].shape.values, mask)
    parts = [[0, 0, 4, 0, 4, 4, 0, 4], [10, 0, 14, 0, 14, 4, 10, 4]]
    both = read(coco([dict(segmentation=parts)]))
    assert both.masks(0, (10, 20)).sum() == 32
    np.testing.assert_array_equal(read(coco([dict(segmentation=packed)]))[0].shape.values, mask)


def test_coco_of_frames(read):
    found = [dict(bbox=[0, 0, 2, 2]), dict(bbox=[10, 0, 2, 2], image_id=1)]
    regions = read(coco(found, images=2))
    assert regions.on((10, 20), TIMES)['car'].at(0.5) == Box(5, 0, 2, 2)
    tracks = [dict(each, attributes=dict(track_id=5)) for each in found]
    tracks += [dict(each, track_id=6) for each in found]
    assert read(coco(tracks, images=2)).names == ['car 5', 'car 6']
    with pytest.raises(DataError, match='car: several annotations of one image'):
        read(coco([*found, *found], images=2))
    # Of an image without it, it is not there; and outlines of other corners stay until the next.
    outlines = [dict(found[0], segmentation=[[0, 0, 4, 0, 0, 4]], track_id='a')]
    outlines += [dict(found[1], segmentation=[[9, 0, 4, 0, 4, 4, 9, 4]], track_id='a')]
    content = coco([*outlines, dict(found[0], track_id='b')], images=2)
    content['images'].append(dict(id=2, file_name='clip_016.jpg'))
    a, b = read(content).on((10, 20), TIMES).covers(0.5, (10, 20))
    assert (a.area, b.area) == (8 / 200, 4 / 200)
    assert read(content).on((10, 20), TIMES).covers(1, (10, 20))[1] is None
    assert read(content, hold=True).on((10, 20), TIMES).covers(1.9, (10, 20)) == [None, None]
    content['images'][2]['file_name'] = 'clip_1.jpg'
    with pytest.raises(DataError, match=r'has 3 images.* number of a frame in each file_name'):
        read(content)


@pytest.mark.parametrize(
    'annotation, message',
    [
        (dict(bbox=[0, 0, 0, 1]), 'annotation 1: width must be above 0'),
        (dict(bbox=[0, 0, 1]), r'annotation 1: expected a bbox \[x, y, width, height\]'),
        (dict(bbox=[0, 0, 1, 1], image_id=9), 'image_id 9 is none of the images'),
        (dict(bbox=[0, 0, 1, 1], category_id=9), 'category_id 9 is none of the categories'),
        (dict(segmentation=[[0, 0, 1, 1]]), '3 to 10,000 points'),
        (dict(segmentation=dict(size=[10, 20], counts=[1, 2])), 'counts must add up to 200'),
        (dict(segmentation=dict(size=[10**6, 10**6], counts=[1])), 'pixels, expected at most'),
        (dict(segmentation=dict(size=[10, 20], counts='\x01')), 'as COCO packs them'),
    ],
)
def test_coco_that_does_not_fit(read, annotation, message):
    with pytest.raises(DataError, match=message):
        read(coco([annotation]))


@pytest.fixture
def labels():
    """Numbers 0, 2 and 7 on frames of 10 x 20 pixels."""
    labels = np.zeros((10, 20), np.uint8)
    labels[:5, :5], labels[5:, 10:] = 2, 7
    return labels


def test_masks_in_pictures(tmp_path, labels):
    path = tmp_path / 'labels.png'
    Image.fromarray(labels).save(path)
    regions = Regions.from_file(path)
    assert regions.names == ['region 2', 'region 7']
    assert regions.masks(0, (10, 20)).sum((1, 2)).tolist() == [25, 50]
    # Of a palette, the numbers count, not the colors.
    image = Image.fromarray(labels).convert('P')
    image.putdata(labels.ravel().tolist())
    image.putpalette([255, 0, 0] * 10)
    image.save(tmp_path / 'palette.png')
    assert Regions.from_file(tmp_path / 'palette.png').names == regions.names
    named = dict(regions=[dict(name='logo', mask='labels.png', value=7)])
    (tmp_path / 'names.json').write_text(json.dumps(named))
    logo = Regions.from_file(tmp_path / 'names.json')
    assert logo.names == ['logo'] and logo.masks(0, (10, 20)).sum() == 50
    Image.fromarray(np.where(labels, 255, 0).astype(np.uint8)).save(tmp_path / 'one.png')
    assert Regions.from_file(tmp_path / 'one.png').names == ['one']


def test_masks_of_frames_stay_until_the_next(tmp_path, labels):
    folder = tmp_path / 'masks'
    folder.mkdir()
    Image.fromarray(labels).save(folder / 'mask_0001.png')
    Image.fromarray(labels[:, ::-1].copy()).save(folder / 'mask_0011.png')
    regions = Regions.from_file(folder).on((10, 20), TIMES)
    assert regions.names == ['region 2', 'region 7']
    assert regions.masks(0.9, (10, 20))[0, :5, :5].all()
    assert regions.masks(1.0, (10, 20))[0, :5, 15:].all()
    assert not regions.masks(1.1, (10, 20)).any()
    with pytest.raises(
        ShapeError, match=r'mask_0001\.png: the mask has 20 x 10 pixels, expected 40'
    ):
        Regions.from_file(folder).on((20, 40), TIMES).covers(0, (20, 40))


def test_a_mask_video_is_one_region_where_it_is_white(tmp_path):
    with VideoWriter(tmp_path / 'ball.mp4', (32, 64), 10, gray=True) as video:
        for number in range(20):
            frame = np.zeros((32, 64), np.uint8)
            frame[:, number : number + 16] = 255
            video.write(frame, number / 10)
    regions = Regions.from_file(tmp_path / 'ball.mp4').on((32, 64), TIMES)
    assert regions.names == ['ball']
    for place in (0, 7, 19, 3):
        columns = np.flatnonzero(regions.masks(place / 10, (32, 64))[0].mean(0) > 0.5)
        assert (columns[0], columns[-1]) == (place, place + 15)


@pytest.mark.parametrize(
    'name, values, message',
    [
        ('a.png', np.zeros((9, 9), np.uint8), 'got 0 everywhere'),
        ('a.jpg', np.full((9, 9), 9, np.uint8), 'expected a mask as PNG'),
        (
            'a.png',
            np.dstack([np.full((9, 9), each, np.uint8) for each in (0, 90, 200)]),
            'gray|grey',
        ),
        (
            'a.png',
            np.arange(400, dtype=np.uint16).reshape(20, 20),
            'at most 255 regions, got 399 numbers',
        ),
    ],
)
def test_masks_that_do_not_fit(tmp_path, name, values, message):
    cv2.imwrite(str(tmp_path / name), values)
    with pytest.raises(DataError, match=message):
        Regions.from_file(tmp_path / name)


def test_other_files_are_refused(tmp_path):
    (tmp_path / 'a.xml').write_text('<a/>')
    with pytest.raises(DataError, match=r'a\.xml: expected regions as \.csv or \.json'):
        Regions.from_file(tmp_path / 'a.xml')
    with pytest.raises(DataError, match='does not exist'):
        Regions.from_file(tmp_path / 'none.csv')
    (tmp_path / 'empty').mkdir()
    with pytest.raises(DataError, match='holds no masks'):
        Regions.from_file(tmp_path / 'empty')


def test_a_video_of_masks_is_as_long_as_the_video(tmp_path):
    path = tmp_path / 'masks.mp4'
    with VideoWriter(path, (48, 64), 10) as video:
        for _ in range(3):
            video.write(np.full((48, 64, 3), 255, np.uint8))
    times = np.arange(5) / 10
    with pytest.raises(ConfigError, match='has 3 frames, expected 5 as the video'):
        Regions.from_file(path).on((48, 64), times)
    held = Regions.from_file(path, hold=True).on((48, 64), times)
    assert held.covers(0.4, (48, 64))[0].area == 1


_COCO = dict(
    images=[dict(id=1, width=8, height=4)],
    categories=[dict(id=1, name='a')],
    annotations=[dict(image_id=1, category_id=1, bbox=[0, 0, 2, 2])],
)


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(image_id=[1]), r'image_id \[1\] is none of the images'),
        (dict(category_id={}), r'category_id {} is none of the categories'),
        (dict(bbox=[10**400, 0, 2, 2]), 'x must be a number, got 1000'),
    ],
)
def test_hostile_annotations_are_errors_of_one_line(tmp_path, change, message):
    content = _COCO | dict(annotations=[_COCO['annotations'][0] | change])
    (tmp_path / 'c.json').write_text(json.dumps(content))
    with pytest.raises(DataError, match=message) as error:
        Regions.from_file(tmp_path / 'c.json')
    assert len(str(error.value)) < 500


def test_small_files_of_many_masks_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr('salkit.inference.regions.files.found.MOST_MASK_PIXELS', 100)
    mask = dict(image_id=1, category_id=1, segmentation=dict(size=[4, 8], counts=[0, 32]))
    (tmp_path / 'c.json').write_text(json.dumps(_COCO | dict(annotations=[mask] * 4)))
    with pytest.raises(DataError, match=r'c\.json, annotation 4: masks of more than 100 pixels'):
        Regions.from_file(tmp_path / 'c.json')
    Image.fromarray(np.arange(121, dtype=np.uint8).reshape(11, 11)).save(tmp_path / 'm.png')
    with pytest.raises(DataError, match=r'm\.png: masks of more than 100 pixels'):
        Regions.from_file(tmp_path / 'm.png')
    regions = [dict(name=str(n), mask='one.png') for n in range(4)]
    Image.fromarray(np.ones((5, 6), np.uint8)).save(tmp_path / 'one.png')
    (tmp_path / 'r.json').write_text(json.dumps(dict(regions=regions)))
    with pytest.raises(DataError, match=r'r\.json, region 4: masks of more than 100 pixels'):
        Regions.from_file(tmp_path / 'r.json')

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from score_data import bytes_of, predicted, write_predictions, write_video

from salkit.datasets.matching import match_frames, match_videos
from salkit.errors import DataError
from salkit.media.map_stacks import open_stack
from salkit.media.maps import read_map
from salkit.scoring.predictions import find_predictions

MAPS = predicted(5)


def read_all(path):
    stack = open_stack(path)
    return np.stack(list(stack.read(range(len(stack)))))


def paths_of(found):
    return {name: stack.path for name, stack in found.items()}


@pytest.mark.parametrize('kind', ['png', 'png16', 'npy', 'npz', 'jpg'])
def test_a_file_a_frame(tmp_path, kind):
    maps = read_all(write_predictions(tmp_path / 'v', MAPS, kind=kind))
    scale = {'png': 1, 'jpg': 1, 'png16': 257}.get(kind, 1 / 255)
    tolerance = 4 if kind == 'jpg' else 1e-6
    np.testing.assert_allclose(maps, MAPS * np.float64(scale), atol=tolerance)
    assert maps.dtype == {'png': 'u1', 'jpg': 'u1', 'png16': 'u2'}.get(kind, 'f4')


def test_arrays_of_whole_videos(tmp_path):
    np.save(tmp_path / 'a.npy', MAPS[:, None])
    np.savez_compressed(tmp_path / 'b.npz', maps=MAPS)
    np.savez(tmp_path / 'c.npz', **{f'frame_{i}': MAPS[i] for i in range(5)})
    assert list(find_predictions(tmp_path)) == ['a', 'b', 'c']
    for name in ('a.npy', 'b.npz', 'c.npz'):
        np.testing.assert_array_equal(read_all(tmp_path / name), MAPS)
        stack = open_stack(tmp_path / name)
        np.testing.assert_array_equal(list(stack.read([1, 3]))[1], MAPS[3])


@pytest.mark.parametrize(
    ('name', 'codec', 'pix_fmt'),
    [
        ('v.mkv', 'ffv1', 'gray'),
        ('v.mkv', 'ffv1', 'bgr0'),
        ('v.mkv', 'ffv1', 'gray16le'),
        ('v.mp4', 'libx264', 'yuvj420p'),
        ('v.avi', 'ffv1', 'gray'),
        ('v.mp4', 'png', 'rgb24'),
    ],
)
def test_grey_videos_without_loss(tmp_path, name, codec, pix_fmt):
    maps = MAPS.astype(np.uint16) * 257 if '16' in pix_fmt else MAPS
    options = dict(qp='0') if codec == 'libx264' else {}
    path = write_video(tmp_path / name, maps, codec, pix_fmt, **options)
    expected = MAPS / np.float32(255) if '16' in pix_fmt else MAPS
    np.testing.assert_allclose(read_all(path), expected, atol=1e-6)
    np.testing.assert_allclose(list(open_stack(path).read([1, 4]))[1], expected[4], atol=1e-6)


@pytest.mark.parametrize('pix_fmt', ['yuv420p', 'yuv420p10le', 'yuv444p'])
def test_television_levels_become_full_range(tmp_path, pix_fmt):
    path = write_video(tmp_path / 'v.mp4', MAPS, 'libx264', pix_fmt, qp='0')
    maps = read_all(path)
    # 219 levels for 255; the encoder's side rounds too.
    deep = '10' in pix_fmt
    assert maps.dtype == (np.float32 if deep else np.uint8)
    np.testing.assert_allclose(maps * (255 if deep else 1.0), MAPS, atol=1.1)


def test_a_lone_folder_is_opened(tmp_path):
    write_predictions(tmp_path / 'my-model' / 'results' / '0701' / 'maps', MAPS)
    write_predictions(tmp_path / 'my-model' / 'results' / '0702' / 'maps', MAPS)
    assert list(find_predictions(tmp_path)) == ['0701', '0702']


@pytest.mark.parametrize('kind', ['png', 'npy'])
def test_a_single_video(tmp_path, kind):
    folder = write_predictions(tmp_path / 'v', MAPS, kind=kind)
    assert paths_of(find_predictions(folder)) == {'v': folder}


def test_an_empty_video_beside_others_is_listed(tmp_path):
    write_predictions(tmp_path / '0701', MAPS)
    (tmp_path / '0702').mkdir()
    assert list(find_predictions(tmp_path)) == ['0701', '0702']
    assert len(open_stack(tmp_path / '0702')) == 0


def test_grey_stored_as_colour_is_grey(tmp_path):
    for mode in ('RGB', 'RGBA', 'LA', 'P'):
        Image.fromarray(MAPS[0]).convert(mode).save(tmp_path / 'x.png')
        np.testing.assert_array_equal(read_map(tmp_path / 'x.png'), MAPS[0])
    Image.fromarray(MAPS[0] > 99).save(tmp_path / 'x.png')
    assert set(np.unique(read_map(tmp_path / 'x.png'))) == {0, 255}


def colour(folder):
    image = np.stack([MAPS[0], MAPS[0][::-1], MAPS[0]], 2)
    Image.fromarray(image).save(folder / 'x.png')


def truncated(folder):
    Image.fromarray(MAPS[0]).save(folder / 'x.png')
    data = (folder / 'x.png').read_bytes()
    (folder / 'x.png').write_bytes(data[: len(data) // 2])


BAD_FILES = {
    'colours': colour,
    'cannot be read as an image': truncated,
    'x.png: cannot be read': lambda folder: (folder / 'x.png').write_bytes(b'nothing'),
    'cannot be read as an array file': lambda folder: (folder / 'x.npy').write_bytes(b'no'),
    r'expected a map \(H, W\), got an array of shape \(3, 4, 5\)': lambda folder: np.save(
        folder / 'x.npy', np.zeros((3, 4, 5))
    ),
    'expected numbers': lambda folder: np.save(folder / 'x.npy', np.full((3, 4), 'a')),
    'expected one array, found 2': lambda folder: np.savez(folder / 'x.npz', a=[1], b=[2]),
}


@pytest.mark.parametrize('message', BAD_FILES)
def test_bad_files_are_named(tmp_path, message):
    BAD_FILES[message](tmp_path)
    path = next(tmp_path.iterdir())
    with pytest.raises(DataError, match=message) as caught:
        read_map(path)
    assert str(path) in str(caught.value)


def test_bad_videos_are_named(tmp_path):
    (tmp_path / 'v.mp4').write_bytes(b'nothing at all')
    with pytest.raises(DataError, match=r'v\.mp4: cannot be decoded'):
        len(open_stack(tmp_path / 'v.mp4'))
    rgb = np.stack([MAPS, MAPS[:, ::-1], MAPS], 3)
    for name, pix_fmt in (('a.mkv', 'bgr0'), ('b.mkv', 'yuv444p')):
        path = write_video(tmp_path / name, rgb, 'ffv1', pix_fmt)
        with pytest.raises(DataError, match=rf'{name}, frame 1: expected a grey map'):
            read_all(path)
    path = write_video(tmp_path / 'c.mkv', np.concatenate([MAPS] * 9))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=r'c\.mkv'):
        list(open_stack(path).read(range(45)))


def test_nothing_to_find(tmp_path):
    with pytest.raises(DataError, match='does not exist'):
        find_predictions(tmp_path / 'nowhere')
    with pytest.raises(DataError, match='holds no predictions; expected a folder of maps'):
        find_predictions(tmp_path)
    write_predictions(tmp_path / 'v', MAPS)
    np.save(tmp_path / 'v.npy', MAPS)
    with pytest.raises(DataError, match=r'two predictions of one video.*v.*v\.npy'):
        find_predictions(tmp_path)


def test_two_files_of_a_frame(tmp_path):
    folder = write_predictions(tmp_path / 'v', MAPS)
    Image.fromarray(MAPS[0]).save(folder / '0003.jpg')
    with pytest.raises(DataError, match=r'two files for frame 0003: 0003\.jpg and 0003\.png'):
        _ = open_stack(folder).names


class Names:
    """A stack of nothing but names."""

    def __init__(self, names, named=True):
        self.names, self.named, self.path = names, named, 'v'

    def __len__(self):
        return len(self.names)


@given(
    numbers=st.sets(st.integers(0, 3000), min_size=1, max_size=60),
    gone=st.data(),
    width=st.integers(1, 5),
)
def test_frames_pair_by_number_whatever_the_zeros(numbers, gone, width):
    kept = gone.draw(st.sets(st.sampled_from(sorted(numbers)), min_size=1))
    wanted = [f'frame_{n:04d}' for n in sorted(numbers)]
    found = sorted(f'{n:0{width}d}' for n in kept)
    match = match_frames(Names(found), Names(wanted))
    paired = {(int(found[a]), int(wanted[b][6:])) for a, b in match.pairs}
    assert paired == {(n, n) for n in kept}
    assert {int(wanted[i][6:]) for i in match.missing} == numbers - kept


def test_more_than_999_frames_pair_as_numbers():
    found = sorted(str(n) for n in range(1, 1201))
    wanted = [f'{n:03d}' for n in range(1, 1201)]
    assert all(
        int(found[a]) == int(wanted[b]) for a, b in match_frames(Names(found), Names(wanted)).pairs
    )


def test_frames_counted_from_0_pair_in_order():
    match = match_frames(Names(['0', '1', '2']), Names(['0001', '0002', '0003']))
    assert match.pairs == [(0, 0), (1, 1), (2, 2)] and 'numbered from 0' in match.note
    match = match_frames(Names(['1', '2']), Names(['shot_00041', 'shot_00042']))
    assert match.pairs == [(0, 0), (1, 1)]


def test_maps_without_names_pair_in_order():
    match = match_frames(Names(['0001', '0002'], False), Names(['7', '8', '9']))
    assert match.pairs == [(0, 0), (1, 1)] and match.missing == [2]
    match = match_frames(Names(['a', 'b', 'c']), Names(['1', '2']))
    assert match.pairs == [(0, 0), (1, 1)] and match.extra == [2]


def test_frames_that_cannot_be_paired():
    with pytest.raises(DataError, match=r'3 frames numbered 1 to 3, .* 2 numbered 41 to 42'):
        match_frames(Names(['1', '2', '3']), Names(['41', '42']))


def test_videos_pair_by_number():
    assert match_videos(['701', '702'], ['0702', '0701']) == {'0701': '701', '0702': '702'}
    assert match_videos(['anything'], ['0701']) == {'0701': 'anything'}
    assert match_videos(['v1', 'v01'][:1], ['v1', 'v01']) == {'v1': 'v1'}
    with pytest.raises(DataError, match='two predictions of one video: 701 and 0701'):
        match_videos(['701', '0701'], ['0701', '0702'])
    with pytest.raises(DataError, match=r'no prediction has the name .*: x, y against 0701, 0702'):
        match_videos(['x', 'y'], ['0701', '0702'])


def test_zip_of_single_maps(tmp_path):
    write_predictions(tmp_path / 'v', MAPS, kind='npz')
    assert paths_of(find_predictions(tmp_path / 'v')) == {'v': tmp_path / 'v'}
    assert bytes_of(read_all(tmp_path / 'v')).shape == MAPS.shape

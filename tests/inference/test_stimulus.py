"""Whatever holds frames is read in the same way, and what holds none is named."""

import numpy as np
import pytest
from make_data import write_video
from make_video import encode_audio, encode_video, frame_number, numbered_frame, truncate
from PIL import Image

from salkit.errors import DataError
from salkit.inference import open_stimulus
from salkit.media.video import VideoReader


def frames_of(stimulus, **options):
    return np.stack(list(stimulus.frames(range(len(stimulus)), **options)))


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    return encode_video(tmp_path_factory.mktemp('v') / 'street.mp4', 14, bframes=2, fps=30)


def test_a_video(video):
    stimulus = open_stimulus(video)
    assert (stimulus.name, stimulus.kind, stimulus.path) == ('street', 'video', video)
    assert len(stimulus) == 14 and stimulus.size == (48, 80) and stimulus.fps == 30
    assert stimulus.names[0] == '0001' and stimulus.names[-1] == '0014'
    np.testing.assert_allclose(stimulus.times, np.arange(14) / 30, atol=1e-3)
    expected = VideoReader(video)[:]
    np.testing.assert_array_equal(frames_of(stimulus), expected)
    np.testing.assert_array_equal(stimulus.read(9), expected[9])
    chosen = [frame_number(frame) for frame in stimulus.frames([1, 4, 5, 13])]
    assert chosen == [1, 4, 5, 13]
    small = VideoReader(video).read(range(14), (16, 24))
    np.testing.assert_array_equal(frames_of(stimulus, size=(16, 24)), small)


def test_readings_at_the_same_time_do_not_disturb_each_other(video):
    stimulus = open_stimulus(video)
    pairs = zip(stimulus.frames(range(10)), stimulus.frames(range(4, 14)), strict=True)
    for number, (early, late) in enumerate(pairs):
        assert (frame_number(early), frame_number(late)) == (number, number + 4)


@pytest.mark.parametrize(
    'options, size',
    [
        (dict(rotation=90), (80, 48)),
        (dict(pix_fmt='yuv420p10le'), (48, 80)),
        (dict(pix_fmt='gray'), (48, 80)),
        (dict(codec='qtrle', pix_fmt='argb'), (48, 80)),
        (dict(times=[0, 1, 9, 30, 31], fps=25), (48, 80)),
    ],
    ids=['turned', 'ten-bit', 'grey', 'alpha', 'variable'],
)
def test_videos_of_every_kind_are_shown_right(tmp_path, predictor, options, size):
    suffix = '.mov' if options.get('codec') else '.mp4'
    path = encode_video(tmp_path / f'odd{suffix}', 5, **options)
    maps = predictor.predict(path)
    assert maps.shape == (5, *size)
    frames = frames_of(maps.stimulus)
    for number, frame in enumerate(frames):
        upright = np.rot90(frame) if options.get('rotation') else frame
        assert frame_number(upright) == number
    drawn = VideoReader(maps.overlay(tmp_path / 'out.mp4', alpha=0))
    assert (len(drawn), drawn.info.height, drawn.info.width) == (5, *size)
    np.testing.assert_allclose(drawn.info.times, maps.times, atol=1e-3)
    # Colours too, within what the codec loses.
    assert np.abs(drawn[:].astype(int) - frames).mean() < 6


def test_folders_of_frames(tmp_path):
    folder = write_video(tmp_path / 'clip', frames=11, size=(20, 30), name='clip_{}')
    for given_as in (folder, folder / 'images', str(folder)):
        stimulus = open_stimulus(given_as, fps=12)
        assert stimulus.kind == 'pictures' and stimulus.fps == 12 and stimulus.size == (20, 30)
        # In order of their numbers.
        assert list(stimulus.names) == [f'clip_{n}' for n in range(1, 12)]
        expected = np.asarray(Image.open(folder / 'images' / 'clip_10.png'))
        np.testing.assert_array_equal(stimulus.read(9), expected)
    assert open_stimulus(folder).name == 'clip'


def test_a_folder_with_its_video(tmp_path, video):
    (tmp_path / 'clip').mkdir()
    (tmp_path / 'clip' / 'video.mp4').symlink_to(video)
    stimulus = open_stimulus(tmp_path / 'clip')
    assert stimulus.kind == 'video' and stimulus.name == 'clip' and len(stimulus) == 14


def test_pictures_and_arrays(tmp_path):
    pixels = np.stack([numbered_frame(number) for number in range(4)])
    files = []
    for number, frame in enumerate(pixels):
        files.append(tmp_path / f'{number}.png')
        Image.fromarray(frame).save(files[-1])
    images = [Image.open(file) for file in files]
    for given_as in (pixels, list(pixels), files, [str(file) for file in files], images):
        np.testing.assert_array_equal(frames_of(open_stimulus(given_as)), pixels)
    for given_as in (pixels[1], files[1], images[1], [pixels[1]], [files[1]]):
        stimulus = open_stimulus(given_as)
        assert len(stimulus) == 1
        np.testing.assert_array_equal(stimulus.read(0), pixels[1])
    grey = np.repeat(pixels[..., :1], 3, axis=-1)
    np.testing.assert_array_equal(frames_of(open_stimulus(pixels[..., 0])), grey)
    np.testing.assert_array_equal(frames_of(open_stimulus([pixels[0, ..., 0]])), grey[:1])
    for as_one in (pixels[:1], pixels[:1, ..., :1], pixels[:1, ..., 0], pixels[0, ..., :1]):
        assert frames_of(open_stimulus(as_one)).shape == (1, *pixels.shape[1:])
    assert open_stimulus(stimulus) is stimulus


@pytest.mark.parametrize(
    'wrong, told',
    [
        (np.zeros((4, 20, 30, 3)), 'expected .* uint8 RGB, got float64'),
        (
            np.zeros((4, 3, 20, 30), np.uint8),
            r'before the rows, give array\.transpose\(0, 2, 3, 1\)',
        ),
        (np.zeros((4, 1, 20, 30), np.uint8), r'got shape \(4, 1, 20, 30\)'),
        (
            np.zeros((3, 20, 30), np.uint8),
            r'array\.transpose\(1, 2, 0\); for three .*\[\.\.\., None\]',
        ),
        ([np.zeros((3, 20, 30), np.uint8)], r'expected \(H, W, 3\) .* of shape \(3, 20, 30\)'),
        (np.zeros((20, 30, 4), np.uint8), r'expected \(H, W, 3\) .* of shape \(20, 30, 4\)'),
        (np.zeros((2, 4, 3, 20, 30), np.uint8), r'got shape \(2, 4, 3, 20, 30\)'),
        (np.uint8(3), r'got shape \(\)'),
        (np.zeros((0, 20, 30, 3), np.uint8), 'expected frames'),
        (np.zeros((4, 3, 3, 3), np.uint8), '3 x 3 pixels; expected at least 8 x 8'),
        ([], 'expected frames, got none'),
        ([np.zeros((9, 9, 3))], 'frame 1: expected .* got float64'),
        (7, 'got int'),
        ('nowhere.mp4', r'nowhere\.mp4: the file does not exist'),
        ('.', 'holds no pictures'),
    ],
)
def test_what_holds_no_frames(tmp_path, monkeypatch, wrong, told):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=told):
        open_stimulus(wrong)


def test_two_files_of_a_frame(tmp_path):
    for name in ('0001.jpg', '0001.png', '0002.png'):
        Image.fromarray(numbered_frame(1)).save(tmp_path / name)
    with pytest.raises(DataError, match=r'two files for frame 0001: 0001\.jpg and 0001\.png'):
        open_stimulus(tmp_path)
    (tmp_path / '0001.jpg').unlink()
    assert len(open_stimulus(tmp_path)) == 2


def test_frames_of_another_size_are_named(tmp_path):
    for number, size in enumerate([(20, 30), (20, 30), (30, 20)]):
        Image.new('RGB', size[::-1]).save(tmp_path / f'{number}.png')
    with pytest.raises(DataError, match=r'2\.png: the frame is 30 x 20 pixels, the first is 20 x'):
        frames_of(open_stimulus(tmp_path))


def test_videos_that_cannot_be_used(tmp_path, video):
    (tmp_path / 'text.mp4').write_text('no video')
    encode_audio(tmp_path / 'sound.mp4')
    encode_video(tmp_path / 'tiny.mkv', 3, size=(4, 4), codec='ffv1', pix_fmt='bgr0')
    whole = encode_video(tmp_path / 'whole.mkv', 40, gop=5)
    cut = truncate(whole, tmp_path / 'cut.mkv', 0.6)
    for name, told in {
        'text.mp4': 'cannot be read as a video',
        'sound.mp4': 'holds no video stream, only audio',
        'tiny.mkv': '4 x 4 pixels',
        'cut.mkv': 'was cut off, [0-9]+ frames of it are left',
    }.items():
        with pytest.raises(DataError, match=rf'{name}: .*{told}'):
            open_stimulus(tmp_path / name)
    left = open_stimulus(cut, allow_truncated=True)
    assert 0 < len(left) < 40 and frame_number(left.read(3)) == 3

"""How frames are turned, resized and converted."""

import av
import numpy as np
import pytest
from make_video import decode_all, encode_video, frame_number, numbered_frame
from PIL import Image

from salkit.datasets.transforms import LoadClip
from salkit.errors import ConfigError
from salkit.media.video import VideoReader
from salkit.media.video.picture import FrameConverter


@pytest.mark.parametrize('rotation', [0, 90, 180, 270])
@pytest.mark.parametrize('mirror', [False, True])
def test_frames_are_turned_as_shown(tmp_path, rotation, mirror):
    path = encode_video(tmp_path / 'a.mp4', 12, gop=4, rotation=rotation, mirror=mirror)
    stored = decode_all(path)
    assert frame_number(stored[7]) == 7
    with VideoReader(path) as video:
        expected = np.stack([np.rot90(frame, -rotation // 90) for frame in stored])
        if mirror:
            expected = expected[:, :, ::-1]
        assert (video.info.height, video.info.width) == expected.shape[1:3]
        np.testing.assert_array_equal(video.read(range(12)), expected)
        np.testing.assert_array_equal(video[9], expected[9])
        assert video[9].flags.c_contiguous


@pytest.mark.parametrize('size', [(24, 40), (48, 80), (17, 90), (96, 160)])
def test_resized_frames_equal_those_of_image_files(videos, tmp_path, size):
    path, expected = videos('h264-open')
    files = []
    for number in (3, 20, 35):
        files.append(str(tmp_path / f'{number}.png'))
        Image.fromarray(expected[number]).save(files[-1])
    clip = LoadClip(size=size).transform(dict(frame_paths=files))['clip']
    with VideoReader(path) as video:
        np.testing.assert_array_equal(video.read([3, 20, 35], size=size), clip)
        np.testing.assert_array_equal(next(iter(video.frames(20, 21, size=size))), clip[1])
        # Kept frames of one size are not taken for those of another.
        np.testing.assert_array_equal(video[3], expected[3])
        np.testing.assert_array_equal(video.read([3], size=list(size))[0], clip[0])


@pytest.mark.parametrize('size', [(0, 4), (4,), (1, 2, 3), (-1, 5)])
def test_sizes_that_are_none(videos, size):
    with VideoReader(videos('h264')[0]) as video:
        with pytest.raises(ConfigError, match='size must be'):
            video.read([0], size=size)
        with pytest.raises(ConfigError, match='size must be'):
            next(video.frames(size=size))


def test_alpha_is_ignored(tmp_path):
    rgba = np.dstack([numbered_frame(3), np.tile(np.arange(80, dtype=np.uint8) * 3, (48, 1))])
    path = tmp_path / 'a.mov'
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('png', rate=25)
        stream.height, stream.width = 48, 80
        stream.pix_fmt = 'rgba'
        container.mux(stream.encode(av.VideoFrame.from_ndarray(rgba, format='rgba')))
        container.mux(stream.encode(None))
    np.testing.assert_array_equal(VideoReader(path)[0], rgba[..., :3])


@pytest.mark.parametrize('stored', ['yuv420p', 'yuv422p10le', 'gbrp10le', 'pal8'])
def test_conversions_equal_those_of_pyav(stored):
    frame = av.VideoFrame(97, 65, stored)
    rng = np.random.default_rng(0)
    for plane in frame.planes:
        plane.update(rng.bytes(plane.buffer_size))
    converter = FrameConverter()
    for layout in ('rgb24', 'rgb48le', 'yuv444p', 'gray'):
        expected = frame.to_ndarray(format=layout)
        np.testing.assert_array_equal(converter.stored(frame, layout), expected)

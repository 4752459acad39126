"""Levels of gray videos, beside those of the PNG files that ffmpeg makes of them."""

import json
import os
import platform
import signal
from pathlib import Path

import av
import numpy as np
import pytest
from make_video import encode_video, frame_number, numbered_frame, truncate
from score_data import write_luma

from salkit.errors import DataError
from salkit.media.gray_video import count_frames, read_frames

# What `ffmpeg -i VIDEO %03d.png` (5.1.9, x86-64) makes of each luma, of limited range and 8 bits.
FFMPEG = json.loads((Path(__file__).parents[1] / 'data' / 'ffmpeg_levels.json').read_text())
LUMA = np.arange(256, dtype=np.uint8)
# Elsewhere, FFmpeg's other code gives up to two levels less.
OFF = 0 if platform.machine().lower() in ('x86_64', 'amd64') else 2


def read(path):
    (frame,) = read_frames(path)
    return frame


@pytest.mark.parametrize(
    ('pix_fmt', 'rows', 'known'),
    [
        ('yuv420p', 4, 'rounded down'),
        ('yuv422p', 4, 'rounded down'),
        ('yuv420p', 5, 'odd rows'),
        ('yuv422p', 5, 'odd rows'),
        ('yuv411p', 4, 'odd rows'),
        ('yuv444p', 4, 'rounded'),
        ('yuv444p', 5, 'rounded'),
    ],
)
def test_every_level_of_limited_range_is_that_of_ffmpeg(tmp_path, pix_fmt, rows, known):
    levels = read(write_luma(tmp_path / 'v.mkv', np.tile(LUMA, (1, rows, 1)), pix_fmt))
    assert levels.dtype == np.uint8
    off = 0 if known == 'rounded' else OFF
    np.testing.assert_allclose(levels, np.tile(FFMPEG[known], (rows, 1)), rtol=0, atol=off)


@pytest.mark.parametrize('pix_fmt', ['yuv420p', 'yuv422p', 'yuv444p', 'gray'])
def test_levels_of_full_range_stay(tmp_path, pix_fmt):
    levels = read(write_luma(tmp_path / 'v.mkv', np.tile(LUMA, (1, 5, 1)), pix_fmt, full=True))
    np.testing.assert_array_equal(levels, np.tile(LUMA, (5, 1)))


@pytest.mark.parametrize('full', [False, True])
def test_deep_levels_are_as_fine_as_they_are(tmp_path, full):
    path = write_luma(tmp_path / 'v.mkv', np.tile(LUMA, (1, 4, 1)), 'yuv420p10le', full=full)
    exact = LUMA * 4.0 / 1023 if full else np.clip((LUMA * 4.0 - 64) / 876, 0, 1)
    np.testing.assert_allclose(read(path), np.tile(exact, (4, 1)), rtol=0, atol=1e-6)


def test_forked_processes_read_as_well(tmp_path):
    path = write_luma(tmp_path / 'v.mkv', np.tile(LUMA, (1, 64, 1)), 'yuv420p10le')
    expected = read(path)
    child = os.fork()
    if child == 0:
        # A conversion that waits for threads of the parent waits forever.
        signal.alarm(20)
        # os._exit: what pytest does at its end is the parent's.
        try:
            right = np.array_equal(read(path), expected)
        except BaseException:
            right = False
        os._exit(0 if right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_tinge_counts_as_the_mean_of_the_channels(tmp_path):
    # As OpenCV writes gray that it was given as colors.
    path = write_luma(tmp_path / 'v.mkv', np.tile(LUMA, (1, 4, 1)), chroma=127)
    levels = read(path)
    with av.open(str(path)) as container:
        rgb = next(container.decode(video=0)).to_ndarray(format='rgb24')
    assert np.ptp(rgb.astype(int), axis=2).max() > 0 and levels.dtype == np.float32
    np.testing.assert_allclose(levels * 255, rgb.mean(axis=2), rtol=0, atol=1e-4)
    assert np.abs(read(write_luma(path, np.tile(LUMA, (1, 4, 1)), chroma=121)) - levels).max() < 0.1
    with pytest.raises(DataError, match=r'v\.mkv, frame 1: expected a grey map, got colours'):
        read(write_luma(path, np.tile(LUMA, (1, 4, 1)), chroma=100))


def test_a_palette_of_colors_is_refused(tmp_path):
    picture = av.VideoFrame(16, 8, 'pal8')
    picture.planes[0].update(np.tile(np.arange(16, dtype=np.uint8), 8).tobytes())
    for name, colors in dict(gray=(3, 3, 3), color=(3, 0, 9)).items():
        palette = np.zeros((256, 4), np.uint8)
        palette[:16, :3] = np.arange(16)[:, None] * np.array(colors, np.uint8)
        palette[:, 3] = 255
        picture.planes[1].update(palette.tobytes())
        path = tmp_path / f'{name}.avi'
        with av.open(str(path), 'w') as container:
            stream = container.add_stream('png', rate=25)
            stream.height, stream.width, stream.pix_fmt = 8, 16, 'pal8'
            container.mux(stream.encode(picture))
            container.mux(stream.encode(None))
    np.testing.assert_array_equal(read(tmp_path / 'gray.avi'), np.tile(np.arange(16) * 3, (8, 1)))
    with pytest.raises(DataError, match=r'color\.avi, frame 1: expected a grey map, got colours'):
        read(tmp_path / 'color.avi')


@pytest.mark.parametrize('pix_fmt', ['yuv420p', 'gray', 'gray10le'])
def test_frames_are_turned_as_they_are_shown(tmp_path, pix_fmt):
    codec = 'libx264' if pix_fmt == 'yuv420p' else 'ffv1'
    image = np.zeros((48, 80, 3), np.uint8)
    image[:12, :20] = 255
    path = encode_video(
        tmp_path / 'v.mp4', 1, codec=codec, pix_fmt=pix_fmt, images=[image], rotation=90
    )
    shown = read(path)
    assert shown.shape == (80, 48)
    white = shown > shown.max() / 2
    assert white[:20, -12:].mean() > 0.9 and white.mean() < 0.07


@pytest.mark.parametrize('first', [0, 5])
def test_frames_that_an_edit_list_shows_are_counted(tmp_path, first):
    gray = [numbered_frame(number, colour=False) for number in range(40)]
    options = dict(gop=8, bframes=2, container_options={'movflags': 'faststart'})
    path = encode_video(tmp_path / 'v.mp4', 40, images=gray, **options)
    content = bytearray(path.read_bytes())
    # Version and flags, one entry: half of the duration, then the time in the media where it
    # begins, of which a frame takes 512.
    at = content.index(b'elst') + 12
    duration, start = (int.from_bytes(content[at + i : at + i + 4], 'big') for i in (0, 4))
    content[at : at + 8] = b''.join(
        value.to_bytes(4, 'big') for value in (duration // 2, start + 512 * first)
    )
    path.write_bytes(content)
    assert count_frames(path) == 20
    shown = [frame_number(np.stack([frame] * 3, -1)) for frame in read_frames(path)]
    assert shown == [*range(first, first + 20)]
    with pytest.raises(
        DataError, match=r'cut\.mp4: the video was cut off, .* frames of it are left'
    ):
        count_frames(truncate(path, tmp_path / 'cut.mp4', 0.9))


def test_a_cover_picture_is_no_frame(tmp_path):
    with av.open(str(tmp_path / 'v.mp4'), 'w') as container:
        cover, video = (container.add_stream(codec, rate=25) for codec in ('png', 'libx264'))
        cover.width, cover.height, cover.pix_fmt = 320, 240, 'rgb24'
        cover.disposition = av.stream.Disposition.attached_pic
        video.width, video.height, video.pix_fmt = 80, 48, 'yuv420p'
        red = av.VideoFrame.from_ndarray(np.full((240, 320, 3), (255, 0, 0), 'u1'), format='rgb24')
        for stream, pictures in ((cover, [red]), (video, map(gray_frame, range(6)))):
            for picture in pictures:
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))
    assert count_frames(tmp_path / 'v.mp4') == 6
    assert [frame.shape for frame in read_frames(tmp_path / 'v.mp4')] == [(48, 80)] * 6


def gray_frame(number):
    frame = av.VideoFrame.from_ndarray(numbered_frame(number, colour=False), format='rgb24')
    frame.pts = number
    return frame

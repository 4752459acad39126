"""Every frame of every kind of video equals that of a plain sequential decode."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from make_video import encode_video, frame_number, numbered_frame
from video_kinds import KINDS, UNEVEN

from salkit.errors import ConfigError
from salkit.media.video import VIDEO_SUFFIXES, VideoReader, is_video

# Kinds where the packets tell all that decoding would.
TELLING = [
    'h264',
    'h264-faststart',
    'h264-open',
    'h264-open-mkv',
    'h264-long',
    'h264-10bit',
    'h264-grey',
    'h264-uneven',
    'h264-late',
    'h264-audio',
    'hevc',
    'ffv1-odd',
]
# Kinds with one key frame, or several that are none in truth.
FROM_START = {'h264-long', 'h264-refresh'}


@pytest.mark.parametrize('kind', KINDS)
def test_frames_equal_a_sequential_decode(videos, kind):
    path, expected = videos(kind)
    with VideoReader(path) as video:
        assert len(video) == len(expected)
        assert video.info.frames == len(video.info.times) == len(expected)
        assert (video.info.height, video.info.width) == expected.shape[1:3]
        assert not video.info.truncated and not video.info.errors
        for number, frame in enumerate(video.frames()):
            np.testing.assert_array_equal(frame, expected[number], err_msg=f'frame {number}')
        assert number == len(expected) - 1
        # Backwards, each by a seek of its own.
        for number in reversed(range(len(expected))):
            np.testing.assert_array_equal(video[number], expected[number], f'frame {number}')


@pytest.mark.parametrize('kind', KINDS)
def test_frames_show_their_numbers(videos, kind):
    path, _ = videos(kind)
    with VideoReader(path) as video:
        first = 5 if kind == 'h264-edited' else 0
        shown = [frame_number(frame) for frame in video]
    assert shown == list(range(first, first + len(shown)))


@pytest.mark.parametrize('kind', sorted(KINDS.keys() - FROM_START))
def test_decoding_starts_at_key_frames(videos, kind):
    path, expected = videos(kind)
    with VideoReader(path) as video:
        last = len(expected) - 1
        np.testing.assert_array_equal(video[last], expected[last])
        decoded = video._decoder.decoded
    # The last frames from a key frame on, and what is shown before it.
    assert decoded <= 17


@pytest.mark.parametrize('kind', TELLING)
def test_packets_tell_what_decoding_gives(videos, kind):
    path, expected = videos(kind)
    decoded = VideoReader(path, index='decode')._index
    # Another path, so that the index of the decoded one is not found.
    link = path.with_name(f'copy-of-{path.name}')
    link.write_bytes(path.read_bytes())
    with VideoReader(link, index='packets') as video:
        told = video._index
        assert told.source == 'packets'
        for field in ('packet', 'pts', 'dts', 'position'):
            np.testing.assert_array_equal(getattr(told, field), getattr(decoded, field), field)
        np.testing.assert_array_equal(told.info.times, decoded.info.times)
        order = np.random.default_rng(0).permutation(len(expected))
        np.testing.assert_array_equal(video.read(order), expected[order])


@pytest.mark.parametrize('kind', ['vp8-hidden', 'h264-edited', 'mpeg4-b', 'h264-bare'])
def test_packets_that_do_not_tell_are_decoded(videos, kind):
    path, expected = videos(kind)
    with VideoReader(path, index='packets') as video:
        assert video._index.source == 'decode'
        assert len(video) == len(expected)


def test_long_videos_are_indexed_by_their_packets(videos, monkeypatch):
    path, _ = videos('h264')
    assert VideoReader(path)._index.source == 'decode'
    monkeypatch.setattr('salkit.media.video.index_build.DECODED_PIXELS', 1000)
    path.with_name('long.mp4').write_bytes(path.read_bytes())
    assert VideoReader(path.with_name('long.mp4'))._index.source == 'packets'
    # Who asks for more does not get the kept index.
    assert VideoReader(path.with_name('long.mp4'), index='decode')._index.source == 'decode'
    assert VideoReader(path.with_name('long.mp4'))._index.source == 'decode'


RANDOM = [
    'h264-open',
    'hevc-open',
    'avi-h264-b',
    'mpeg4-b',
    'vp9-hidden',
    'h264-refresh',
    'repeated-pts',
    'mpeg2',
    'h264-bare',
    'ffv1-grey',
]


@pytest.mark.parametrize('kind', RANDOM)
@settings(
    max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
@given(data=st.data())
def test_any_order_of_reading(videos, kind, data):
    path, expected = videos(kind)
    numbers = st.integers(0, len(expected) - 1)
    calls = data.draw(st.lists(st.lists(numbers, max_size=6), min_size=1, max_size=6))
    with VideoReader(path) as video:
        for indices in calls:
            np.testing.assert_array_equal(video.read(indices), expected[indices])


def test_following_frames_are_decoded_once(videos):
    path, expected = videos('h264-long')
    with VideoReader(path) as video:
        for first in range(0, 48, 16):
            clip = video.read(range(first, first + 16))
            np.testing.assert_array_equal(clip, expected[first : first + 16])
            assert video._decoder.decoded == first + 16
        # Repeated and unsorted within one call: still once each.
        video.read([51, 49, 52, 49, 51])
        assert video._decoder.decoded == 53


def test_indices_as_in_a_sequence(videos):
    path, expected = videos('h264')
    with VideoReader(path) as video:
        np.testing.assert_array_equal(video[-1], expected[-1])
        np.testing.assert_array_equal(video[3:9:2], expected[3:9:2])
        np.testing.assert_array_equal(video.read(np.array([2, -36])), expected[[2, 0]])
        assert video.read([]).shape == (0, 48, 80, 3)
        assert video.read([], size=(6, 7)).shape == (0, 6, 7, 3)
        assert len(list(video.frames(30, 90))) == 6
        assert len(list(video.frames(-4))) == 4
        for index in (36, -37):
            with pytest.raises(IndexError, match=r'h264\.mp4: frame -?3[67] of 36'):
                video[index]


def test_frames_and_read_may_alternate(videos):
    path, expected = videos('h264-open')
    with VideoReader(path) as video:
        for number, frame in enumerate(video.frames()):
            np.testing.assert_array_equal(frame, expected[number])
            other = (7 * number) % len(expected)
            np.testing.assert_array_equal(video[other], expected[other])


def test_a_second_reader_goes_its_own_way(videos, monkeypatch):
    path, expected = videos('h264-open')
    with VideoReader(path) as video:
        # It needs no index of its own.
        monkeypatch.setattr('salkit.media.video.reader.build_index', None)
        monkeypatch.setattr('salkit.media.video.reader.load_index', None)
        other = video.copy(threads=2)
        pairs = zip(video.frames(), other.frames(3), strict=False)
        for number, (one, two) in enumerate(pairs):
            np.testing.assert_array_equal(one, expected[number])
            np.testing.assert_array_equal(two, expected[number + 3])
        assert number == len(expected) - 4
    # The first one is closed, the second is not.
    np.testing.assert_array_equal(other[0], expected[0])
    other.close()


@pytest.mark.parametrize('kind', ['h264-uneven', 'h264-uneven-mkv'])
def test_times_of_uneven_frames(videos, kind):
    info = VideoReader(videos(kind)[0]).info
    np.testing.assert_allclose(info.times, np.array(UNEVEN) / 1000, atol=1e-3)
    assert info.fps == pytest.approx(35 / UNEVEN[-1] * 1000, rel=1e-3)


def test_info(videos):
    info = VideoReader(videos('h264-late')[0]).info
    assert info.fps == 25
    np.testing.assert_allclose(info.times, np.arange(36) / 25, atol=1e-3)
    for kind in ('avi-h264-b', 'mpeg4-b', 'h264-edited', 'h264-bare', 'mpeg2'):
        info = VideoReader(videos(kind)[0]).info
        np.testing.assert_allclose(info.times, np.arange(info.frames) / 25, atol=1e-3)
    gaps = VideoReader(videos('avi-gaps')[0]).info
    np.testing.assert_allclose(gaps.times * 25, [0, 1, 4, 5, 6, 9, 10, 20, 21])
    assert not gaps.truncated


@pytest.mark.parametrize(
    'codec, pix_fmt, suffix',
    [
        ('ffv1', 'bgr0', 'mkv'),
        ('libx264rgb', 'rgb24', 'mkv'),
        ('png', 'rgb24', 'mov'),
        ('utvideo', 'gbrp', 'avi'),
        ('huffyuv', 'rgb24', 'avi'),
        ('rawvideo', 'bgr24', 'avi'),
    ],
)
def test_lossless_codecs_give_what_went_in(tmp_path, codec, pix_fmt, suffix):
    options = {'crf': '0'} if codec == 'libx264rgb' else None
    path = encode_video(
        tmp_path / f'a.{suffix}', 20, codec=codec, pix_fmt=pix_fmt, gop=6, options=options
    )
    with VideoReader(path) as video:
        assert len(video) == 20
        for number in np.random.default_rng(0).permutation(20):
            np.testing.assert_array_equal(video[number], numbered_frame(number))


def test_threads_change_nothing(videos):
    path, expected = videos('h264-open')
    with VideoReader(path, threads=3) as video:
        np.testing.assert_array_equal(video.read(range(36)), expected)
        np.testing.assert_array_equal(video[9], expected[9])


def test_names_of_videos(tmp_path):
    assert is_video('a/001.AVI') and is_video(tmp_path / 'x.mp4')
    assert not is_video('a/001.png') and not is_video('mp4')
    assert all(suffix == suffix.lower() for suffix in VIDEO_SUFFIXES)


@pytest.mark.parametrize(
    'options',
    [
        dict(index='fast'),
        dict(threads=-1),
    ],
)
def test_arguments_out_of_range(videos, options):
    with pytest.raises(ConfigError, match='VideoReader'):
        VideoReader(videos('h264')[0], **options)

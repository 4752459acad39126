"""Videos cut off, damaged, or none at all: what decodes is given, the rest is one clear error."""

import os
import shutil

import av
import numpy as np
import pytest
from make_video import decode_all, encode_audio, encode_video, frame_number, truncate

from salkit.errors import DataError
from salkit.media.images import resize_image
from salkit.media.video import VideoReader, open_video

CUT = [
    'mpeg4-b',
    'avi-h264-b',
    'avi-mjpeg',
    'h264-faststart',
    'h264-open-mkv',
    'h264-fragments',
    'vp9-hidden',
    'vp8-hidden',
    'hevc-open',
    'mpeg2',
    'h264-ts',
    'ffv1-grey',
    'avi-audio',
]
# Containers that do not say how long they are.
SILENT = {'mpeg2', 'h264-ts'}


def check_against_plain_decode(path, **options):
    """Compare a reader with a plain decode; gives its info, or None where neither gives frames."""
    try:
        expected, other, another = (decode_all(path, hold) for hold in (0, 1, 1000))
    except (av.FFmpegError, ValueError):
        expected = []
    if not expected:
        with pytest.raises(DataError, match=path.name):
            list(VideoReader(path, **options))
        return None
    with VideoReader(path, **options) as video:
        assert len(video) == len(expected)
        for number in np.random.default_rng(0).permutation(len(expected))[:12]:
            frame = expected[number]
            if frame.shape != expected[0].shape:
                assert video[number].shape == expected[0].shape
            elif np.array_equal(frame, other[number]) and np.array_equal(frame, another[number]):
                np.testing.assert_array_equal(video[number], frame, f'frame {number}')
        return video.info


@pytest.mark.parametrize('kind', CUT)
@pytest.mark.parametrize('share', [0.3, 0.55, 0.8, 0.97])
def test_truncated_videos(videos, tmp_path, kind, share):
    whole, frames = videos(kind)
    path = truncate(whole, tmp_path / f'cut{whole.suffix}', share)
    info = check_against_plain_decode(path)
    if info is not None and info.frames < len(frames) and kind not in SILENT:
        assert info.truncated


def test_most_of_a_truncated_video_is_there(tmp_path):
    whole = encode_video(
        tmp_path / 'a.avi', 60, size=(96, 160), codec='mpeg4', bframes=2, options={'qscale': '2'}
    )
    path = truncate(whole, tmp_path / 'cut.avi', 0.7)
    with VideoReader(path) as video:
        assert video.info.truncated
        assert 24 <= len(video) <= 48
        assert [frame_number(frame) for frame in video.frames(0, 20)] == list(range(20))
    assert not VideoReader(whole).info.truncated


def test_an_mp4_without_its_index_is_named(videos, tmp_path):
    path = truncate(videos('h264')[0], tmp_path / 'cut.mp4', 0.5)
    with pytest.raises(DataError, match=r'cut\.mp4: cannot be read as a video \(Invalid data'):
        VideoReader(path)


@pytest.mark.parametrize('kind', ['h264', 'mpeg4-b', 'avi-h264-b', 'vp9-hidden', 'mpeg2', 'av1'])
@pytest.mark.parametrize('seed', range(8))
def test_damaged_bytes(videos, tmp_path, kind, seed):
    whole, _ = videos(kind)
    content = bytearray(whole.read_bytes())
    rng = np.random.default_rng(seed)
    # Not the headers at both ends.
    start = len(content) // 3
    for at in rng.integers(start, start + len(content) // 3, 6 * (seed + 1)):
        content[at] ^= int(rng.integers(1, 256))
    path = tmp_path / f'damaged{whole.suffix}'
    path.write_bytes(content)
    check_against_plain_decode(path)


def test_lost_packets_are_counted_and_left_out(tmp_path):
    path = encode_video(tmp_path / 'a.avi', 30, codec='ffv1', pix_fmt='bgr0', gop=1)
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.size]
    # The place names the chunk; its 8 bytes of header are followed by the frame.
    for number in (10, 20):
        content[places[number] + 8 : places[number] + 60] = bytes(52)
    path.write_bytes(content)
    info = check_against_plain_decode(path)
    with VideoReader(path) as video:
        assert info.errors == 30 - len(video) > 0
        shown = [frame_number(frame) for frame in video]
    assert shown == [number for number in range(30) if number not in (10, 20)]


def test_an_index_that_turns_out_wrong_is_corrected(tmp_path):
    # No two frames alike, so that the end and the start are far from the damaged middle.
    path = encode_video(tmp_path / 'a.mkv', 130, codec='ffv1', pix_fmt='bgr0', gop=1)
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.size]
    content[places[100] + 20 : places[100] + 60] = bytes(40)
    path.write_bytes(content)
    video = VideoReader(path, index='packets')
    assert len(video) == 130
    assert frame_number(video[99]) == 99
    with pytest.raises(DataError, match=r'damaged around frame 1\d\d.*130 frames, 129 decode'):
        video.read([99, 100, 101])
    with VideoReader(path, index='packets') as video:
        assert len(video) == 129
        assert frame_number(video[100]) == 101


def test_files_that_are_no_videos(tmp_path):
    (tmp_path / 'text.mp4').write_text('a line of text\n' * 200)
    (tmp_path / 'empty.avi').write_bytes(b'')
    (tmp_path / 'noise.mkv').write_bytes(np.random.default_rng(0).bytes(5000))
    (tmp_path / 'folder.mp4').mkdir()
    (tmp_path / 'list.mp4').write_text('#EXTM3U\n#EXTINF:1,\nhttp://localhost:9/a.ts\n')
    encode_audio(tmp_path / 'sound.mp4')
    for name, reason in {
        'text.mp4': 'cannot be read as a video',
        'empty.avi': 'cannot be read as a video',
        'noise.mkv': 'cannot be read as a video',
        'list.mp4': '',
        'folder.mp4': 'is a folder, expected a regular file',
        'sound.mp4': 'holds no video stream, only audio',
        'none.mp4': 'does not exist',
    }.items():
        for opened in (VideoReader, open_video):
            with pytest.raises(DataError, match=rf'{name}: .*{reason}'):
                opened(tmp_path / name)


def test_a_cover_picture_is_no_video(tmp_path):
    path = tmp_path / 'song.mp4'
    with av.open(str(path), 'w') as container:
        cover = container.add_stream('png', rate=25)
        cover.width, cover.height, cover.pix_fmt = 32, 32, 'rgb24'
        cover.disposition = av.stream.Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format='rgb24')
        container.mux(cover.encode(picture))
        container.mux(cover.encode(None))
    with pytest.raises(DataError, match='holds no video stream, only cover picture'):
        VideoReader(path)


def test_a_video_without_frames(videos, tmp_path):
    path = tmp_path / 'none.avi'
    with av.open(str(path), 'w') as container:
        stream = container.add_stream_from_template(av.open(str(videos('mpeg4')[0])).streams[0])
        assert stream.type == 'video'
        container.start_encoding()
    with pytest.raises(DataError, match=r'none\.avi: '):
        VideoReader(path)


def test_frames_of_several_sizes_are_scaled_to_the_first(tmp_path):
    parts = [
        encode_video(tmp_path / f'{number}.h264', 6, size=size, format='h264', pix_fmt=pix_fmt)
        for number, (size, pix_fmt) in enumerate(
            [((48, 80), 'yuv420p'), ((64, 80), 'yuv444p'), ((96, 160), 'yuv420p10le')]
        )
    ]
    path = tmp_path / 'both.h264'
    path.write_bytes(b''.join(part.read_bytes() for part in parts))
    with VideoReader(path) as video:
        (warning,) = video.info.warnings
        assert warning.startswith('frame 7 has 64 x 80 pixels; such frames are scaled to the 48 x')
        assert [frame_number(frame) for frame in video] == [*range(6)] * 3
        assert video[:].shape == (18, 48, 80, 3)
        expected = resize_image(decode_all(path)[9], (48, 80))
        np.testing.assert_array_equal(video[9], expected)
        assert video.read([2, 9], size=(24, 40)).shape == (2, 24, 40, 3)


def test_a_video_that_changed_meanwhile(videos, tmp_path):
    path = tmp_path / 'a.mp4'
    shutil.copy(videos('h264')[0], path)
    video, pooled = VideoReader(path), open_video(path)
    shutil.copy(videos('h264-audio')[0], path)
    os.utime(path, ns=(1, 1))
    with pytest.raises(DataError, match=r'a\.mp4: the video has changed since it was opened'):
        video.read([0])
    assert open_video(path) is not pooled
    np.testing.assert_array_equal(open_video(path)[3], videos('h264-audio')[1][3])


def test_odd_names(videos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source, expected = videos('h264')
    for name in ('a:b.mp4', 'http:x.mp4', 'f%03d.mp4', 'größe 1.mp4', 'concat:a|b.mp4'):
        shutil.copy(source, tmp_path / name)
        np.testing.assert_array_equal(VideoReader(name)[2], expected[2])


def test_metadata_in_another_encoding(tmp_path):
    path = tmp_path / 'a.mkv'
    with av.open(str(path), 'w') as container:
        container.metadata['title'] = 'Strasse'
        stream = container.add_stream('mpeg4', rate=25)
        stream.height, stream.width = 48, 80
        container.mux(stream.encode(av.VideoFrame(80, 48, 'yuv420p')))
        container.mux(stream.encode(None))
    content = path.read_bytes()
    assert b'Strasse' in content
    path.write_bytes(content.replace(b'Strasse', b'Stra\xdfe '))
    assert len(VideoReader(path)) == 1


def test_ffmpeg_says_nothing_by_itself(videos, tmp_path, capfd):
    path = truncate(videos('avi-h264-b')[0], tmp_path / 'cut.avi', 0.8)
    VideoReader(path).read([0])
    list(VideoReader(videos('h264-grey')[0]))
    assert capfd.readouterr() == ('', '')

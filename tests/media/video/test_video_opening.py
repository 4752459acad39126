"""What may be opened: one regular file, in a container of videos, of frames of a sane size."""

import os
import subprocess
import sys

import av
import numpy as np
import pytest
from make_video import encode_video, frame_number

from salkit.errors import DataError, DataWarning
from salkit.media.gray_video import count_frames, read_frames
from salkit.media.images import MOST_PIXELS
from salkit.media.video import VIDEO_SUFFIXES, VideoReader, VideoWriter, open_file, source
from salkit.media.video.source import CONTAINERS

# Each names other.mkv, a video beside it.
LISTS = {
    'playlist': '#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\nother.mkv\n#EXT-X-ENDLIST\n',
    'list of files': 'ffconcat version 1.0\nfile other.mkv\n',
    'manifest': '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period duration="PT1S"><AdaptationSet>'
    '<Representation id="1" mimeType="video/mp4" bandwidth="1"><BaseURL>other.mkv</BaseURL>'
    '<SegmentBase/></Representation></AdaptationSet></Period></MPD>',
    'session': 'v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n'
    'm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n',
    'subtitles': '1\n00:00:00,000 --> 00:00:02,000\nother.mkv\n' * 20,
    'metadata': ';FFMETADATA1\ntitle=other.mkv\n',
    'picture': '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">'
    '<image href="other.mkv"/></svg>',
    'picture of letters': 'P3 9 9 255\n' + '1 2 3 ' * 81,
}


@pytest.mark.parametrize('name', LISTS)
@pytest.mark.parametrize('suffix', ['.mp4', '.ts', '.mpg'])
def test_what_names_other_files_stays_shut(tmp_path, name, suffix):
    encode_video(tmp_path / 'other.mkv', 3)
    path = tmp_path / f'x{suffix}'
    path.write_text(LISTS[name])
    for opened in (VideoReader, count_frames, open_file, lambda path: list(read_frames(path))):
        with pytest.raises(DataError, match=rf'x\{suffix}: cannot be read as a video') as caught:
            opened(path)
        assert '\n' not in str(caught.value)


def with_reference(path, target):
    """Have an .mp4's samples lie in another file, as QuickTime's reference movies do."""
    content = path.read_bytes()
    name = str(target).encode()
    alias = bytes(10) + bytes([0]) + bytes(27) + bytes(12) + bytes([0]) + bytes(63) + bytes(16)
    # Absolute; then the name of the file.
    alias += (1).to_bytes(2, 'big') * 2 + bytes(16)
    alias += (2).to_bytes(2, 'big') + len(name).to_bytes(2, 'big') + name + b'\0' * (len(name) % 2)
    alias += b'\xff\xff\0\0'
    entry = (len(alias) + 12).to_bytes(4, 'big') + b'alis' + bytes(4) + alias
    start = content.index(b'dref') - 4
    end = start + int.from_bytes(content[start : start + 4], 'big')
    body = b'dref' + bytes(4) + (1).to_bytes(4, 'big') + entry
    box = (len(body) + 4).to_bytes(4, 'big') + body
    content, more = bytearray(content[:start] + box + content[end:]), len(box) - (end - start)
    for parent in (b'moov', b'trak', b'mdia', b'minf', b'dinf'):
        at = content.index(parent) - 4
        size = int.from_bytes(content[at : at + 4], 'big') + more
        content[at : at + 4] = size.to_bytes(4, 'big')
    path.write_bytes(content)


def test_references_to_other_files_are_not_followed(tmp_path):
    path = encode_video(tmp_path / 'x.mov', 3)
    target = tmp_path / 'target.mov'
    target.write_bytes(path.read_bytes())
    with_reference(path, target)
    # The file is as it is meant: FFmpeg follows it when it is told to.
    with av.open(str(path), options={'enable_drefs': '1', 'use_absolute_path': '1'}) as container:
        assert len(list(container.decode(video=0))) == 3
    for opened in (VideoReader, count_frames, lambda path: list(read_frames(path))):
        with pytest.raises(DataError, match=r'x\.mov: '):
            opened(path)


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='needs named pipes')
def test_pipes_and_devices_are_not_read(tmp_path):
    os.mkfifo(tmp_path / 'pipe.mp4')
    (tmp_path / 'device.mp4').symlink_to('/dev/zero')
    (tmp_path / 'folder.mp4').mkdir()
    code = """
from salkit.errors import DataError, DataWarning
from salkit.inference.stimulus import VideoStimulus
from salkit.media.gray_video import count_frames, read_frames
from salkit.media.video import VideoReader, open_file, open_video

for opened in (VideoReader, open_video, open_file, count_frames, VideoStimulus,
               lambda path: list(read_frames(path))):
    for name in ('pipe', 'device', 'folder'):
        try:
            opened(f'{name}.mp4')
        except DataError as error:
            assert str(error) == f'{name}.mp4: is a {name}, expected a regular file'
        else:
            raise AssertionError(name)
"""
    subprocess.run([sys.executable, '-c', code], check=True, timeout=60, cwd=tmp_path)


@pytest.mark.parametrize('name', ['-i.mp4', 'f%03d.mp4', 'concat:a|b.mp4', 'http:x.mp4', 'é ‮.mp4'])
def test_odd_names_are_names(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with VideoWriter(name, (48, 80), gray=True) as writer:
        writer.write(np.full((48, 80), 7, np.uint8))
    assert len(VideoReader(name)) == count_frames(name) == 1
    assert next(iter(read_frames(name))).shape == (48, 80)


@pytest.mark.parametrize('suffix', VIDEO_SUFFIXES)
def test_every_suffix_has_its_container(tmp_path, suffix):
    codec = {
        '.asf': 'wmv2',
        '.wmv': 'wmv2',
        '.mxf': 'mpeg2video',
        '.ogv': 'libtheora',
        '.vob': 'mpeg2video',
        '.webm': 'libvpx',
    }.get(suffix, 'libx264')
    if suffix == '.ogv':
        path = encode_video(tmp_path / 'a.ogv', 12, codec='flv', format='flv')
    else:
        path = encode_video(tmp_path / f'a{suffix}', 12, codec=codec)
    with open_file(path) as container:
        assert set(container.format.name.split(',')) & set(CONTAINERS)
    assert [frame_number(frame) for frame in VideoReader(path)] == list(range(12))


# Sizes -------------------------------------------------------------------------------------------


def test_frames_that_declare_too_many_pixels(tmp_path):
    path = encode_video(tmp_path / 'a.avi', 3, codec='ffv1', pix_fmt='bgr0')
    content = bytearray(path.read_bytes())
    at = content.index(b'strf') + 12
    assert content[at : at + 8] == (80).to_bytes(4, 'little') + (48).to_bytes(4, 'little')
    content[at : at + 8] = (12_000).to_bytes(4, 'little') * 2
    path.write_bytes(content)
    for opened in (VideoReader, count_frames):
        with pytest.raises(
            DataError, match=r'decodes.*; frames may have 67 million pixels at most'
        ):
            opened(path)
    with pytest.raises(DataError, match='is damaged behind frame 0'):
        list(read_frames(path))


@pytest.mark.skipif(not os.path.exists('/proc/self/status'), reason='needs /proc')
def test_no_memory_is_taken_for_what_is_declared(tmp_path):
    path = encode_video(tmp_path / 'a.mov', 3, codec='png', pix_fmt='rgb24')
    content = path.read_bytes()
    head = b'IHDR' + (80).to_bytes(4, 'big') + (48).to_bytes(4, 'big')
    path.write_bytes(content.replace(head, b'IHDR' + (12_000).to_bytes(4, 'big') * 2))
    code = """
import sys
from salkit.errors import DataError
from salkit.media.gray_video import read_frames
from salkit.media.video import VideoReader, open_file

def peak():
    with open('/proc/self/status') as file:
        return next(int(line.split()[1]) for line in file if line.startswith('VmPeak'))

before = peak()
for opened in (open_file, VideoReader, lambda path: list(read_frames(path))):
    try:
        opened(sys.argv[1])
    except DataError:
        pass
print(peak() - before)
"""
    done = subprocess.run(
        [sys.executable, '-c', code, path], check=True, timeout=60, capture_output=True
    )
    # A frame would have 432 MB.
    assert int(done.stdout) < 200_000


def test_frames_that_become_too_large(tmp_path):
    path = encode_video(tmp_path / 'a.webm', 12, codec='libvpx', gop=4)
    content = bytearray(path.read_bytes())
    # The second key frame of VP8: 14 bits for each side.
    at = content.index(b'\x9d\x01\x2a', content.index(b'\x9d\x01\x2a') + 1) + 3
    content[at : at + 4] = (12_000).to_bytes(2, 'little') * 2
    path.write_bytes(content)
    assert MOST_PIXELS < 12_000**2
    with VideoReader(path) as video:
        assert video.info.errors >= 1 and len(video) < 12
        assert frame_number(video[3]) == 3
        assert any('damaged' in warning for warning in video.info.warnings)


def test_a_video_that_names_frames_without_end(tmp_path):
    path = encode_video(tmp_path / 'a.avi', 3, codec='ffv1', pix_fmt='gray')
    content = bytearray(path.read_bytes())
    # Frames in the file's head and in the stream's.
    for at in (content.index(b'avih') + 8 + 16, content.index(b'strh') + 8 + 32):
        content[at : at + 4] = (10**9).to_bytes(4, 'little')
    path.write_bytes(content)
    info = VideoReader(path).info
    assert info.frames == 3 and info.truncated
    with pytest.raises(DataError, match=r'a\.avi: the video was cut off, 3 frames of it are left'):
        count_frames(path)


# Streams -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('default', 'kind', 'shape'), [(0, 'default', (48, 80)), (None, 'largest', (64, 112))]
)
def test_of_several_streams_one_is_taken_and_said(tmp_path, default, kind, shape):
    path = tmp_path / 'two.mkv'
    with av.open(str(path), 'w', options={'default_mode': 'passthrough'}) as container:
        streams = [container.add_stream('ffv1', rate=25) for _ in range(3)]
        for stream, size in zip(streams, ((48, 80), (64, 112), (32, 32)), strict=True):
            stream.height, stream.width = size
            stream.pix_fmt = 'yuv420p'
        if default is not None:
            streams[default].disposition = av.stream.Disposition.default
        for _ in range(3):
            for stream in streams:
                frame = av.VideoFrame(stream.width, stream.height, 'yuv420p')
                container.mux(stream.encode(frame))
    with VideoReader(path) as video:
        assert (video.info.height, video.info.width) == shape
        (warning,) = video.info.warnings
        with pytest.warns(DataWarning, match=f'two.mkv: of 3 video streams, the {kind} one'):
            video.warn()
    assert f'{shape[0]} x {shape[1]} pixels' in warning


def test_a_file_without_an_end_is_not_searched_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(source, 'MOST_SECONDS', 0.2)
    with open(tmp_path / 'a.mkv', 'wb') as file:
        file.write(b'\x1aE\xdf\xa3\x80' + b'\x18S\x80g\x01' + b'\xff' * 7)
        file.truncate(10**12)
    with pytest.raises(DataError, match=r'a\.mkv: .* its header is not found'):
        open_file(tmp_path / 'a.mkv')

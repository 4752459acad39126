"""Kinds of video: suffix, and a function that writes one."""

from collections import Counter
from fractions import Fraction
from functools import partial

import av
import numpy as np
from make_video import encode_video, numbered_frame

MS = Fraction(1, 1000)
# A phone's frames: near 30 a second, some late, some very late.
UNEVEN = np.cumsum([0, *[33, 33, 34, 33, 80, 33, 400] * 5]).tolist()


def encoded(**options):
    return partial(encode_video, **{'frames': 36, 'gop': 8, **options})


def remux(source, path, change, **options):
    """Copy the packets of a file; `change(packet, number)` alters the nth of its stream."""
    numbers = Counter()
    with av.open(str(source)) as old, av.open(str(path), 'w', **options) as new:
        streams = [new.add_stream_from_template(stream) for stream in old.streams]
        for packet in old.demux():
            if packet.size:
                index = packet.stream.index
                change(packet, numbers[index])
                numbers[index] += 1
                packet.stream = streams[index]
                new.mux(packet)
    return path


def repeated_pts(path):
    """Pairs of frames with the same time stamp."""
    source = encode_video(path.with_suffix('.source.mkv'), 36, codec='mjpeg', pix_fmt='yuvj420p')

    def pair(packet, number):
        packet.pts = packet.dts = packet.pts // 80 * 80

    return remux(source, path, pair)


def bare_stream(path):
    """H.264 without a container: no time stamps at all."""
    source = encode_video(path.with_suffix('.source.mkv'), 36, gop=8, bframes=2)
    return remux(source, path, lambda packet, number: None, format='h264')


def cut_by_edit_list(path):
    """An .mp4 whose edit list leaves out the first frames."""
    encode_video(path, 36, gop=12, bframes=2, fps=25)
    content = bytearray(path.read_bytes())
    at = content.index(b'elst')
    # Version and flags, one entry: duration, then the time in the media where it begins.
    start = int.from_bytes(content[at + 16 : at + 20], 'big')
    content[at + 16 : at + 20] = (start + 5 * 512).to_bytes(4, 'big')
    path.write_bytes(content)
    return path


def two_streams(path):
    """A picture as the first stream, then sound, a video, and another video."""
    with av.open(str(path), 'w') as container:
        cover = container.add_stream('png', rate=25)
        cover.width, cover.height, cover.pix_fmt = 32, 32, 'rgb24'
        cover.disposition = av.stream.Disposition.attached_pic
        streams = [container.add_stream('libx264', rate=25) for _ in range(2)]
        for stream, size in zip(streams, ((48, 80), (64, 64)), strict=True):
            stream.height, stream.width = size
            stream.pix_fmt = 'yuv420p'
        picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format='rgb24')
        container.mux(cover.encode(picture))
        container.mux(cover.encode(None))
        for number in range(30):
            for stream in streams:
                image = numbered_frame(number, (stream.height, stream.width))
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format='rgb24')))
        for stream in streams:
            container.mux(stream.encode(None))
    return path


KINDS = {
    'mpeg4': ('avi', encoded(codec='mpeg4')),
    'mpeg4-b': ('avi', encoded(codec='mpeg4', bframes=2)),
    'avi-mjpeg': ('avi', encoded(codec='mjpeg', pix_fmt='yuvj420p')),
    'avi-h264': ('avi', encoded(bframes=0)),
    'avi-h264-b': ('avi', encoded(bframes=3)),
    'avi-ffv1': ('avi', encoded(codec='ffv1', pix_fmt='bgr0')),
    'avi-gaps': ('avi', encoded(codec='mpeg4', frames=9, times=[0, 1, 4, 5, 6, 9, 10, 20, 21])),
    'avi-audio': ('avi', encoded(codec='mpeg4', bframes=1, audio=True)),
    'h264': ('mp4', encoded(bframes=2)),
    'h264-faststart': ('mp4', encoded(container_options={'movflags': 'faststart'})),
    'h264-fragments': ('mp4', encoded(container_options={'movflags': 'frag_keyframe'})),
    'h264-open': ('mp4', encoded(bframes=3, options={'x264-params': 'open-gop=1'})),
    'h264-open-mkv': ('mkv', encoded(bframes=3, options={'x264-params': 'open-gop=1'})),
    'h264-long': ('mp4', encoded(frames=70, gop=250, bframes=3, options={'sc_threshold': '0'})),
    'h264-refresh': ('mp4', encoded(gop=10, options={'x264-params': 'intra-refresh=1'})),
    'h264-interlaced': ('mp4', encoded(bframes=2, options={'x264-params': 'interlaced=1'})),
    'h264-10bit': ('mkv', encoded(pix_fmt='yuv420p10le', bframes=2)),
    'h264-grey': ('mp4', encoded(pix_fmt='gray')),
    'h264-rgb': ('mkv', encoded(codec='libx264rgb', pix_fmt='rgb24', options={'crf': '0'})),
    'h264-uneven': ('mp4', encoded(times=UNEVEN, time_base=MS, bframes=2)),
    'h264-uneven-mkv': ('mkv', encoded(times=UNEVEN, time_base=MS, bframes=2)),
    'h264-late': ('mkv', encoded(times=range(250, 286), bframes=2)),
    'h264-audio': ('mp4', encoded(audio=True, bframes=2)),
    'h264-ts': ('ts', encoded(bframes=2)),
    'h264-bare': ('h264', bare_stream),
    'h264-edited': ('mp4', cut_by_edit_list),
    'hevc': ('mp4', encoded(codec='libx265', bframes=2, options={'x265-params': 'log-level=0'})),
    'hevc-open': (
        'mkv',
        encoded(
            codec='libx265',
            bframes=3,
            pix_fmt='yuv420p10le',
            options={'x265-params': 'log-level=0:open-gop=1'},
        ),
    ),
    'vp9-hidden': (
        'webm',
        encoded(
            codec='libvpx-vp9',
            gop=12,
            options={'auto-alt-ref': '1', 'lag-in-frames': '16', 'cpu-used': '8', 'b': '200k'},
        ),
    ),
    'vp9-odd': ('webm', encoded(codec='libvpx-vp9', size=(37, 63), options={'cpu-used': '8'})),
    'vp9-alpha': (
        'webm',
        encoded(
            codec='libvpx-vp9', pix_fmt='yuva420p', options={'cpu-used': '8', 'auto-alt-ref': '0'}
        ),
    ),
    'vp8-hidden': (
        'webm',
        encoded(codec='libvpx', options={'auto-alt-ref': '1', 'lag-in-frames': '16'}),
    ),
    'av1': ('mp4', encoded(codec='libsvtav1', size=(64, 80), options={'preset': '10'})),
    'mpeg4-mp4': ('mp4', encoded(codec='mpeg4', bframes=2)),
    'mpeg2': ('mpg', encoded(codec='mpeg2video', bframes=2)),
    'mpeg2-interlaced': (
        'mkv',
        encoded(codec='mpeg2video', bframes=2, options={'flags': '+ildct+ilme'}),
    ),
    'ffv1-odd': ('mkv', encoded(codec='ffv1', size=(359, 641), frames=9)),
    'ffv1-grey': ('mkv', encoded(codec='ffv1', pix_fmt='gray')),
    'ffv1-alpha': ('mkv', encoded(codec='ffv1', pix_fmt='yuva420p')),
    'prores': ('mov', encoded(codec='prores_ks', pix_fmt='yuv422p10le', frames=9)),
    'repeated-pts': ('mkv', repeated_pts),
    'two-streams': ('mp4', two_streams),
    'one-frame': ('mp4', encoded(frames=1)),
}

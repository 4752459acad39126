"""Time the reading of a video: one after another, and random clips; print both as JSON.

    python benchmarks/video_reading.py [--frames 900] [--size 640x360] [--out FILE]

An H.264 video (key frames 250 apart, 3 B-frames) is encoded, of a photograph that moves. Timed on
one thread of the decoder, the best of three runs: the first opening, which makes the frame index,
and the next, which finds it; all frames in order; clips of 16 frames at random places, at full size
and resized to 224 x 384; and clips that each begin 4 frames after the last. `plain_pyav` is a bare
loop over all frames with `to_ndarray`, which is what reading them cannot do without.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np

from salkit.cli.common import rows_and_columns
from salkit.media.video import VideoReader

CLIP = 16


def write_video(path: Path, frames: int, size: tuple[int, int]) -> None:
    """A photograph that wanders through the picture, with some noise."""
    from skimage import data, transform

    photo = transform.resize(data.astronaut(), (size[0] + 128, size[1] + 128))
    photo = (photo * 240).astype(np.uint8)
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 12, (8, *size, 3), dtype=np.uint8)
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('libx264', rate=30, options={'preset': 'veryfast'})
        stream.height, stream.width, stream.pix_fmt = *size, 'yuv420p'
        stream.codec_context.gop_size, stream.codec_context.max_b_frames = 250, 3
        for number in range(frames):
            y, x = (int(64 + 63 * f(number / 40)) for f in (np.sin, np.cos))
            image = photo[y : y + size[0], x : x + size[1]] + noise[number % 8]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format='rgb24')))
        container.mux(stream.encode(None))


def best(function: Callable[[], int], runs: int = 3) -> tuple[float, int]:
    """Shortest time in seconds, and what the function gives."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        count = function()
        times.append(time.perf_counter() - start)
    return min(times), count


def plain(path: Path) -> int:
    """Frames of a bare PyAV loop."""
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        return sum(len(f.to_ndarray(format='rgb24')) > 0 for f in container.decode(video=0))


def measure(path: Path, clips: int) -> dict:
    """All timings of one video."""
    result = {}
    for how in ('decode', 'packets'):
        # Each in an empty cache folder.
        with tempfile.TemporaryDirectory() as cache:
            os.environ['SALKIT_CACHE'] = cache
            start = time.perf_counter()
            VideoReader(path, index=how)
            result[f'first_opening_{how}_s'] = round(time.perf_counter() - start, 4)
            result['next_opening_s'] = round(best(lambda: len(VideoReader(path)))[0], 4)
    with tempfile.TemporaryDirectory() as cache:
        os.environ['SALKIT_CACHE'] = cache
        count = len(VideoReader(path))
        starts = np.random.default_rng(0).integers(0, count - CLIP, clips).tolist()

        def read_clips(places: list[int], size: tuple[int, int] | None = None) -> int:
            with VideoReader(path) as video:
                for start in places:
                    video.read(range(start, start + CLIP), size)
            return len(places)

        def read_all() -> int:
            with VideoReader(path) as video:
                return sum(1 for _ in video.frames())

        following = list(range(0, count - CLIP, 4))
        for name, function in {
            'plain_pyav_frames': lambda: plain(path),
            'sequential_frames': read_all,
            'random_clips': lambda: read_clips(starts),
            'random_clips_224x384': lambda: read_clips(starts, (224, 384)),
            'following_clips': lambda: read_clips(following),
        }.items():
            seconds, number = best(function)
            result[f'{name}_per_s'] = round(number / seconds, 1)
    return result


def main(argv: list[str] | None = None) -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--frames', type=int, default=900, help='of the video')
    parser.add_argument('--size', default='640x360', metavar='WIDTHxHEIGHT')
    parser.add_argument('--clips', type=int, default=40, help='random clips')
    parser.add_argument('--out', type=Path, help='also write the JSON here')
    options = parser.parse_args(argv)
    size = rows_and_columns('--size', options.size)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'video.mp4'
        write_video(path, options.frames, size)
        result = dict(
            frames=options.frames,
            size='x'.join(map(str, size)),
            codec='h264',
            clip_frames=CLIP,
            **measure(path, options.clips),
            av=av.__version__,
        )
    text = json.dumps(result, indent=2)
    print(text)
    if options.out:
        options.out.write_text(text + '\n', encoding='utf-8')


if __name__ == '__main__':
    main()

"""Time the reading of training clips, from files and from the cache; print it as JSON.

    python benchmarks/data_loading.py [--videos 16] [--frames 60] [--seconds 8] [--out FILE]

Videos of 360 x 640 are made from the photographs of scikit-image, over which a camera moves, each
as folders of .png and of .jpg frames and as an H.264 file, with density and fixation maps; there
are more of them than a worker keeps open. Random clips of 16 frames at 224 x 224 and their maps are
read through a DataLoader, as in training, with 0, 1 and 2 workers: `clips_per_s`. All files are in
the memory of the system, so that this is the work of decoding and resizing, not that of a disk.

`waiting` is measured with a consumer that takes 125 ms a clip, as a GPU with 8 clips/s does: the
share of its time that it waits for the next clip, after the first one. `ratio` compares clips/s
with those of the same run from .png frames.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

import av
import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from PIL import Image
from skimage import data
from torch.utils.data import DataLoader

from salkit.datasets import VideoSaliencyDataset
from salkit.datasets.clip_cache_build import build_cache
from salkit.prepare.fixations import density_map

FRAME, SIZE, CLIP_LEN = (360, 640), (224, 224), 16
PHOTOGRAPHS = ('astronaut', 'chelsea', 'coffee', 'rocket')
CONSUMER_SECONDS = 0.125


def frames_of(number: int, count: int) -> list[np.ndarray]:
    """A camera moving over a photograph, with the grain of a sensor."""
    photograph = Image.fromarray(getattr(data, PHOTOGRAPHS[number % len(PHOTOGRAPHS)])())
    large = np.asarray(photograph.resize((FRAME[1] + 160, FRAME[0] + 120)))
    rng = np.random.default_rng(number)
    phase = rng.uniform(0, 6, 2)
    frames = []
    for i in range(count):
        y, x = (0.5 + 0.5 * np.sin(0.03 * i + phase)) * (120, 160)
        part = large[int(y) : int(y) + FRAME[0], int(x) : int(x) + FRAME[1]]
        grain = rng.normal(0, 2, part.shape)
        frames.append(np.clip(part + grain, 0, 255).astype(np.uint8))
    return frames


def write_videos(root: Path, videos: int, count: int) -> None:
    """One video a photograph, and as many links to these as it takes."""
    write_data(root, min(videos, len(PHOTOGRAPHS)), count)
    for number in range(len(PHOTOGRAPHS), videos):
        for kind in ('png', 'jpg', 'video'):
            made = root / kind / 'clips' / f'{number % len(PHOTOGRAPHS) + 1:04d}'
            shutil.copytree(made, made.with_name(f'{number + 1:04d}'), copy_function=os.link)


def write_data(root: Path, videos: int, count: int) -> None:
    """The same videos three times: `png`, `jpg` and `video`, each a data root of its own."""
    for number in range(videos):
        frames = frames_of(number, count)
        name = f'{number + 1:04d}'
        rng = np.random.default_rng(number)
        folders = {kind: root / kind / 'clips' / name for kind in ('png', 'jpg', 'video')}
        for folder in folders.values():
            for part in ('maps', 'fixation'):
                (folder / part).mkdir(parents=True)
        for kind in ('png', 'jpg'):
            (folders[kind] / 'images').mkdir()
        with av.open(str(folders['video'] / 'video.mp4'), 'w') as container:
            stream = container.add_stream('libx264', rate=30, options={'crf': '18'})
            stream.height, stream.width = FRAME
            stream.pix_fmt = 'yuv420p'
            for i, frame in enumerate(frames):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))
                image = Image.fromarray(frame)
                image.save(folders['png'] / 'images' / f'{i + 1:04d}.png')
                image.save(folders['jpg'] / 'images' / f'{i + 1:04d}.jpg', quality=95)
                points = rng.normal(0.5, 0.15, (30, 2)).clip(0, 0.999) * FRAME
                fixations = np.zeros(FRAME, bool)
                fixations[tuple(points.astype(int).T)] = True
                density = density_map(fixations, sigma_px=12.74)
                for folder in folders.values():
                    for part, values in (('maps', density), ('fixation', fixations)):
                        grey = np.rint(255 * np.asarray(values, np.float32)).astype(np.uint8)
                        Image.fromarray(grey).save(folder / part / f'{i + 1:04d}.png')
            container.mux(stream.encode(None))


def file_sizes(root: Path, count: int) -> dict[str, float]:
    """Thousand bytes a frame of each kind."""
    sizes = {}
    for kind, pattern in (('png', 'images/*'), ('jpg', 'images/*'), ('video', 'video.mp4')):
        files = list((root / kind / 'clips').glob(f'*/{pattern}'))
        videos = len({file.parents[1 if kind != 'video' else 0] for file in files})
        sizes[kind] = round(sum(f.stat().st_size for f in files) / videos / count / 1000, 1)
    return sizes


def open_loader(root: Path, cache: str | None, workers: int) -> DataLoader:
    """Random clips, as many as are asked for."""
    pipeline = [
        # Of many videos, hardly a frame would be found in memory.
        dict(type='LoadClip', size=SIZE, cache=cache, cache_frames=0),
        dict(type='LoadTargets', size=SIZE),
        dict(type='PackClip'),
    ]
    dataset = VideoSaliencyDataset(
        str(root),
        split='clips',
        clip_len=CLIP_LEN,
        sampling='random',
        clips_per_video=2000,
        pipeline=pipeline,
    )
    return DataLoader(
        dataset, batch_size=1, shuffle=True, num_workers=workers, collate_fn=pseudo_collate
    )


def clips_per_second(loader: DataLoader, seconds: float) -> float:
    """Clips read a second, after a few that start the workers."""
    batches = iter(loader)
    for _ in range(4):
        next(batches)
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        next(batches)
        count += 1
    return count / (time.perf_counter() - start)


def waiting(loader: DataLoader, seconds: float) -> float:
    """Share of its time that a consumer of 8 clips/s waits."""
    batches = iter(loader)
    next(batches)
    start, waited = time.perf_counter(), 0.0
    while time.perf_counter() - start < seconds:
        time.sleep(CONSUMER_SECONDS)
        asked = time.perf_counter()
        next(batches)
        waited += time.perf_counter() - asked
    return waited / (time.perf_counter() - start)


def main() -> None:
    """Make the data, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--videos', type=int, default=16)
    parser.add_argument('--frames', type=int, default=60)
    parser.add_argument('--seconds', type=float, default=8.0, help='of each measurement')
    parser.add_argument('--out', help='also write the JSON to this file')
    args = parser.parse_args()
    # One thread a process, as in workers.
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        os.environ['SALKIT_CACHE'] = str(root / 'own')
        write_videos(root, args.videos, args.frames)
        result = dict(
            frame=FRAME,
            size=SIZE,
            clip_len=CLIP_LEN,
            videos=args.videos,
            frames=args.frames,
            cores=len(os.sched_getaffinity(0)),
            load=round(os.getloadavg()[0], 1),
            kb_a_frame=file_sizes(root, args.frames),
            clips_per_s={},
            ratio={},
            waiting={},
        )
        videos = open_loader(root / 'png', None, 0).dataset.videos
        start = time.perf_counter()
        report = build_cache(videos, SIZE, workers=1)
        frames = args.videos * args.frames
        result['kb_a_frame']['cache'] = round(report.bytes / frames / 1000, 1)
        result['cache_frames_per_s'] = round(frames / (time.perf_counter() - start), 1)
        sources = dict(
            png=(root / 'png', None),
            jpg=(root / 'jpg', None),
            video=(root / 'video', None),
            cache=(root / 'png', 'auto'),
        )
        for workers in (0, 1, 2):
            # Side by side, so that what else the machine does falls on all of them.
            speeds = {
                kind: clips_per_second(open_loader(*where, workers), args.seconds)
                for kind, where in sources.items()
            }
            result['clips_per_s'][workers] = {k: round(v, 2) for k, v in speeds.items()}
            result['ratio'][workers] = {k: round(v / speeds['png'], 2) for k, v in speeds.items()}
            result['waiting'][workers] = {
                kind: round(waiting(open_loader(*where, workers), args.seconds), 3)
                for kind, where in sources.items()
            }
    text = json.dumps(result, indent=2)
    print(text)
    if args.out:
        Path(args.out).write_text(f'{text}\n', encoding='utf-8')


if __name__ == '__main__':
    main()

"""Predictions and ground truth to score, in the formats that they come in."""

import json
import math

import numpy as np
from PIL import Image

SIZE = (24, 32)


def blob(y, x, size=SIZE, sigma=5.0):
    """A Gaussian, (H, W) float64, at most 1."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    return np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * sigma**2))


def bytes_of(values):
    return np.rint(255 * values).astype(np.uint8)


def place(i, size=SIZE):
    """Where people look in frame `i`."""
    return size[0] // 2, 4 + i % (size[1] - 8)


def write_truth(folder, frames=6, size=SIZE, name='{:04d}', first=1):
    """One video of ground truth without the images."""
    for part in ('maps', 'fixation'):
        (folder / part).mkdir(parents=True)
    for i in range(frames):
        y, x = place(i, size)
        fixations = np.zeros(size, np.uint8)
        fixations[y, x] = fixations[y - 1, x + 1] = 255
        stem = name.format(i + first)
        Image.fromarray(bytes_of(blob(y, x, size))).save(folder / 'maps' / f'{stem}.png')
        Image.fromarray(fixations).save(folder / 'fixation' / f'{stem}.png')
    return folder


def predicted(frames=6, size=SIZE, seed=0):
    """Maps (T, H, W) float32 in [0, 1] that are near the truth, on 256 levels."""
    rng = np.random.default_rng(seed)
    maps = []
    for i in range(frames):
        y, x = place(i, size)
        values = 0.8 * blob(y + 2, x - 1, size, 7) + 0.2 * rng.random(size)
        maps.append(bytes_of(values / values.max()))
    return np.stack(maps)


def write_predictions(folder, maps, name='{:04d}', kind='png', first=1):
    """A file a frame."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, values in enumerate(maps):
        path = folder / f'{name.format(i + first)}.{kind.removesuffix("16")}'
        if kind == 'npy':
            np.save(path, values.astype(np.float32) / 255)
        elif kind == 'npz':
            np.savez_compressed(path, values.astype(np.float32) / 255)
        elif kind == 'png16':
            Image.fromarray(values.astype(np.uint16) * 257).save(path)
        else:
            Image.fromarray(values).save(path, **(dict(quality=100) if kind == 'jpg' else {}))
    return folder


def write_set(root, videos=('0601', '0602', '0603'), frames=6, **options):
    """`root/truth/val/<video>` and `root/pred/<video>`, both complete."""
    for seed, video in enumerate(videos):
        write_truth(root / 'truth' / 'val' / video, frames, **options)
        size = options.get('size', SIZE)
        write_predictions(root / 'pred' / video, predicted(frames, size, seed))
    return root / 'pred', root / 'truth'


def write_video(path, maps, codec='ffv1', pix_fmt='gray', **options):
    """A video without loss."""
    import av

    source = 'gray16le' if maps.dtype == np.uint16 else 'rgb24' if maps.ndim == 4 else 'gray'
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = maps.shape[1:3]
        stream.pix_fmt = pix_fmt
        for values in maps:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(values), format=source)
            for packet in stream.encode(frame.reformat(format=pix_fmt)):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def write_luma(path, luma, pix_fmt='yuv420p', chroma=128, full=False, codec='ffv1'):
    """A video without loss whose luma (T, H, W) is as given, and whose chroma is one level.

    Of more than 8 bits, both are times as much.
    """
    import av

    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = luma.shape[1:]
        stream.pix_fmt = pix_fmt
        stream.codec_context.color_range = 2 if full else 1
        for levels in luma:
            frame = av.VideoFrame(luma.shape[2], luma.shape[1], pix_fmt)
            frame.color_range = stream.codec_context.color_range
            bits = frame.format.components[0].bits
            for number, plane in enumerate(frame.planes):
                row = plane.line_size // (2 if bits > 8 else 1)
                values = np.full((plane.height, row), chroma, '<u2' if bits > 8 else 'u1')
                if number == 0:
                    values[: levels.shape[0], : levels.shape[1]] = levels
                plane.update(values << (bits - 8))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_avimos(root, videos=('a', 'b'), frames=5, size=SIZE, split='Test'):
    """Ground truth as AViMoS has it: videos of 10 bits, lists of fixations with repeats."""
    (root / f'Saliency{split}' / split).mkdir(parents=True)
    for video in videos:
        maps = np.stack([blob(*place(i, size), size) for i in range(frames)])
        write_video(
            root / f'Saliency{split}' / split / f'{video}.mkv',
            np.rint(65535 * maps).astype(np.uint16),
            pix_fmt='gray10le',
        )
        folder = root / f'Fixations{split}' / split / video
        folder.mkdir(parents=True)
        points = [[list(place(i, size)), list(place(i, size)), [0, 0]] for i in range(frames)]
        (folder / 'fixations.json').write_text(json.dumps(points))
    return root


def report(scores, protocol='exact', dataset='Set', split='test', **more):
    """A score file's content from {metric: values}, or from {video: {metric: value}}."""
    first = next(iter(scores.values()))
    if isinstance(first, dict):
        per_video = scores
    else:
        per_video = {
            f'v{i:03d}': {m: None if math.isnan(v[i]) else v[i] for m, v in scores.items()}
            for i in range(len(first))
        }
    metrics = next(iter(per_video.values()))
    values = {m: [s[m] for s in per_video.values() if s[m] is not None] for m in metrics}
    return dict(
        protocol=protocol,
        dataset=dataset,
        split=split,
        videos=len(per_video),
        frames=10 * len(per_video),
        scores={m: float(np.mean(v)) if v else None for m, v in values.items()},
        per_video=per_video,
        **more,
    )

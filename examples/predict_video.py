"""From a video to where people look: maps, numbers, and an overlay to watch.

    python examples/predict_video.py [VIDEO] [--model NAME --checkpoint FILE] [--out DIR]

Without a model it takes the small one that salkit ships, without a video a short one that it makes
from a photograph.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from salkit import SaliencyPredictor
from salkit.cli.chosen_model import add_model_arguments, choose_model
from salkit.inference.entropy import saliency_entropy
from salkit.media.video import VideoWriter


def make_video(path: Path, frames: int = 75) -> Path:
    """A coffee cup that a camera pans over, while a bright ball crosses the picture."""
    from skimage import data, draw, transform

    photo = transform.resize(data.coffee(), (400, 600))
    with VideoWriter(path, (360, 480), fps=25) as writer:
        for number in range(frames):
            shift = number * 120 // frames
            frame = photo[20:380, shift : shift + 480].copy()
            center = (180 + 120 * np.sin(number / 8), 480 * number / frames)
            frame[draw.disk(center, 18, shape=frame.shape[:2])] = (1.0, 0.9, 0.1)
            writer.write((255 * frame).astype(np.uint8))
    return path


def main() -> None:
    """Predict a video, print where people look, draw it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('video', nargs='?')
    parser.add_argument('--out', type=Path, default=Path('out'))
    add_model_arguments(parser)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    video = args.video or make_video(args.out / 'ball.mp4')

    model, checkpoint = choose_model(args.model, args.checkpoint)
    predictor = SaliencyPredictor(model, checkpoint, args.device)
    maps = predictor.predict(video)
    print(maps)
    # The model runs once; what follows reads the maps back.
    with maps.kept() as kept:
        for index in np.linspace(0, len(kept) - 1, 5).astype(int):
            saliency_map = kept[index]
            y, x = np.unravel_index(saliency_map.argmax(), saliency_map.shape)
            print(
                f'{kept.times[index]:6.2f} s: most looked at is x = {x}, y = {y} '
                f'(entropy {saliency_entropy(saliency_map):.2f} bits)'
            )
        print('maps:', kept.save(args.out / 'maps.npz'))
        print('overlay:', kept.overlay(args.out / 'overlay.mp4', contours=(0.5,)))


if __name__ == '__main__':
    main()

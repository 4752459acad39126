"""Draw what a model predicts on pictures that scikit-image brings, for docs/models.md.

    python benchmarks/lite0_pictures.py WEIGHTS --out docs/lite0_pictures.jpg [--names ihc page ...]

Each picture stands above itself with the map over it, contours at a half and at eight tenths of the
peak.
"""

from __future__ import annotations

import argparse
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np

import salkit
from salkit.checkpoints import read_checkpoint
from salkit.inference.overlay import Overlay, OverlayStyle
from salkit.media.images import read_image
from salkit.utils.files import whole_file

CONFIG = 'lite/lite0_cc-kl'
NAMES = ('astronaut.png', 'chelsea.png', 'page.png', 'ihc.png')
HEIGHT, GAP, QUALITY = 200, 6, 85


def drawn(predictor: salkit.SaliencyPredictor, name: str) -> np.ndarray:
    """A picture above itself with its map, (H, W, 3) uint8 RGB."""
    photo = read_image(str(files('skimage') / 'data' / name))
    width = round(photo.shape[1] * HEIGHT / photo.shape[0])
    saliency_map = predictor.predict(photo[None])[0]
    photo = cv2.resize(photo, (width, HEIGHT), interpolation=cv2.INTER_AREA)
    saliency_map = cv2.resize(saliency_map, (width, HEIGHT), interpolation=cv2.INTER_AREA)
    overlay = Overlay(OverlayStyle(contours=(0.5, 0.8)))
    gap = np.full((GAP, width, 3), 255, np.uint8)
    return np.concatenate([photo, gap, overlay(photo, saliency_map)])


def main() -> None:
    """Predict, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('weights', help='a checkpoint, a work dir or a shipped file')
    parser.add_argument('--out', type=Path, required=True, metavar='FILE.jpg')
    parser.add_argument('--names', nargs='+', default=NAMES, help='files in skimage/data')
    args = parser.parse_args()
    predictor = salkit.SaliencyPredictor(CONFIG, read_checkpoint(args.weights), 'cpu')
    columns: list[np.ndarray] = []
    for name in args.names:
        column = drawn(predictor, name)
        columns += [column, np.full((column.shape[0], GAP, 3), 255, np.uint8)]
    picture = np.concatenate(columns[:-1], axis=1)
    done, encoded = cv2.imencode('.jpg', picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise SystemExit(f'{args.out}: the picture cannot be encoded')
    with whole_file(args.out) as temporary:
        temporary.write_bytes(encoded.tobytes())
    print(args.out)


if __name__ == '__main__':
    main()

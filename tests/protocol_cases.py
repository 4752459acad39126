"""The frames that the reference codes have scored, for `test_reference_codes.py`.

What they made of these lies in `data/protocols_golden.json`; `benchmarks/reference_scores` has run
them, with the arrays that this module writes to a file.
"""

import sys
from pathlib import Path

import numpy as np

DATA = Path(__file__).parent / 'data'
FRAMES = (1, 16, 25)


def real_predictions():
    """A centre Gaussian, float32, and the density of each frame with noise, 8 bits and ties."""
    with np.load(DATA / 'metrics_golden.npz') as stored:
        quarter = stored['pred_a_quarter']
        half = np.concatenate([quarter, quarter[::-1]])
        center = np.concatenate([half, half[:, ::-1]], axis=1)
        noisy = dict(zip(stored['pred_d_frames'].tolist(), stored['pred_d'], strict=True))
    return center, {frame: noisy[frame] for frame in FRAMES}


def protocol_cases(targets):
    """Predictions with their ground truth, by name.

    Args:
        targets: function from a frame number of the real sequence to its density map, uint8, and
            its fixation map, bool.

    Returns:
        By name: prediction, density map, fixation map.
    """
    center, noisy = real_predictions()
    cases = {}
    for frame in FRAMES:
        cases[f'center_{frame}'] = center, *targets(frame)
        cases[f'noisy_{frame}'] = noisy[frame], *targets(frame)
    density, fixations = targets(16)
    nowhere, single = np.zeros_like(fixations), np.zeros_like(fixations)
    single[tuple(np.argwhere(fixations)[0])] = True
    return cases | {
        'half_size': (noisy[16][::2, ::2], density, fixations),
        'other_shape': (noisy[16][:300, ::3], density, fixations),
        'black': (np.zeros_like(density), density, fixations),
        'gray': (np.full_like(density, 128), density, fixations),
        'empty_density': (noisy[16], np.zeros_like(density), fixations),
        'flat_density': (noisy[16], np.full_like(density, 7), fixations),
        'no_fixations': (noisy[16], density, nowhere),
        'black_no_fixations': (np.zeros_like(density), density, nowhere),
        'one_fixation': (noisy[16], density, single),
    }


def main(sequence, out):
    """Write the arrays of all cases, and of the other frames of the sequence, to a .npz file."""
    from PIL import Image

    folders = [sorted(Path(sequence, name).glob('*.png')) for name in ('maps', 'fixation')]

    def targets(frame):
        density, fixations = (np.asarray(Image.open(files[frame - 1])) for files in folders)
        return density, fixations > 0

    arrays = {
        f'{name}/{part}': array
        for name, case in protocol_cases(targets).items()
        for part, array in zip(('prediction', 'density', 'fixations'), case, strict=True)
    }
    video = np.array([np.asarray(Image.open(path)) > 0 for path in folders[1]])
    np.savez_compressed(out, all_fixations=video, **arrays)


if __name__ == '__main__':
    main(*sys.argv[1:])

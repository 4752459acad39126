"""Scores of saliency videos beside those of the benchmark code of NTIRE 2026."""

import json
import platform

import numpy as np
import pytest
from score_data import blob, write_luma

from salkit.scoring import score_protocols

SIZE, FRAMES = (36, 64), 4
# CC, SIM, NSS and AUC-J that its functions give for the PNG files which
# `ffmpeg -i VIDEO %03d.png` (5.1.9, x86-64) makes of these videos.
VIDEOS = {
    'even': (dict(), 0.644090121, 0.782411511, 0.90164158, 0.754086121),
    'half size': (dict(step=2), 0.599418875, 0.767574167, 0.861413357, 0.751639878),
    'as OpenCV writes': (dict(chroma=127), 0.644090733, 0.782266221, 0.901651672, 0.754086121),
    'full range': (dict(full=True), 0.644005343, 0.782380967, 0.903178011, 0.754238162),
    '4:4:4': (dict(pix_fmt='yuv444p'), 0.644063584, 0.782353563, 0.905150979, 0.754086121),
    '10 bits': (dict(pix_fmt='yuv420p10le'), 0.6440944, 0.782393302, 0.902810931, 0.754086121),
}
# Elsewhere, FFmpeg's other code rounds otherwise.
NEAR = 1e-5 if platform.machine().lower() in ('x86_64', 'amd64') else 0.02


def luma(frame, seed, low=16, span=219):
    """The luma of a map, most of it dark."""
    rng = np.random.default_rng([seed, frame])
    values = sum(blob(*(rng.random(2) * SIZE), SIZE, 7) for _ in range(3)) / 3
    noisy = values + 0.1 * rng.random(SIZE)
    return (low + span * noisy / noisy.max()).astype(np.uint8)


def write_set(root):
    """Ground truth in `root/truth`, and predictions in `root/<name>`."""
    densities = root / 'truth' / 'SaliencyTest' / 'Test'
    points = root / 'truth' / 'FixationsTest' / 'Test' / 'v'
    densities.mkdir(parents=True)
    points.mkdir(parents=True)
    write_luma(densities / 'v.mkv', np.stack([luma(i, 0) for i in range(FRAMES)]))
    rng = np.random.default_rng(0)
    lists = []
    for i in range(FRAMES):
        likely = luma(i, 0).ravel().astype(float) ** 2
        places = rng.choice(likely.size, 20, p=likely / likely.sum())
        lists.append(np.argwhere(np.ones(SIZE))[places].tolist())
    # One more than there are frames, which their `zip` passes over.
    lists.append([[0, 0]])
    (points / 'fixations.json').write_text(json.dumps(lists))
    for name, (changes, *_) in VIDEOS.items():
        (root / name).mkdir()
        options = dict(changes)
        step = options.pop('step', 1)
        levels = (0, 255) if 'full' in options else (16, 219)
        maps = [luma(i, 0, *levels) // 2 + luma(i, 1, *levels) // 2 for i in range(FRAMES)]
        write_luma(root / name / 'v.mkv', np.stack(maps)[:, ::step, ::step], **options)
    return root


def test_scores_are_those_of_the_benchmark(tmp_path):
    write_set(tmp_path)
    for name, (_, *known) in VIDEOS.items():
        scoring = score_protocols(
            tmp_path / name, tmp_path / 'truth', ['ntire26'], progress=False, workers=1
        )
        scores = scoring.reports['ntire26'].scores
        found = [scores[metric] for metric in ('CC', 'SIM', 'NSS', 'AUC-J')]
        assert found == pytest.approx(known, abs=NEAR), name
        (warning,) = scoring.plans['ntire26'].warnings
        assert warning.startswith('v: fixations.json has 5 entries for 4 frames')

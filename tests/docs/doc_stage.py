"""Lays out the files that the documents speak of, small."""

import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from score_data import predicted, report, write_predictions, write_truth

from salkit.media.photographs import PAN_SIZE, panned_photographs
from salkit.media.video import VideoWriter

# Of a video.
FRAMES = 6
METRICS = ('CC', 'KL', 'SIM', 'NSS', 'AUC-J')


def lay_out(folder, text):
    """Make the files that a block reads, unless a block before has made them."""
    for name in re.findall(
        r'(?<![\w./-])\w[\w./-]*', re.sub(r'(--out|--json|--plot) \S+', '', text)
    ):
        if (folder / name).exists():
            continue
        if name == 'clips/':
            (folder / name).mkdir()
            _write_clip(folder / name / 'a.mp4')
        elif name.endswith('.mp4'):
            _write_clip(folder / name)
        elif name.endswith('.json'):
            _write_scores(folder / name)
        elif name == 'regions.csv':
            (folder / name).write_text(
                'name,x,y,width,height\nlogo,40,30,120,80\nface,250,60,90,90\n'
            )
        elif name == 'gaze.csv':
            rows = [f'street,{1 + i % FRAMES},{9 * i},{7 * i},{"ab"[i % 2]}' for i in range(20)]
            (folder / name).write_text('\n'.join(['video,frame,x,y,observer', *rows]))
        elif name == 'PREDICTIONS':
            write_predictions(folder / name / 'video', predicted())
        elif name == 'GROUND_TRUTH':
            write_truth(folder / name / 'video')
        elif name.startswith('ucf_sports'):
            _copy_sequence(folder / 'ucf_sports')


def _write_clip(path):
    with VideoWriter(path, PAN_SIZE, fps=15) as video:
        for frame in panned_photographs(slice(1))[::4][:FRAMES]:
            video.write(frame)


def _write_scores(path, videos=8):
    # What a page names first is the best.
    place = 1 + len(list(path.parent.glob('*.json')))
    rng = np.random.default_rng(place)
    scores = {name: rng.uniform(0.4, 0.5, videos) / place for name in METRICS}
    scores['KL'] = place * rng.uniform(0.4, 0.5, videos)
    path.write_text(json.dumps(report(scores)))


def _copy_sequence(root):
    """The real sequence that some pages have numbers of."""
    samples = os.environ.get('SALKIT_SAMPLE_DATA')
    if not samples:
        pytest.skip('SALKIT_SAMPLE_DATA is unset: it names the folder that holds ucf_sports')
    shutil.copytree(Path(samples, 'ucf_sports'), root)

"""The MIT benchmark code in MATLAB, as shipped with DHF1K."""

from __future__ import annotations

import numpy as np

from ... import functional as F
from .. import measures as m
from ..frame import Frame
from ..protocol import Protocol


@m.measure(
    'KL(density || prediction) in nats, both divided by their sums, eps 2^-52 in the divisor and '
    'the logarithm; where a resized prediction is negative, the real part of the logarithm',
    'density',
)
def kl_real(frame: Frame, rng: m.Rng = None) -> float:
    """Measure KL as the MIT benchmark prints it, whose logarithms become complex."""
    saliency = frame.values
    if not saliency.min() < 0:
        return float(F.kl_div(saliency, frame.density, eps=m.EPS))
    saliency, density = saliency / saliency.sum(), frame.density / (frame.density.sum() or 1)
    logarithms = np.log(np.abs(m.EPS + density / (saliency + m.EPS)))
    return float((density * logarithms).sum())


PROTOCOL = Protocol(
    name='dhf1k-matlab',
    summary='The MIT benchmark code in MATLAB, as shipped with DHF1K and used for UCF-Sports '
    'and Hollywood-2.',
    description=(
        'Predictions are 8-bit PNGs in its eyes. Rounding alone moves AUC-J by up to 0.1 '
        'through ties; KL suffers where dark pixels become 0.',
        'Bicubic resizing overshoots below 0, and KL becomes a complex number there: MATLAB prints '
        'its real part, and so do we. Predict at the size of the frame and the question is gone.',
        'AUC-J is no rank statistic: it exceeds one by up to (last false positive rate) / 2n.',
        's-AUC takes the fixated pixels of 10 frames of the set, redrawn for every frame; the '
        'frame itself may be among them.',
        'Where frames differ in size (UCF-Sports, Hollywood-2), the script moves the rows of '
        'these pixels by the ratio of the widths, and the columns by that of the heights, and '
        'drops what falls outside. s-AUC is far too high there (.73 instead of .59 on two '
        'shapes), and its number is given.',
        'MATLAB scores a random 50,000 frames where there are more (the 60,273 of the DHF1K '
        'validation set), redrawn for every metric; here all, unless a seed is given.',
    ),
    measures={
        'CC': m.pearson,
        'KL': kl_real,
        'SIM': m.similarity,
        'NSS': m.nss,
        'AUC-J': m.judd,
        's-AUC': m.shuffled,
        'AUC-B': m.borji,
        'IG': m.gain_minmax,
    },
    extra=('AUC-B', 'IG'),
    values='8-bit',
    resize='bicubic',
    average='frames',
    nan='drop',
    max_frames=50_000,
    pool='ten-frames',
    prefers_mat=True,
)

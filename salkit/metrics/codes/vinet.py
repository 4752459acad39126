"""The inference scripts of ViNet-S, ViNet-A and their ensemble."""

from __future__ import annotations

from ..protocol import Protocol
from . import tmfi

PROTOCOL = Protocol(
    name='vinet',
    summary='The inference scripts of ViNet (version 2): the formulas of tmfi, every frame in the '
    'mean.',
    description=(
        'Computed in double, where the scripts use single precision: about 1e-6.',
        'A frame without a value counts as 0 and stays in the divisor: frames without fixations '
        'lower NSS and AUC-J, constant maps all of them, and a KL of 0 looks perfect.',
        'The jitter of AUC-J is up to 1e-7 whatever the map is like: it jumbles large maps that '
        'sum to 1 (by .001 at 1080 x 1920), here with --seed only.',
        'A .mat file may hold counts: there NSS weighs each pixel by its value; here once.',
        'They print the mean of each video and that of all frames; the mean over videos is given '
        'beside.',
        'diem_val.py of version 1 passes over a frame where SIM, CC or NSS is NaN instead, for all '
        'metrics: not this protocol.',
    ),
    measures=tmfi.MEASURES,
    values='unit',
    resize='bilinear-plain',
    blur_kernel=11,
    average='frames',
    more_averages=('videos',),
    nan='zero',
    prefers_mat=True,
)

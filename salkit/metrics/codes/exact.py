"""Ours: what a careful author should report."""

from __future__ import annotations

from .. import measures as m
from ..protocol import Protocol

PROTOCOL = Protocol(
    name='exact',
    summary='What a careful author should report: float maps at the resolution of the '
    'density map, exact rank statistics, videos weighing the same.',
    description=(
        'Ours. It has no random part, and 8-bit maps are taken as they are: their ties cost '
        'what they cost.',
        'Frames without fixations are counted and left out of NSS and the AUCs only.',
        's-AUC takes all fixations of the other videos, rescaled to the frame.',
    ),
    measures={
        'CC': m.pearson,
        'KL': m.kl(m.EPS),
        'SIM': m.similarity,
        'NSS': m.nss,
        'AUC-J': m.judd_ranks,
        's-AUC': m.shuffled_ranks,
        'IG': m.gain,
    },
    extra=('IG',),
    values='as-read',
    resize='bilinear',
    average='videos',
    nan='drop',
    pool='other-videos',
    interval=True,
)

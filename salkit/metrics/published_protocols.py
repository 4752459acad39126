"""The named protocols: two codes give different numbers for the same maps, so a score needs one."""

from __future__ import annotations

from ..builder import known_names, resolve
from ..registry import PROTOCOLS
from . import measures as m
from .protocol import Protocol

_BUILT_IN = (
    Protocol(
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
        },
        values='as-read',
        resize='bilinear',
        average='videos',
        nan='drop',
        pool='other-videos',
        interval=True,
    ),
    Protocol(
        name='dhf1k-matlab',
        summary='The MIT benchmark code in MATLAB, as shipped with DHF1K and used for UCF-Sports '
        'and Hollywood-2.',
        description=(
            'Predictions are 8-bit PNGs in its eyes. Rounding alone moves AUC-J by up to 0.1 '
            'through ties; KL suffers where dark pixels become 0.',
            'AUC-J is no rank statistic: it exceeds one by up to (last false positive rate) / 2n.',
            's-AUC takes the fixated pixels of 10 other frames, redrawn for every frame.',
            'MATLAB scores a random 50,000 frames where there are more (the 60,273 of the DHF1K '
            'validation set), redrawn for every metric; here all, unless a seed is given.',
        ),
        measures={
            'CC': m.pearson,
            'KL': m.kl(m.EPS),
            'SIM': m.similarity,
            'NSS': m.nss,
            'AUC-J': m.judd,
            's-AUC': m.shuffled,
            'AUC-B': m.borji,
        },
        extra=('AUC-B',),
        values='8-bit',
        resize='bicubic',
        average='frames',
        nan='drop',
        max_frames=50_000,
        pool='ten-frames',
        prefers_mat=True,
    ),
    Protocol(
        name='tmfi',
        summary='The Python scripts of TMFI, which the authors of SalFoM scored their tables with.',
        description=(
            'Predictions stay float: no 8-bit step. Computed in double, where the scripts use '
            'single precision, which moves their numbers by about 1e-6.',
            'One frame without fixations, or one constant map, spoils the mean of a whole run: '
            'such a mean is NaN.',
            's-AUC is left out: the script for it reads pixel indices wrongly.',
        ),
        measures={
            'CC': m.pearson,
            'KL': m.kl(m.SHORT_EPS),
            'SIM': m.similarity,
            'NSS': m.nss,
            'AUC-J': m.judd_from_zero,
        },
        values='unit',
        resize='bilinear-plain',
        blur_kernel=11,
        average='frames',
        nan='keep',
    ),
    Protocol(
        name='ntire26',
        summary='The NTIRE 2026 and AIM 2024 challenges on video saliency (AViMoS data).',
        description=(
            'Fixations are a list, so one pixel may count several times; where only a fixation '
            'map is known, each pixel counts once.',
            'A constant map scores 0 in SIM and NSS, as in their code; reports count such maps.',
            'Their divisor in AUC-J is a slip of their code (it counts two columns, not the '
            'fixated pixels) and part of their numbers.',
        ),
        measures={
            'CC': m.pearson_ntire,
            'KL': m.kl_ntire,
            'SIM': m.similarity_ntire,
            'NSS': m.nss_ntire,
            'AUC-J': m.judd_ntire,
        },
        values='minmax',
        resize='bilinear-plain',
        average='videos',
        nan='drop',
    ),
)


def protocol_names() -> list[str]:
    """Names of all protocols, those of plugins included, sorted."""
    return known_names(PROTOCOLS)


def get_protocol(name: str | Protocol) -> Protocol:
    """The protocol called `name` (or the protocol itself).

    Raises:
        ConfigError: no such protocol; with the nearest names.
    """
    return resolve(PROTOCOLS, name)


for _protocol in _BUILT_IN:
    PROTOCOLS.add(_protocol)

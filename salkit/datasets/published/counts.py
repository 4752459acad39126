"""Counts of data sets as they were published."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ...prepare.published import DHF1K, HOLLYWOOD2, UCF_SPORTS


@dataclass(frozen=True)
class Published:
    """A data set as published.

    Attributes:
        title: its name.
        splits: videos and frames of each split.
        total: numbers of videos, one of which all splits have together, where splits are unknown.
        names: what its videos are called.
    """

    title: str
    splits: dict[str, tuple[int, int]]
    names: re.Pattern
    total: tuple[int, ...] = ()


_SPORTS = (
    'Diving-Side|Golf-Swing-Back|Golf-Swing-Front|Golf-Swing-Side|Kicking-Front|Kicking-Side|'
    'Lifting|Riding-Horse|Run-Side|SkateBoarding-Front|Swing-Bench|Swing-SideAngle|Walk-Front'
)
PUBLISHED = {
    'dhf1k': Published('DHF1K', DHF1K, re.compile(r'\d{3,4}')),
    'hollywood2': Published(
        'Hollywood-2', HOLLYWOOD2, re.compile(r'(actionclip|sceneclip)(auto)?(train|test)\d+.*')
    ),
    'ucf-sports': Published('UCF-Sports', UCF_SPORTS, re.compile(rf'({_SPORTS})[-_]\d+')),
    # AIM 2024 and NTIRE 2026.
    'avimos': Published('AViMoS', {}, re.compile(r'(?!)'), (1500, 2000)),
}


def recognise(names: Iterable[str]) -> str | None:
    """The data set that names of videos are of, None where they tell nothing."""
    names = list(names)
    for key, published in PUBLISHED.items():
        if names and all(published.names.fullmatch(name) for name in names):
            return key
    return None


def differences(key: str, counts: dict[str, dict[str, int]]) -> list[tuple[str, str, str]]:
    """Compare counts with the published ones.

    Args:
        key: of `PUBLISHED`.
        counts: `videos` and `frames` by split; splits that are not there are not compared.

    Returns:
        Split, what was found and what was published, where they differ.
    """
    published = PUBLISHED[key]
    found = []
    if published.total:
        videos = sum(count['videos'] for count in counts.values())
        if videos not in published.total:
            wanted = ' or '.join(f'{total:,}' for total in published.total)
            found.append(('', f'{videos:,} videos', f'{wanted} videos'))
    for split, (videos, frames) in published.splits.items():
        if split not in counts:
            continue
        have = counts[split]
        if have['videos'] != videos:
            part = 'a part of the split: ' if have['videos'] < videos else ''
            found.append((split, f'{part}{have["videos"]:,} videos', f'{videos:,} videos'))
        elif have['frames'] != frames:
            found.append((split, f'{have["frames"]:,} frames', f'{frames:,} frames'))
    return found

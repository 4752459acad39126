"""A split of a data set whose authors give none, fixed by the names of its pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

# Shares of training and validation; the rest is for testing.
TRAIN, VAL = 0.7, 0.1


def split_by_name(
    dataset: str, names: Iterable[str], twins: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The split of each name: 70 % for training, 10 % for validation, 20 % for testing.

    Names are ranked by the SHA-256 of `<dataset>/<name>`, so that the split is the same everywhere
    and looks at nothing but the names.

    Args:
        dataset: name of the data set.
        names: all that were published, of files that are missing too.
        twins: names that take the rank of another one, by which they show the same.
    """
    twins = twins or {}

    def rank(name: str) -> tuple[bytes, str]:
        key = f'{dataset}/{twins.get(name, name)}'
        return hashlib.sha256(key.encode()).digest(), name

    order = sorted(names, key=rank)
    train, val = round(TRAIN * len(order)), round((TRAIN + VAL) * len(order))
    splits = dict.fromkeys(order[:train], 'train')
    return splits | dict.fromkeys(order[train:val], 'val') | dict.fromkeys(order[val:], 'test')

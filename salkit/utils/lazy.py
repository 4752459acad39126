"""Packages that import on first use what they offer, so that importing them takes no time."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping


def on_first_use(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package.

    Args:
        package: its `__name__`.
        homes: public name -> the module of the package that it lives in.
    """

    def find(name: str) -> object:
        if name not in homes:
            raise AttributeError(f'module {package!r} has no attribute {name!r}')
        return getattr(importlib.import_module(f'.{homes[name]}', package), name)

    def names() -> list[str]:
        # What a notebook offers behind the dot.
        return sorted({*vars(sys.modules[package]), *homes})

    return find, names

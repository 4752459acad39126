"""Models that come with salkit, weights and all: found by name, and what their files say.

`salkit convert WORK_DIR salkit/models/shipped/NAME.safetensors --half --about FILE.json` makes one.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from safetensors import safe_open

from ..errors import ConfigError

SHIPPED_ROOT = Path(__file__).resolve().parents[1] / 'models' / 'shipped'
# What is used where no model is named.
DEFAULT_MODEL = 'lite0'
# What the file says about itself that a user hears, in this order.
_TOLD = ('trained_on', 'scores', 'speed')


def shipped_files() -> dict[str, Path]:
    """The files of the models that come with salkit, by name."""
    return {path.stem: path for path in sorted(SHIPPED_ROOT.glob('*.safetensors'))}


def shipped_about(name: str) -> Mapping[str, str]:
    """What the file of a model says about itself, its weights unread.

    Raises:
        ConfigError: salkit ships no such model.
    """
    path = shipped_files().get(name)
    if path is None:
        raise ConfigError(
            f'{name}: {SHIPPED_ROOT} holds no file of this model: install salkit anew, or name '
            'another model (--model), such as a work dir or what `salkit export` wrote'
        )
    with safe_open(path, framework='numpy') as file:
        return file.metadata() or {}


def default_model() -> str:
    """The name of the model that is used where none is named, which is said on stderr.

    Raises:
        ConfigError: its file is not there.
    """
    about = shipped_about(DEFAULT_MODEL)
    told = '; '.join(about[key] for key in _TOLD if key in about)
    print(f'no model is named, so {DEFAULT_MODEL} is used: {told}', file=sys.stderr, flush=True)
    return DEFAULT_MODEL

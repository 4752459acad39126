"""Reading configs, strictly."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ..errors import ConfigError
from ..utils.text import nearest_names
from .find import SEPARATOR, find_config, find_named_config
from .options import DATALOADERS, RUNNER_KEYS, SALKIT_KEYS, apply_options, dataset_configs


def load_config(path_or_name: str | Path, options: Mapping[str, object] | None = None) -> Config:
    """Read a config by its path or by its name.

    Args:
        path_or_name: a file, or a name such as `salfom/umt-l16_cc-kl`, or `PLUGIN::NAME`.
        options: overrides by dotted key, see `apply_options`.

    Returns:
        mmengine's Config. Data sets that name no `type` or `data_root` have been given the
        config's `dataset_type` and `data_root`.

    Raises:
        ConfigError: no such config, not a valid one, an unknown top-level key or option.
    """
    path = find_config(path_or_name)
    try:
        cfg = _read(path)
    except ConfigError as error:
        raise ConfigError(f'{path}: {error}') from error
    except Exception as error:
        # A config is a program: it can fail in any way, and the reader wants to know where.
        raise ConfigError(f'{path}: {type(error).__name__}: {error}') from error
    _check_keys(cfg, str(path))
    for name in DATALOADERS:
        for dataset in dataset_configs((cfg.get(name) or {}).get('dataset')):
            for key, shared in (('type', 'dataset_type'), ('data_root', 'data_root')):
                if key not in dataset and shared in cfg:
                    dataset[key] = cfg[shared]
    if options:
        apply_options(cfg, options)
        _check_keys(cfg, str(path))
    return cfg


def plain_config(cfg: object) -> Any:
    """A config's value as plain ones, without the checkpoints it was started from.

    Paths of one machine say nothing on another.
    """
    if isinstance(cfg, Mapping):
        return {key: plain_config(value) for key, value in cfg.items() if key != 'init_cfg'}
    if isinstance(cfg, (list, tuple)):
        return [plain_config(item) for item in cfg]
    return cfg


def model_digest(cfg: Config) -> str:
    """What tells configs of models apart, in 16 characters."""
    content = json.dumps(plain_config(cfg.get('model')), sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _check_keys(cfg: Config, source: str) -> None:
    known = [*RUNNER_KEYS, *SALKIT_KEYS]
    for key in cfg:
        # Names with an underscore are a config's own helper variables.
        if key not in known and not key.startswith('_'):
            hint = nearest_names(key, known, most=2, cutoff=0.6)
            hint = hint if hint.startswith('did') else 'a helper starts with _'
            raise ConfigError(f'{source}: unknown top-level key {key!r}; {hint}')


# Bases called by name -----------------------------------------------------------------------------


def _read(path: Path) -> Config:
    """Read with mmengine, where `_base_` may name a config as `PLUGIN::NAME` or `salkit::NAME`.

    mmengine knows the notation, but looks the package up by means that Python no longer has. Files
    that use it are read from copies whose `_base_` holds paths.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = _with_paths(path, Path(folder))
        cfg = Config.fromfile(str(copy))
    if copy == path:
        return cfg
    # Made anew, as there is no way to rename one.
    return Config(cfg.to_dict(), filename=str(path), env_variables=cfg.env_variables)


def _with_paths(path: Path, folder: Path) -> Path:
    """A config whose bases are all called by path: `path` itself, or a copy in `folder`."""
    node = _bases_node(path)
    if node is None:
        return path
    named = ast.literal_eval(node)
    bases, copies = [], []
    for text in named if isinstance(named, list) else [named]:
        bases.append(Path(os.path.abspath(path.parent / text)))
        found = find_named_config(text) if SEPARATOR in text else bases[-1]
        copies.append(_with_paths(found, folder))
    if copies == bases:
        return path
    # A folder each keeps copies of one name apart.
    copy = Path(tempfile.mkdtemp(dir=folder)) / path.name
    text = path.read_text(encoding='utf-8')
    was = ast.get_source_segment(text, node) or ''
    text = text.replace(was, repr([str(base) for base in copies]), 1)
    text = re.sub(r'\{\{\s*fileDirname\s*\}\}', path.parent.absolute().as_posix(), text)
    copy.write_text(text, encoding='utf-8')
    return copy


def _bases_node(path: Path) -> ast.expr | None:
    """What is assigned to `_base_`, where it is plain text; mmengine says what is wrong with it."""
    try:
        for statement in ast.parse(path.read_text(encoding='utf-8')).body:
            match statement:
                case ast.Assign(targets=[ast.Name(id='_base_')], value=value):
                    named = ast.literal_eval(value)
                    texts = named if isinstance(named, list) else [named]
                    return value if all(isinstance(text, str) for text in texts) else None
    except (OSError, SyntaxError, ValueError):
        pass
    return None

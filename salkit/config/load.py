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
from ..utils.input_files import read_input_text
from ..utils.text import nearest_names
from .checked_values import check_values
from .data_file import DATA_SUFFIXES, parse_data_config
from .find import MOST_CONFIG_BYTES, SEPARATOR, find_config, find_named_config
from .imports import import_modules
from .options import DATALOADERS, RUNNER_KEYS, SALKIT_KEYS, apply_options, dataset_configs

_MOST_FILES = 100


class _Config(Config):
    """mmengine's Config, which formats its text once for the same content.

    A run asks for the text five times and then for every checkpoint, a fifth of a second each.
    """

    @property
    def pretty_text(self) -> str:
        """The config as formatted Python."""
        content = repr(self.to_dict())
        of, text = self.__dict__.get('_formatted', (None, ''))
        if of != content:
            text = super().pretty_text
            # The class's own `__setattr__` writes to the config.
            object.__setattr__(self, '_formatted', (content, text))
        return text


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
    options = dict(options or {})
    imports = {key: options.pop(key) for key in list(options) if 'custom_imports' in key}
    source = str(path)
    try:
        cfg, folders = _read(path)
        _check_keys(cfg)
        apply_options(cfg, imports)
        import_modules(cfg, folders)
        check_values(cfg)
        for name in DATALOADERS:
            for dataset in dataset_configs((cfg.get(name) or {}).get('dataset')):
                for key, shared in (('type', 'dataset_type'), ('data_root', 'data_root')):
                    if key not in dataset and shared in cfg:
                        dataset[key] = cfg[shared]
        source = '--cfg-options'
        apply_options(cfg, options)
        _check_keys(cfg)
        check_values(cfg)
    except ConfigError as error:
        named = str(error).startswith(('--cfg-options', source))
        raise ConfigError(str(error) if named else f'{source}: {error}') from error
    # A config is a program: it can fail in any way, and the reader wants to know where.
    except (Exception, SystemExit) as error:
        raise ConfigError(f'{path}: {type(error).__name__}: {error}') from error
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
    content = json.dumps(plain_config(cfg.get('model')), default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _check_keys(cfg: Config) -> None:
    known = [*RUNNER_KEYS, *SALKIT_KEYS]
    for key in cfg:
        # Names with an underscore are a config's own helper variables.
        if key not in known and not key.startswith('_'):
            hint = nearest_names(key, known, most=2, cutoff=0.6)
            hint = hint if hint.startswith('did') else 'a helper starts with _'
            raise ConfigError(f'unknown top-level key {key!r}; {hint}')


# Bases called by name -----------------------------------------------------------------------------


def _read(path: Path) -> tuple[Config, list[Path]]:
    """Read with mmengine, which is given copies of some files; and the folders of all files.

    mmengine knows `PLUGIN::NAME` in `_base_`, but looks the package up by means that Python no
    longer has, and runs what a YAML file asks for. Configs that build on a name are read from
    copies whose `_base_` holds paths, and those that are data from copies of what they hold.
    """
    folders: list[Path] = []
    with tempfile.TemporaryDirectory() as folder:
        copy = _with_paths(path, Path(folder), folders)
        read = Config.fromfile(str(copy), import_custom_modules=False)
    if copy != path:
        # Made anew, as there is no way to rename one.
        cfg = _Config(read.to_dict(), filename=str(path), env_variables=read.env_variables)
    else:
        cfg = _Config()
        cfg.__setstate__(read.__getstate__())
    return cfg, folders


def _with_paths(path: Path, folder: Path, folders: list[Path]) -> Path:
    """A config that mmengine may read: `path` itself, or a copy in `folder`."""
    folders.append(path.absolute().parent)
    if len(folders) > _MOST_FILES:
        raise ConfigError(f'{path}: builds on more than {_MOST_FILES} files, or on itself')
    text = read_input_text(path, ConfigError, MOST_CONFIG_BYTES)
    if path.suffix.lower() in DATA_SUFFIXES:
        try:
            content, found = parse_data_config(text, path.suffix.lower())
        except ConfigError as error:
            raise ConfigError(f'{path}: {error}') from error
        content['_base_'] = [str(_with_paths(base, folder, folders)) for base in found]
        return _write_copy(folder, f'{path.stem}.json', json.dumps(content))
    node = _bases_node(text)
    if node is None:
        return path
    named = ast.literal_eval(node)
    bases, copies = [], []
    for name in named if isinstance(named, list) else [named]:
        bases.append(Path(os.path.abspath(path.parent / name)))
        base = find_named_config(name) if SEPARATOR in name else bases[-1]
        copies.append(_with_paths(base, folder, folders))
    if copies == bases:
        return path
    was = ast.get_source_segment(text, node) or ''
    text = text.replace(was, repr([str(base) for base in copies]), 1)
    text = re.sub(r'\{\{\s*fileDirname\s*\}\}', path.parent.absolute().as_posix(), text)
    return _write_copy(folder, path.name, text)


def _write_copy(folder: Path, name: str, text: str) -> Path:
    # A folder each keeps copies of one name apart.
    copy = Path(tempfile.mkdtemp(dir=folder)) / name
    copy.write_text(text, encoding='utf-8')
    return copy


def _bases_node(text: str) -> ast.expr | None:
    """What is assigned to `_base_`, where it is plain text; mmengine says what is wrong with it."""
    try:
        for statement in ast.parse(text).body:
            match statement:
                case ast.Assign(targets=[ast.Name(id='_base_')], value=value):
                    named = ast.literal_eval(value)
                    texts = named if isinstance(named, list) else [named]
                    return value if all(isinstance(text, str) for text in texts) else None
    except (SyntaxError, ValueError):
        pass
    return None

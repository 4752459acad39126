"""`custom_imports`: the user's own Python files, run so that a config may name their classes."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config

from ..errors import ConfigError, one_line


def import_modules(cfg: Config, folders: Sequence[Path]) -> None:
    """Import what a config's `custom_imports` names, once per process.

    Args:
        cfg: the entry is a list of modules and files, `['my_loss.py']`, or mmengine's
            `dict(imports=[...], allow_failed_imports=False)`. A file found here stands with its
            whole path there afterwards, so that a copy of the config finds it as well.
        folders: of the config and its bases, where files and modules are looked for, in this order;
            modules besides where Python looks.

    Raises:
        ConfigError: an entry of another form, no such file or module, or one that fails.
    """
    entry = cfg.get('custom_imports')
    if not entry:
        return
    named, may_fail = entry, False
    if isinstance(entry, dict):
        unknown = set(entry) - {'imports', 'allow_failed_imports'}
        if unknown:
            raise ConfigError(f'custom_imports: unknown key {min(unknown)!r}')
        named, may_fail = entry.get('imports'), bool(entry.get('allow_failed_imports'))
    names = [named] if isinstance(named, str) else named
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise ConfigError(f"custom_imports: expected a list such as ['my_loss.py'], got {named!r}")
    imported = []
    for name in names:
        try:
            imported.append(_import(name, folders))
        except ConfigError:
            if not may_fail:
                raise
    cfg.custom_imports = imported


def _import(name: str, folders: Sequence[Path]) -> str:
    """Import one file or module; the file's path, or the module's name where none of ours is it."""
    is_file = name.endswith('.py')
    place = name if is_file else name.replace('.', '/')
    # A module is a file, or a folder with one that is called so.
    endings = ('',) if is_file else ('.py', '/__init__.py')
    paths = [(folder / f'{place}{ending}').absolute() for folder in folders for ending in endings]
    path = next((path for path in paths if path.is_file()), None)
    module = name
    if is_file:
        if path is None:
            raise ConfigError(f'custom_imports: there is no file {paths[0]}')
        module = path.stem
    if path is not None:
        levels = 0 if is_file else name.count('.') + (path.name == '__init__.py')
        root = str(path.parents[levels])
        if root not in sys.path:
            # At the end: it must not hide a module of another package. Processes that load data
            # find it as well.
            sys.path.append(root)
    try:
        found = importlib.import_module(module)
    # A file of the user's may fail in any way, and leave.
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f'custom_imports: {path or module}: {type(error).__name__}: {one_line(error)}'
        ) from error
    if path is not None and Path(found.__file__ or '').resolve() != path.resolve():
        raise ConfigError(
            f'custom_imports: {path}: another module is called {module} '
            f'({found.__file__ or "built in"}); give the file another name'
        )
    return str(path) if is_file else name

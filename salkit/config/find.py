"""Finding configs: files, those that come with salkit, those that plugins bring."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..errors import ConfigError
from ..plugin import installed_plugins, load_plugins, plain_name, unusable_plugins
from ..utils.input_files import check_input_file
from ..utils.text import nearest_names
from .kinds import CONFIG, FOLDER, kind_of

MOST_CONFIG_BYTES = 1_000_000
# Between the name of a plugin and that of its config.
SEPARATOR = '::'


def config_root() -> Path:
    """The folder of the configs that come with salkit: the checkout's, or the installed ones."""
    package = Path(__file__).resolve().parents[1]
    installed = package / '_configs'
    return installed if installed.is_dir() else package.parent / 'configs'


def config_names() -> list[str]:
    """Names of the configs that come with salkit, such as `salfom/umt-l16_cc-kl`."""
    root = config_root()
    paths = (path.relative_to(root) for path in root.rglob('*.py'))
    return sorted(path.with_suffix('').as_posix() for path in paths if path.parts[0] != '_base_')


def config_name(path: str | Path) -> str:
    """How a config is called.

    Its name where it comes with salkit, `PLUGIN::NAME` where a plugin brings it, else the file's.
    """
    path = Path(path).resolve()
    root = config_root().resolve()
    if root in path.parents:
        return path.relative_to(root).with_suffix('').as_posix()
    for record in installed_plugins():
        for name, file in record.config_files().items():
            if file.resolve() == path:
                return f'{record.name}{SEPARATOR}{name}'
    return path.name


def find_config(path_or_name: str | Path) -> Path:
    """The file of a config.

    Args:
        path_or_name: its path, or see `find_named_config`.

    Raises:
        ConfigError: there is none; the message holds the nearest names. Something else, such as a
            checkpoint, is called what it is.
    """
    kind = kind_of(path_or_name)
    expected = 'expected a config (a .py, .yaml or .json file, or a name)'
    if kind not in (None, CONFIG, FOLDER):
        raise ConfigError(f'{path_or_name}: is {kind}, {expected}')
    # Of a folder and a config of one name, the config is meant.
    if str(path_or_name) and kind != FOLDER and os.path.exists(path_or_name):
        path = check_input_file(path_or_name, ConfigError, MOST_CONFIG_BYTES)
        if kind is None:
            raise ConfigError(f'{path_or_name}: {expected}')
        return path
    try:
        return find_named_config(str(path_or_name))
    except ConfigError as error:
        if kind == FOLDER:
            raise ConfigError(f'{path_or_name}: is a folder, expected a config') from error
        raise


def find_named_config(text: str) -> Path:
    """The file of a config that comes with salkit or a plugin, whatever files there are besides.

    Args:
        text: its name among those that come with salkit; `PLUGIN::NAME`, where the plugin is
            called as its distribution, its module or its entry point is (`salkit::NAME` is one of
            salkit's own). The folder may be left out where one config alone is called so.

    Raises:
        ConfigError: there is none, or several; the message holds the nearest names, or all of
            these.
    """
    own = text.removeprefix(f'salkit{SEPARATOR}')
    if SEPARATOR in own:
        return _find_in_plugin(own)
    # `configs/salfom/x.py` is also understood outside a checkout.
    name = own.removeprefix('configs/').removesuffix('.py')
    known = config_names()
    found = _inside(config_root(), _full_name(name, known))
    if found:
        return found
    raise _not_found(text, name, known, ['neither as a file nor by name'])


def _full_name(name: str, known: Sequence[str]) -> str:
    """The name with its folder, where that was left out.

    Raises:
        ConfigError: several folders have one of that name.
    """
    if not name or name in known:
        return name
    called = [each for each in known if each.endswith(f'/{name}')]
    if len(called) > 1:
        raise ConfigError(f'config {name!r}: say which one, {" or ".join(called)}')
    return called[0] if called else name


def _inside(folder: Path, name: str) -> Path | None:
    """The file `name` (without .py) of `folder`, where there is one."""
    try:
        path = (folder / f'{name}.py').resolve()
        return path if name and path.is_file() and folder.resolve() in path.parents else None
    except (OSError, ValueError):
        # No name of a file: too long, or with a null byte.
        return None


def _not_found(text: str, name: str, known: list[str], reasons: list[str]) -> ConfigError:
    hint = nearest_names(name, known, cutoff=0.4)
    # All names would be too many.
    reasons = [*reasons, *([hint] if hint.startswith('did') else [])]
    return ConfigError(f'config {text!r} does not exist, {"; ".join(reasons)}')


def _find_in_plugin(text: str) -> Path:
    """The file of `PLUGIN::NAME`."""
    owner, _, name = text.partition(SEPARATOR)
    records = load_plugins()
    answering = [record for record in records if plain_name(owner) in record.names]
    if not answering:
        installed = ', '.join(record.name for record in records) or 'none'
        raise ConfigError(
            f'config {text!r}: no installed plugin is called {owner!r}; installed: {installed}'
        )
    known = [each for record in answering for each in record.config_files()]
    full = _full_name(name.removesuffix('.py'), known)
    for record in answering:
        for folder in record.config_dirs:
            found = _inside(folder, full)
            if found:
                return found
    brings = f'the plugin {owner} brings {", ".join(known) or "no configs"}'
    raise _not_found(text, name, known, [brings, *unusable_plugins()])

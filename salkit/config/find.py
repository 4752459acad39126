"""Finding configs: files, those that come with salkit, those that plugins bring."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.config import Config

from ..errors import ConfigError

# Between the name of a plugin and that of its config.
SEPARATOR = '::'
_lock = threading.RLock()


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
    from ..plugin import installed_plugins

    path = Path(path).resolve()
    root = config_root().resolve()
    if root in path.parents:
        return path.relative_to(root).with_suffix('').as_posix()
    for record in installed_plugins():
        for name, file in record.config_files().items():
            if file.resolve() == path:
                return f'{record.name}{SEPARATOR}{name}'
    return path.name


def _inside(folder: Path, name: str) -> Path | None:
    """The file `name` (without .py) of `folder`, where there is one."""
    path = (folder / f'{name}.py').resolve()
    return path if name and path.is_file() and folder.resolve() in path.parents else None


def _not_found(text: str, name: str, known: list[str], where: str) -> ConfigError:
    nearest = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    hint = f'; did you mean {" or ".join(nearest)}?' if nearest else ''
    return ConfigError(f'config {text!r} does not exist, {where}{hint}')


def _find_in_plugin(text: str) -> Path:
    """The file of `PLUGIN::NAME`."""
    from ..plugin import load_plugins, unavailable
    from ..plugin.record import plain_name

    owner, _, name = text.partition(SEPARATOR)
    records = load_plugins()
    answering = [record for record in records if plain_name(owner) in record.names]
    if not answering:
        installed = ', '.join(record.name for record in records) or 'none'
        raise ConfigError(
            f'config {text!r}: no installed plugin is called {owner!r}; installed: {installed}'
        )
    for record in answering:
        for folder in record.config_dirs:
            found = _inside(folder, name.removesuffix('.py'))
            if found:
                return found
    known = [name for record in answering for name in record.config_files()]
    listed = f'the plugin {owner} brings {", ".join(known) or "no configs"}' + unavailable()
    raise _not_found(text, name, known, listed)


def find_config(path_or_name: str | Path) -> Path:
    """The file of a config.

    Args:
        path_or_name: its path; its name among those that come with salkit; `PLUGIN::NAME`, where
            the plugin is called as its distribution, its module or its entry point is
            (`salkit::NAME` is one of salkit's own).

    Raises:
        ConfigError: there is none; tells the nearest names.
    """
    text = str(path_or_name)
    path = Path(text)
    if path.is_file():
        return path
    own = text.removeprefix(f'salkit{SEPARATOR}')
    if SEPARATOR in own:
        return _find_in_plugin(own)
    # `configs/salfom/x.py` is also understood outside a checkout.
    name = own.removeprefix('configs/').removesuffix('.py')
    found = _inside(config_root(), name)
    if found:
        return found
    raise _not_found(text, name, config_names(), 'neither as a file nor by name')


@contextmanager
def named_bases() -> Iterator[None]:
    """Let `_base_` of a config name another one as `PLUGIN::NAME` or `salkit::NAME`.

    mmengine knows the notation, but looks the package up by means that Python no longer has.
    """

    def path_of(base: str, filename: str) -> tuple[str, str | None]:
        if SEPARATOR in base:
            return str(find_config(base)), None
        return of_mmengine(base, filename)

    with _lock:
        of_mmengine = Config._get_cfg_path
        Config._get_cfg_path = staticmethod(path_of)
        try:
            yield
        finally:
            Config._get_cfg_path = staticmethod(of_mmengine)

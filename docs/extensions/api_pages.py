"""A page for each room of salkit: what is public in it, from the docstrings."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from types import ModuleType

from markup import block, heading

PACKAGE = 'salkit'
# What a script of one's own uses comes first, what parts of one's own are made of next.
ROOMS = (
    *('inference', 'functional', 'scoring', 'metrics', 'models', 'checkpoints', 'config'),
    *('encoders', 'decoders', 'losses', 'layers', 'datasets', 'prepare', 'engine', 'media'),
    *('plugin', 'testing', 'registry', 'builder', 'types', 'errors'),
)


def api_pages() -> dict[str, str]:
    """The text of every page by its path."""
    pages = {room: _public_things(importlib.import_module(f'{PACKAGE}.{room}')) for room in ROOMS}
    homes: dict[int, str] = {}
    for things in pages.values():
        for name in [name for name, thing in things.items() if id(thing) in homes]:
            del things[name]
        homes.update((id(thing), name) for name, thing in things.items())
    named = _named_beside(pages, homes)
    texts = {
        f'api/{PACKAGE}.{room}.rst': _page(f'{PACKAGE}.{room}', things, named.get(room, {}))
        for room, things in pages.items()
    }
    return {f'api/{PACKAGE}.rst': _facade_page(homes), **texts}


def _page(room: str, things: dict[str, object], named: dict[str, object]) -> str:
    parts = [heading(room), block('', f'automodule:: {room}\n   :no-members:')]
    parts += [_entry(name, thing) for name, thing in things.items()]
    if named:
        parts.append(heading('What these take and give', '-'))
        parts += [_entry(name, thing) for name, thing in sorted(named.items())]
    return '\n'.join(parts)


def _facade_page(homes: dict[int, str]) -> str:
    parts = [heading(PACKAGE), block('', f'automodule:: {PACKAGE}\n   :no-members:')]
    module = importlib.import_module(PACKAGE)
    for name in sorted(set(module.__all__) - {'__version__'}):
        thing = getattr(module, name)
        home = thing.__name__ if inspect.ismodule(thing) else homes.get(id(thing))
        if home:
            parts.append(f'``salkit.{name}`` is :py:obj:`{home}`.\n')
        else:
            parts.append(_entry(f'{PACKAGE}.{name}', thing))
    return '\n'.join(parts)


def _entry(name: str, thing: object) -> str:
    if inspect.isclass(thing):
        bases = '' if thing.__bases__ == (object,) else '\n   :show-inheritance:'
        return block('', f'autoclass:: {name}\n   :members:{bases}')
    return block('', f'{"autofunction" if callable(thing) else "autodata"}:: {name}')


def _public_things(room: ModuleType) -> dict[str, object]:
    """What a room offers by its full name: its `__all__`, or what its files define.

    The classes and functions of folders in it, such as `salkit.prepare.check`, belong to it.
    """
    if hasattr(room, '__all__'):
        things = {f'{room.__name__}.{name}': getattr(room, name) for name in room.__all__}
        for folder in _folders(room):
            for name in getattr(folder, '__all__', ()):
                thing = getattr(folder, name)
                if callable(thing) and not any(thing is other for other in things.values()):
                    things[f'{folder.__name__}.{name}'] = thing
        return things
    return {
        f'{file.__name__}.{name}': thing
        for file in _files(room)
        for name, thing in vars(file).items()
        if not name.startswith('_')
        and (inspect.isclass(thing) or inspect.isfunction(thing))
        and thing.__module__ == file.__name__
    }


def _folders(room: ModuleType) -> Iterator[ModuleType]:
    for entry in pkgutil.iter_modules(getattr(room, '__path__', ()), f'{room.__name__}.'):
        if entry.ispkg:
            yield importlib.import_module(entry.name)


def _files(room: ModuleType) -> Iterator[ModuleType]:
    yield room
    for entry in pkgutil.walk_packages(getattr(room, '__path__', ()), f'{room.__name__}.'):
        yield importlib.import_module(entry.name)


# Classes that annotations name -------------------------------------------------------------------


def _named_beside(
    pages: dict[str, dict[str, object]], homes: dict[int, str]
) -> dict[str, dict[str, object]]:
    """By room, the classes that what is public takes, gives or inherits, and no page has yet."""
    named: dict[str, dict[str, object]] = {}
    waiting = [thing for things in pages.values() for thing in things.values()]
    while waiting:
        for cls in _classes_of(waiting.pop()):
            room = cls.__module__.split('.')[1]
            if id(cls) not in homes and room in pages and not cls.__name__.startswith('_'):
                homes[id(cls)] = f'{cls.__module__}.{cls.__qualname__}'
                named.setdefault(room, {})[homes[id(cls)]] = cls
                waiting.append(cls)
    return named


def _classes_of(thing: object) -> Iterator[type]:
    """The classes of salkit in the annotations of a function, or of a class and its methods."""
    texts = []
    if inspect.isclass(thing):
        yield from (base for base in thing.__bases__ if base.__module__.startswith(f'{PACKAGE}.'))
        texts += inspect.get_annotations(thing).values()
        for name, member in vars(thing).items():
            if name == '__init__' or not name.startswith('_'):
                function = getattr(member, 'fget', None) or getattr(member, '__func__', member)
                texts += getattr(function, '__annotations__', {}).values()
    else:
        texts += getattr(thing, '__annotations__', {}).values()
    module = getattr(thing, '__module__', '')
    for name in {name for text in texts for name in re.findall(r'\w+', str(text))}:
        found = _in_scope(module, name)
        if inspect.isclass(found) and found.__module__.startswith(f'{PACKAGE}.'):
            yield found


def _in_scope(module: str, name: str) -> object:
    """What `name` is in a module, or would be if what only type checkers import were there."""
    if not module.startswith(f'{PACKAGE}.'):
        return None
    there = importlib.import_module(module)
    if hasattr(there, name):
        return getattr(there, name)
    home = _imports(there).get(name)
    return getattr(importlib.import_module(home), name, None) if home else None


@cache
def _imports(module: ModuleType) -> dict[str, str]:
    """Where a module, anywhere in it, imports names of salkit from."""
    package = module.__spec__.parent if module.__spec__ else None
    homes = {}
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.ImportFrom) and node.level:
            home = importlib.util.resolve_name('.' * node.level + (node.module or ''), package)
            homes.update((alias.name, home) for alias in node.names)
    return homes

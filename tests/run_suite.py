"""Runs the checks of a suite one by one, outside of pytest's own collection."""

import inspect

import pytest


def calls(suite):
    """Names of the checks with each set of their parameters."""
    for name, check in inspect.getmembers(suite, inspect.isfunction):
        if not name.startswith('test_'):
            continue
        marks = getattr(check, 'pytestmark', [])
        if any(mark.name == 'skipif' and mark.args[0] for mark in marks):
            continue
        parametrize = [mark.args for mark in marks if mark.name == 'parametrize']
        sets = [{}]
        for names, values in parametrize:
            if isinstance(names, str):
                names, values = (names,), [(value,) for value in values]
            sets = [
                {**chosen, **dict(zip(names, value, strict=True))}
                for chosen in sets
                for value in values
            ]
        for chosen in sets:
            yield name, check, chosen


def failures(suite, tmp_path, only=None):
    """What each check that fails says, by its name; `only` runs those checks alone."""
    found = {}
    for number, (name, check, options) in enumerate(calls(suite)):
        if only and name not in only:
            continue
        folder = tmp_path / f'{number}'
        folder.mkdir()
        with pytest.MonkeyPatch.context() as monkeypatch:
            fixtures = dict(tmp_path=folder, monkeypatch=monkeypatch)
            names = inspect.signature(check).parameters
            given = {k: v for k, v in fixtures.items() if k in names}
            try:
                check(suite(), **options, **given)
            except pytest.skip.Exception:
                pass
            except pytest.fail.Exception as error:
                found.setdefault(name, str(error))
            except Exception as error:
                found.setdefault(name, f'{type(error).__name__}: {error}')
    return found

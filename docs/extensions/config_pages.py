"""What a config may say: its entries, and every registered part with its arguments."""

from __future__ import annotations

from pprint import pformat

from markup import block, heading, plain
from mmengine.config import Config
from mmengine.registry import Registry

from salkit import registry
from salkit.config.checked_values import EXPECTED
from salkit.config.find import config_root
from salkit.config.options import RUNNER_KEYS, SALKIT_KEYS

# Page -> registry, and where in a config its parts stand.
KINDS: dict[str, tuple[Registry, str]] = {
    'Encoders': (registry.ENCODERS, '`model.encoder`'),
    'Decoders, branches, fusion': (
        registry.DECODERS,
        '`model.decoder`, its `branches.NAME` and its `fusion`',
    ),
    'Losses': (registry.LOSSES, '`model.losses.NAME`'),
    'Models': (registry.MODELS, '`model`'),
    'Data sets': (registry.DATASETS, '`LOADER.dataset`'),
    'Samplers': (registry.DATA_SAMPLERS, '`LOADER.sampler`'),
    'Transforms': (registry.TRANSFORMS, 'the list `LOADER.dataset.pipeline`'),
    'Metrics': (registry.METRICS, '`val_evaluator`, `test_evaluator`'),
    'Hooks': (registry.HOOKS, '`default_hooks.NAME`, or the list `custom_hooks`'),
    'Optimizer wrappers': (registry.OPTIM_WRAPPERS, '`optim_wrapper`'),
    'Optimizer wrapper constructors': (
        registry.OPTIM_WRAPPER_CONSTRUCTORS,
        '`optim_wrapper.constructor`',
    ),
}
# How the text of an entry begins that salkit leaves to mmengine.
SELDOM = "mmengine's: "


def config_pages() -> dict[str, str]:
    """The text of every page by its path."""
    pages = {f'config/{_file_name(title)}.rst': _parts_page(title) for title in KINDS}
    return {'config/entries.rst': _entries_page(), **pages}


def _file_name(title: str) -> str:
    return title.partition(',')[0].lower().replace(' ', '_')


def _entries_page() -> str:
    shared = Config.fromfile(config_root() / '_base_' / 'runtime.py').to_dict()
    parts = [
        heading('Entries'),
        'Every entry that a config may have at its top, what those below it may hold where that is '
        'checked before a run, and what ``_base_/runtime.py``, the base of every config of salkit, '
        'says of it.\n',
    ]
    keys = sorted({**RUNNER_KEYS, **SALKIT_KEYS}.items())
    parts += [_entry(key, text, shared) for key, text in keys if not text.startswith(SELDOM)]
    parts += [heading('Seldom needed', '-'), "What mmengine's Runner takes besides.\n"]
    parts += [
        _entry(key, text.removeprefix(SELDOM), shared)
        for key, text in keys
        if text.startswith(SELDOM)
    ]
    return '\n'.join(parts)


def _entry(key: str, text: str, shared: dict[str, object]) -> str:
    content = [plain(text[:1].upper() + text[1:]) + '.\n']
    if shared.get(key):
        content.append(block(f'{key} = {pformat(shared[key])}', 'code-block:: python'))
    content += [
        f'- ``{name}``: {plain(expected.text)}'
        for name, expected in EXPECTED.items()
        if name.startswith(f'{key}.') and '*' not in name
    ]
    expected = EXPECTED.get(key)
    kind = f'\n   :type: {plain(expected.text)}' if expected else ''
    return block('\n'.join(content), f'confval:: {key}{kind}')


def _parts_page(title: str) -> str:
    parts_of, place = KINDS[title]
    parts_of.import_from_location()
    classes = [cls for cls in parts_of.module_dict.values() if cls.__module__.startswith('salkit.')]
    parts = [heading(title), f'Named by ``type`` in {plain(place)}.\n']
    for cls in sorted(classes, key=lambda cls: cls.__name__):
        name = f'{cls.__module__}.{cls.__qualname__}'
        parts.append(heading(cls.__name__, '-'))
        parts.append(block('', f'autoclass:: {name}\n   :no-members:\n   :no-index:'))
    return '\n'.join(parts)

"""Writes plugins as an installer leaves them: a module, and a distribution with an entry point."""

from pathlib import Path

ENCODER = """
from salkit import hookimpl


@hookimpl
def register_encoders(register):
    from salkit.encoders import UMTEncoder

    {class_name} = type('{class_name}', (UMTEncoder,), {{}})
    register({class_name}, smoke=dict(arch='tiny', clip_len=8))
"""


def make_plugin(folder, name, source=None, version='1.0', class_name=None, entry=None):
    """Install a plugin called `name` into `folder`, which has to be on Python's path.

    Its module is `plugin_<name>`, its distribution `salkit-<name>`. Without a source it registers
    one encoder.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    module = f'plugin_{name.replace("-", "_")}'
    if source is None:
        source = ENCODER.format(class_name=class_name or f'{name.title().replace("-", "")}Encoder')
    (folder / f'{module}.py').write_text(source)
    info = folder / f'salkit_{name.replace("-", "_")}-{version}.dist-info'
    info.mkdir()
    (info / 'METADATA').write_text(
        f'Metadata-Version: 2.1\nName: salkit-{name}\nVersion: {version}\n'
    )
    (info / 'entry_points.txt').write_text(f'[salkit]\n{name} = {entry or module}\n')
    (info / 'RECORD').write_text('')
    return folder


def register_source(*lines, hook='register_encoders', argument='register'):
    """Source of a module whose one hook has these lines."""
    body = '\n'.join(f'    {line}' for line in lines)
    return f'from salkit import hookimpl\n\n\n@hookimpl\ndef {hook}({argument}):\n{body}\n'


# What goes wrong with plugins, by name: the source of each, and what is to be said of it.
BROKEN = {
    'import-error': ('import no_such_module', "ModuleNotFoundError: No module named 'no_such_mod"),
    'syntax-error': ('def broken(:', 'SyntaxError'),
    'leaves': ('import sys\nsys.exit(3)', 'SystemExit: 3'),
    'closes': ('raise GeneratorExit', 'GeneratorExit'),
    'interrupts': ('raise KeyboardInterrupt', 'KeyboardInterrupt'),
    'hook-leaves': (register_source('raise SystemExit(3)'), 'SystemExit: 3'),
    'hook-closes': (register_source('raise GeneratorExit'), 'GeneratorExit'),
    'hook-raises': (register_source("raise ValueError('oh no')"), 'register_encoders: ValueError'),
    'misspelt': (
        register_source('pass', hook='register_encodres'),
        'which is not a hook of salkit; did you mean register_encoders?',
    ),
    'signature': (register_source('pass', argument='registry'), "{'registry'}"),
    'unmarked': ('def register_encoders(register):\n    pass\n', 'implements no hook'),
    'built-in': (
        register_source(
            "register(type('UMTEncoder', (__import__('salkit.encoders').encoders.Encoder,), {}))"
        ),
        'the encoder UMTEncoder is registered by salkit itself already',
    ),
    'of-mmengine': (
        register_source("register(type('LoggerHook', (), {}))", hook='register_hooks'),
        'the hook LoggerHook is registered by mmengine already',
    ),
    'no-class': (register_source("register('NotAClass')"), "'NotAClass' is not a class"),
    'no-encoder': (
        register_source("register(type('Stranger', (), {}))"),
        'Stranger as an encoder, which is not a subclass of Encoder',
    ),
    'bad-smoke': (
        register_source(
            "register(type('Smoky', (__import__('salkit.encoders').encoders.Encoder,), {}), 3)"
        ),
        'registers Smoky with smoke=3, expected a dict',
    ),
    'no-folder': (
        register_source("return ['/no/such/folder']", hook='config_dirs', argument=''),
        'config_dirs: the folder /no/such/folder does not exist',
    ),
    'no-list': (
        register_source("return '/tmp'", hook='config_dirs', argument=''),
        "config_dirs: expected a list of folders, got '/tmp'",
    ),
}

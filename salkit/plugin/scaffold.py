"""Writes the package of a new plugin from the templates beside this file."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from pathlib import Path
from string import Template

from mmengine.registry import Registry

from .. import registry
from ..errors import ConfigError
from ..utils.folders import whole_folder
from ..utils.text import check_choice
from .manager import ROLES as HOOKS

TEMPLATES = Path(__file__).parent / 'templates'
_SUFFIX = '.tmpl'
_DEMO = 'salkit train demo/umt-tiny_cc-kl --cfg-options'


@dataclass(frozen=True)
class Role:
    """What a plugin may bring.

    Attributes:
        registry: where it is registered.
        suffix: what the class's name ends with; empty where it is not a class.
        what: what the template's part is, for the README.
        use: a command that uses the part without the plugin's config; empty where that takes it.
        smoke: the arguments with which the suites build a small one; empty where none tests it.
        more: further names that the registration imports.
    """

    registry: Registry
    suffix: str
    what: str
    use: str = ''
    smoke: str = ''
    more: str = ''


ROLES = {
    'encoder': Role(
        registry.ENCODERS,
        'Encoder',
        'a small 3D convolutional encoder',
        f'{_DEMO} model.encoder.type=$part',
        'dict(width=8, clip_len=4)',
    ),
    'decoder': Role(
        registry.DECODERS,
        'Decoder',
        'a small decoder that adds up all features',
        f'{_DEMO} model.decoder.type=$part',
        'dict(width=8)',
    ),
    'branch': Role(
        registry.DECODERS,
        'Branch',
        'a small branch for MultiBranchDecoder',
        f'{_DEMO} model.decoder.branches.sfd.type=$part',
        'dict(width=0.25)',
    ),
    'loss': Role(
        registry.LOSSES,
        'Loss',
        'the total variation distance of two maps as a loss',
        f'{_DEMO} model.losses.kl.type=$part',
        'dict()',
    ),
    'metric': Role(
        registry.METRICS,
        'Metric',
        'a metric that looks where the prediction is highest',
        smoke='dict()',
    ),
    'dataset': Role(
        registry.DATASETS,
        'Dataset',
        'a data set whose splits are lists in text files',
        f'{_DEMO} dataset_type=$part data_root=FOLDER',
        'dict(clip_len=4, data_root=write_example)',
        ', write_example',
    ),
    'transform': Role(registry.TRANSFORMS, 'Transform', 'a random brightness for training clips'),
    'hook': Role(registry.HOOKS, 'Hook', 'a hook that keeps the scores of every validation'),
    'protocol': Role(
        registry.PROTOCOLS,
        '',
        'scores by CC, NSS and the density at the highest pixel',
        'salkit protocols $name',
    ),
}


@dataclass(frozen=True)
class Names:
    """What the parts of a plugin are called.

    Attributes:
        role: a key of `ROLES`.
        name: as given, less a leading `salkit-`: 'my-vfm'.
    """

    role: str
    name: str

    @property
    def stem(self) -> str:
        """The name as an identifier: 'my_vfm'."""
        return self.name.replace('-', '_')

    @property
    def distribution(self) -> str:
        """The name for pip: 'salkit-my-vfm'."""
        return f'salkit-{self.name}'

    @property
    def module(self) -> str:
        """The name for Python: 'salkit_my_vfm'."""
        return f'salkit_{self.stem}'

    @property
    def class_name(self) -> str:
        """The name in configs: 'MyVfmEncoder'; a name that ends with the role says it once."""
        camel = ''.join(word.capitalize() for word in self.stem.split('_'))
        suffix = ROLES[self.role].suffix
        return camel if camel.endswith(suffix) and camel != suffix else camel + suffix

    @property
    def label(self) -> str:
        """What configs call the part that it brings."""
        return self.class_name if ROLES[self.role].suffix else self.name

    @property
    def config(self) -> str:
        """The name of the config that it brings."""
        return f'{self.module}::{self.stem}_demo'

    @property
    def command(self) -> str:
        """What makes this package."""
        role = '' if self.role == 'encoder' else f' --role {self.role}'
        return f'salkit new-plugin {self.name}{role}'


def names_of(name: str, role: str = 'encoder') -> Names:
    """The names of a plugin that is to be called `name`.

    Raises:
        ConfigError: a name that cannot be one of a package and a module, or an unknown role.
    """
    check_choice('', 'role', role, ROLES)
    names = Names(role, re.sub(r'^salkit[-_]', '', name).replace('_', '-'))
    pattern = r'[a-z][a-z0-9]*(-[a-z0-9]+)*'
    if not re.fullmatch(pattern, names.name) or keyword.iskeyword(names.stem):
        raise ConfigError(
            f'{name!r} is not a name for a plugin: expected lower-case letters, digits and dashes, '
            'a letter first, no word of Python, such as my-vfm'
        )
    return names


def render(names: Names) -> dict[str, str]:
    """The files of the package: text by path, separated by slashes."""
    role = ROLES[names.role]
    part = names.class_name if role.suffix else f'Protocol {names.name}'
    thing = names.class_name if role.suffix else 'PROTOCOL'
    data = ' --cfg-options data_root=FOLDER' if names.role == 'dataset' else ''
    use = Template(role.use or f'salkit train {names.config}').substitute(
        part=part, name=names.name
    )
    values = dict(
        name=names.name,
        stem=names.stem,
        distribution=names.distribution,
        module=names.module,
        part=part,
        role=names.role,
        command=names.command,
        what=role.what,
        hook=next(hook for hook, target in HOOKS.items() if target is role.registry),
        how=', and how the suites build a small one' if role.smoke else '',
        imports=thing + role.more,
        arguments=f'{thing}, smoke={role.smoke}' if role.smoke else thing,
        use=f'salkit train {names.config}{data}\n{use}',
    )
    package, own = TEMPLATES / 'package', TEMPLATES / names.role
    sources = {path.relative_to(package).as_posix(): path for path in package.rglob(f'*{_SUFFIX}')}
    sources[f'MODULE/{names.role}.py'] = own / f'part.py{_SUFFIX}'
    sources[f'MODULE/configs/{names.stem}_demo.py'] = own / f'config.py{_SUFFIX}'
    sources[f'tests/test_{names.module}.py'] = own / f'test.py{_SUFFIX}'
    return {
        path.replace('MODULE', names.module).removesuffix(_SUFFIX): Template(
            source.read_text(encoding='utf-8')
        ).substitute(values)
        for path, source in sources.items()
    }


def scaffold(name: str, role: str = 'encoder', out: str | Path = '.') -> tuple[Names, Path]:
    """Write the package of a new plugin into a folder of its own, whole or not at all.

    Args:
        name: 'my-vfm' makes the folder `salkit-my-vfm`.
        role: a key of `ROLES`.
        out: where that folder is made.

    Returns:
        The names, and the folder.

    Raises:
        ConfigError: a bad name, or a folder that holds something.
    """
    names = names_of(name, role)
    folder = Path(out) / names.distribution
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f'{folder} exists already and is not an empty folder')
    files = render(names)
    with whole_folder(folder) as made:
        for path, text in files.items():
            (made / path).parent.mkdir(parents=True, exist_ok=True)
            (made / path).write_text(text, encoding='utf-8')
    return names, folder

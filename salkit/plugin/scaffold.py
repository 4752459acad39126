"""Writes the package of a new plugin from the templates beside this file."""

from __future__ import annotations

import keyword
import os
import re
import shutil
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from string import Template

from .. import registry
from ..errors import ConfigError
from .manager import installed_plugins
from .record import find_installed, plain_name

TEMPLATES = Path(__file__).parent / 'templates'
_SUFFIX = '.tmpl'
# What stands for the plugin's names in the paths of templates.
_IN_PATHS = {'MODULE': 'module', 'STEM': 'stem'}


@dataclass(frozen=True)
class Role:
    """What a plugin may bring.

    Attributes:
        registry: where its class is registered; None for protocols, which are no classes.
        suffix: what the class's name ends with.
        what: what the template's part is, for the README.
        use: a command that uses the part without the plugin's config; empty where it takes one.
    """

    registry: registry.Registry | None
    suffix: str
    what: str
    use: str = ''


_DEMO = 'salkit train demo/umt-tiny_cc-kl --cfg-options'
ROLES = {
    'encoder': Role(
        registry.ENCODERS,
        'Encoder',
        'a small 3D convolutional encoder',
        f'{_DEMO} model.encoder.type=$part',
    ),
    'decoder': Role(
        registry.DECODERS,
        'Decoder',
        'a small decoder that adds up all features',
        f'{_DEMO} model.decoder.type=$part',
    ),
    'branch': Role(
        registry.DECODERS,
        'Branch',
        'a small branch for MultiBranchDecoder',
        f'{_DEMO} model.decoder.branches.sfd.type=$part',
    ),
    'loss': Role(
        registry.LOSSES,
        'Loss',
        'the total variation distance of two maps as a loss',
        f'{_DEMO} model.losses.kl.type=$part',
    ),
    'metric': Role(
        registry.METRICS, 'Metric', 'a metric that looks where the prediction is highest'
    ),
    'dataset': Role(
        registry.DATASETS,
        'Dataset',
        'a data set whose splits are lists in text files',
        f'{_DEMO} dataset_type=$part data_root=FOLDER',
    ),
    'transform': Role(registry.TRANSFORMS, 'Transform', 'a random brightness for training clips'),
    'hook': Role(registry.HOOKS, 'Hook', 'a hook that keeps the scores of every validation'),
    'protocol': Role(
        None,
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
        return self.name if self.role == 'protocol' else self.class_name

    @property
    def part(self) -> str:
        """What the plugin brings, in texts."""
        return f'Protocol {self.name}' if self.role == 'protocol' else self.class_name

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
    if role not in ROLES:
        raise ConfigError(f'unknown role {role!r}; known: {", ".join(ROLES)}')
    names = Names(role, re.sub(r'^salkit[-_]', '', name).replace('_', '-'))
    if not re.fullmatch(r'[a-z][a-z0-9]*(-[a-z0-9]+)*', names.name):
        raise ConfigError(
            f'{name!r} is no name for a plugin: expected lower-case letters, digits and dashes, '
            'a letter first, such as my-vfm'
        )
    if keyword.iskeyword(names.stem):
        raise ConfigError(f'{name!r} is no name for a plugin: {names.stem} is a word of Python')
    return names


def check_free(names: Names) -> None:
    """Raise ConfigError if an installed plugin or a registered part has one of these names.

    Case does not count: nobody would tell UmtEncoder from UMTEncoder.
    """
    for _, record in find_installed():
        if record.names & {plain_name(names.distribution), plain_name(names.name)}:
            raise ConfigError(
                f'the plugin {record.name} ({record.distribution}) is installed already; '
                'choose another name'
            )
    try:
        version = metadata.version(names.distribution)
    except metadata.PackageNotFoundError:
        pass
    else:
        raise ConfigError(
            f'the package {names.distribution} {version} is installed already; choose another name'
        )
    installed_plugins()
    target = ROLES[names.role].registry
    if target is None:
        from ..metrics import protocol_names

        kind, wanted, known = 'protocol', names.name, protocol_names()
    else:
        from ..builder import known_names

        kind, wanted, known = target.name, names.class_name, known_names(target)
    for taken in known:
        if taken.lower() == wanted.lower():
            raise ConfigError(f'the name is that of the {kind} {taken} already; choose another')


def render(names: Names) -> dict[str, str]:
    """The files of the package: text by path, separated by slashes.

    Raises:
        ConfigError: salkit was installed without its templates.
    """
    role = ROLES[names.role]
    values = dict(
        name=names.name,
        stem=names.stem,
        distribution=names.distribution,
        module=names.module,
        part=names.part,
        command=names.command,
        what=role.what,
    )
    use = [f'salkit train {names.config}', Template(role.use).substitute(values)]
    if names.role == 'dataset':
        use[0] += ' --cfg-options data_root=FOLDER'
    values['use'] = '\n'.join(line for line in use if line)
    files = {}
    for folder in (TEMPLATES / 'common', TEMPLATES / names.role):
        for template in sorted(folder.rglob(f'*{_SUFFIX}')):
            path = template.relative_to(folder).as_posix().removesuffix(_SUFFIX)
            for word, key in _IN_PATHS.items():
                path = path.replace(word, values[key])
            files[path] = Template(template.read_text(encoding='utf-8')).substitute(values)
    if 'setup.py' not in files or f'{names.module}/__init__.py' not in files:
        raise ConfigError(f'{TEMPLATES}: the templates are missing; install salkit again')
    return files


def scaffold(name: str, role: str = 'encoder', out: str | Path = '.') -> tuple[Names, Path]:
    """Write the package of a new plugin into a folder of its own, whole or not at all.

    Args:
        name: 'my-vfm' makes the folder `salkit-my-vfm`.
        role: a key of `ROLES`.
        out: where that folder is made.

    Returns:
        The names, and the folder.

    Raises:
        ConfigError: a name that is bad or taken, or a folder that holds something.
    """
    names = names_of(name, role)
    folder = Path(out) / names.distribution
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f'{folder} exists already and is no empty folder')
    check_free(names)
    files = render(names)
    temporary = folder.with_name(f'.{folder.name}.{os.getpid()}.tmp')
    try:
        for path, text in files.items():
            (temporary / path).parent.mkdir(parents=True, exist_ok=True)
            (temporary / path).write_text(text, encoding='utf-8')
        if folder.is_dir():
            folder.rmdir()
        os.rename(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return names, folder

"""Makes virtual environments that see what the developer's has, less its plugins."""

import os
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

# What pip writes into an environment's bin, for paths of any length.
SCRIPT = """#!/bin/sh
'''exec' '{python}' "$0" "$@"
' '''
import sys

from {module} import {function}

sys.exit({function}())
"""
SCRIPTS = ('pip', 'pytest', 'salkit')


@dataclass(frozen=True)
class Env:
    """A virtual environment; nothing of what pip does inside it leaves its folder.

    Attributes:
        folder: where it lies.
        bin: its scripts: python, pip, pytest, salkit and those of what is installed into it.
        python: its interpreter.
        site: its site-packages.
    """

    folder: Path
    bin: Path
    python: Path
    site: Path

    def run(self, command, cwd=None, check=False, timeout=600, **env):
        """Run a command inside it: a list of arguments, or lines for bash, stopped by an error.

        pip neither asks an index nor isolates builds. `env` is added to the environment.
        """
        if isinstance(command, str):
            command = ['bash', '-e', '-o', 'pipefail', '-c', command]
        done = subprocess.run(
            [str(part) for part in command],
            cwd=cwd or self.folder,
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**self.environment(), **env},
        )
        if check and done.returncode:
            raise AssertionError(f'{command} gave {done.returncode}:\n{done.stdout}{done.stderr}')
        return done

    def environment(self):
        """The variables that commands run with."""
        hidden = ('PYTHONPATH', 'PYTHONHOME', 'PYTEST_ADDOPTS')
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in hidden and not name.startswith(('SALKIT_', 'PIP_', 'PYTEST_'))
        }
        # Commands of the developer's environment would work by chance.
        own = Path(sys.executable).parent
        path = [part for part in kept.get('PATH', '').split(os.pathsep) if Path(part) != own]
        return dict(
            kept,
            PATH=os.pathsep.join([str(self.bin), *path]),
            VIRTUAL_ENV=str(self.folder),
            PIP_CONFIG_FILE=os.devnull,
            PIP_DISABLE_PIP_VERSION_CHECK='1',
            PIP_NO_INDEX='1',
            # Read as the value of `build_isolation`.
            PIP_NO_BUILD_ISOLATION='0',
        )


def make_env(folder):
    """Make an environment in `folder`, which is not there yet or empty."""
    folder = Path(folder)
    subprocess.run(
        [sys.executable, '-m', 'venv', '--without-pip', str(folder / 'venv')], check=True
    )
    env = folder / 'venv'
    version = f'python{sys.version_info.major}.{sys.version_info.minor}'
    site = env / 'lib' / version / 'site-packages'
    outer = folder / 'outer'
    outer.mkdir()
    for place in _site_folders():
        hidden = _plugin_files(place)
        for item in sorted(place.iterdir()):
            if item.name not in hidden and not (outer / item.name).exists():
                (outer / item.name).symlink_to(item)
    (site / 'outer.pth').write_text(f'import site; site.addsitedir({str(outer)!r})\n')
    python = env / 'bin' / 'python'
    commands = metadata.entry_points(group='console_scripts')
    for name in SCRIPTS:
        (entry,) = {(found.module, found.attr) for found in commands.select(name=name)}
        script = env / 'bin' / name
        script.write_text(SCRIPT.format(python=python, module=entry[0], function=entry[1]))
        script.chmod(0o755)
    return Env(env, env / 'bin', python, site)


def _site_folders():
    """The folders that packages of the running Python are installed in."""
    folders = [Path(part) for part in sys.path if part]
    named = ('site-packages', 'dist-packages')
    return [folder for folder in folders if folder.name in named and folder.is_dir()]


def _plugin_files(place):
    """Names in a site-packages folder that belong to plugins of salkit, and compiled ones."""
    names = {'__pycache__'}
    for distribution in metadata.distributions(path=[str(place)]):
        if distribution.entry_points.select(group='salkit'):
            names |= {Path(str(file)).parts[0] for file in distribution.files or ()}
    return names

"""docs/plugins.md: its commands run as written, and it quotes what is there."""

import ast
import json
import re
import textwrap
from pathlib import Path

import pytest
import torch
from make_env import make_env

import salkit
from salkit.checkpoints import Checkpoint, load_weights, read_checkpoint
from salkit.cli import COMMANDS
from salkit.datasets.demo.generator import DEMO_VERSION, generate_demo_data
from salkit.plugin import absent_plugins, hookspecs
from salkit.plugin.scaffold import ROLES, names_of, render
from salkit.types import AdaptedWeights

ROOT = Path(salkit.__file__).parents[1]
GUIDE = ROOT / 'docs' / 'plugins.md'
pytestmark = pytest.mark.skipif(not GUIDE.is_file(), reason='the tests run without a checkout')


def blocks(kind):
    """The fenced blocks of the guide that are marked as `kind`."""
    return re.findall(rf'^```{kind}\n(.*?)^```$', GUIDE.read_text(), re.MULTILINE | re.DOTALL)


VIDEOS = dict(train=16, val=1, test=1)
# Lets the commands of the environment take demo data of few videos for the whole of them.
FEW_VIDEOS = f"""
import sys
from importlib.machinery import PathFinder


class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != 'salkit.datasets.demo.generator':
            return None
        spec = PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            module.DEFAULT_VIDEOS = {VIDEOS}

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Finder)
"""


@pytest.fixture
def fresh_env(tmp_path):
    """A virtual environment with salkit, without any plugin, with demo data of few videos."""
    env = make_env(tmp_path / 'env')
    (env.site / 'few_videos.py').write_text(FEW_VIDEOS)
    (env.site / 'few_videos.pth').write_text('import few_videos\n')
    return env


@pytest.fixture
def demo_cache(tmp_path):
    """A cache folder whose demo data are a few clips, again and again under other names."""
    root = tmp_path / 'cache' / f'demo-v{DEMO_VERSION}'
    generate_demo_data(root, videos=dict(VIDEOS, train=2), progress=False)
    for number in range(2, VIDEOS['train']):
        (root / 'train' / f'{number + 1:04d}').symlink_to(root / 'train' / f'{number % 2 + 1:04d}')
    info = json.loads((root / 'demo.json').read_text())
    (root / 'demo.json').write_text(json.dumps(dict(info, videos=VIDEOS)))
    return root.parent


@pytest.mark.slow
def test_the_commands_run_as_written(fresh_env, demo_cache, tmp_path):
    folder = tmp_path / 'somewhere'
    folder.mkdir()
    where = tmp_path / 'where'
    printed = ''
    for block in blocks('bash'):
        # Whoever follows the guide stays in the folder that a block before has gone to.
        done = fresh_env.run(f'{block}\npwd > {where}', cwd=folder, SALKIT_CACHE=str(demo_cache))
        assert done.returncode == 0, f'{block}{done.stdout}{done.stderr}'
        folder = Path(where.read_text().strip())
        printed += done.stdout
    for quoted in (
        'salkit-my-vfm 0.1.0 (salkit_my_vfm): loaded\n  encoder    MyVfmEncoder\n'
        '  1 configs, such as salkit_my_vfm::my_vfm_demo\n',
        "{'salkit-my-vfm': '0.1.0'}\n",
        "  pip install -e '.[test]'\n  pytest\n",
        'DemoDataset test: 1 videos, 36 frames',
        'salkit-my-vfm 0.1.0 (salkit_my_vfm): left out',
    ):
        assert quoted in printed
    assert (folder / 'dist' / 'salkit_my_vfm-0.1.0-py3-none-any.whl').is_file()

    # What the guide says of plugins that are broken or missing.
    guide = GUIDE.read_text().splitlines()
    module = folder / 'salkit-my-vfm' / 'salkit_my_vfm' / '__init__.py'
    source = module.read_text()
    module.write_text(source + 'import nothing_there\n')
    done = fresh_env.run('salkit train demo/no-such-config', cwd=folder)
    assert not done.stderr.splitlines()[0].startswith('salkit: warning')
    config = 'salkit_my_vfm::my_vfm_demo'
    done = fresh_env.run(f'salkit train {config}', cwd=folder)
    assert done.returncode == 2 and done.stderr.splitlines()[0] in guide
    module.write_text(source)
    fresh_env.run('pip uninstall -y salkit-my-vfm salkit-my-focus', check=True)
    done = fresh_env.run(f'salkit train {config}', cwd=folder)
    assert done.returncode == 2 and done.stderr.splitlines()[-1] in guide
    checkpoint = read_checkpoint(folder / 'salkit-my-vfm' / 'work_dirs' / 'my_vfm_demo')
    assert absent_plugins(checkpoint.plugins) in guide


def test_it_quotes_the_template():
    files = render(names_of('my-vfm'))
    quoted = 0
    for block in blocks('python'):
        path, _, code = block.removeprefix('# ').partition('\n')
        if path in files:
            assert code in files[path]
            quoted += 1
    assert quoted == 4
    table = re.findall(r'^\| (`.+`) \| ', GUIDE.read_text(), re.MULTILINE)
    named = {name for row in table for name in re.findall(r'`([^`]+)`', row)}
    assert set(files) <= named


def test_its_way_to_adapt_weights_works():
    (block,) = [block for block in blocks('python') if 'def adapt_weights' in block]
    space = dict(re=re, AdaptedWeights=AdaptedWeights)
    exec(textwrap.dedent(block.partition('\n')[2]), space)
    exec(render(names_of('my-vfm'))['salkit_my_vfm/encoder.py'], space)
    cls = type('MyVfmEncoder', (space['MyVfmEncoder'],), {'adapt_weights': space['adapt_weights']})
    source, encoder = (cls(width=8, clip_len=4) for _ in range(2))
    published = {'head.weight': torch.zeros(5, 32)}
    for name, value in source.state_dict().items():
        _, stage, rest = name.split('.', 2)
        published[f'visual.layer{int(stage) + 1}.{rest}'] = value
    load_weights(encoder, Checkpoint(published, 'published.pth'))
    for name, value in source.state_dict().items():
        assert torch.equal(encoder.state_dict()[name], value)


def test_it_tells_all_roles_and_hooks():
    text = GUIDE.read_text()
    for role in ROLES:
        assert f'| `{role}` |' in text
    for hook in vars(hookspecs):
        if hook.startswith('register_') or hook == 'config_dirs':
            assert f'`{hook}`' in text
    for plugin in (ROOT / 'plugins').iterdir():
        assert not (plugin / 'setup.py').is_file() or f'| `{plugin.name}` |' in text
    for command in re.findall(r'^salkit ([a-z-]+)', '\n'.join(blocks('bash')), re.MULTILINE):
        assert command in COMMANDS or command == '--version'


def test_its_blocks_are_of_known_kinds():
    kinds = re.findall(r'^```(\w*)$', GUIDE.read_text(), re.MULTILINE)
    assert set(kinds) == {'', 'bash', 'console', 'python'}
    for block in blocks('console'):
        assert all(line.startswith('$ ') for line in block.splitlines())
    for block in blocks('python'):
        ast.parse(textwrap.dedent(block.partition('\n')[2]) or 'pass')

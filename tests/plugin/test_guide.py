"""docs/plugins.md quotes what is there. (tests/docs has its commands run.)"""

import ast
import re
import textwrap
from pathlib import Path

import pytest
import torch
from make_env import make_env

import salkit
from salkit.checkpoints import Checkpoint, load_weights
from salkit.plugin import absent_plugins, hookspecs
from salkit.plugin.scaffold import ROLES, names_of, render, scaffold
from salkit.types import AdaptedWeights

ROOT = Path(salkit.__file__).parents[1]
GUIDE = ROOT / 'docs' / 'plugins.md'
pytestmark = pytest.mark.skipif(not GUIDE.is_file(), reason='the tests run without a checkout')


def blocks(kind):
    """The fenced blocks of the guide that are marked as `kind`."""
    return re.findall(rf'^```{kind}\n(.*?)^```$', GUIDE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_what_it_says_of_plugins_that_are_broken_or_missing(tmp_path):
    env = make_env(tmp_path / 'env')
    package = scaffold('my-vfm', out=tmp_path)[1]
    env.run(['pip', 'install', '-e', package], check=True)
    guide = GUIDE.read_text().splitlines()
    module = package / 'salkit_my_vfm' / '__init__.py'
    module.write_text(module.read_text() + 'import nothing_there\n')
    done = env.run('salkit train demo/no-such-config')
    assert not done.stderr.splitlines()[0].startswith('salkit: warning')
    config = 'salkit_my_vfm::my_vfm_demo'
    done = env.run(f'salkit train {config}')
    assert done.returncode == 2 and done.stderr.splitlines()[0] in guide
    env.run('pip uninstall -y salkit-my-vfm', check=True)
    done = env.run(f'salkit train {config}')
    assert done.returncode == 2 and done.stderr.splitlines()[-1] in guide
    assert absent_plugins({'salkit-my-vfm': '0.1.0'}) in guide


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


def test_its_blocks_are_of_known_kinds():
    kinds = re.findall(r'^```(\w*)$', GUIDE.read_text(), re.MULTILINE)
    assert set(kinds) == {'', 'bash', 'console', 'python'}
    for block in blocks('console'):
        assert all(line.startswith('$ ') for line in block.splitlines())
    for block in blocks('python'):
        ast.parse(textwrap.dedent(block.partition('\n')[2]) or 'pass')

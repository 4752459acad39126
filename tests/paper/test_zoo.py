"""The generated pages say what the code says."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

import salkit
from salkit.config.find import config_names, config_root
from salkit.config.load import load_config
from salkit.models.profile import profile
from salkit.paper import zoo

FOLDER = config_root() / 'salfom'


@pytest.fixture
def written(monkeypatch):
    """The metafile; all but some configs count as it says."""
    content = yaml.safe_load((FOLDER / 'metafile.yml').read_text(encoding='utf-8'))
    # Counting all of them takes a minute; the numbers of parameters are tested with the configs.
    stored = {model['Config'].removeprefix('configs/'): model for model in content['Models']}
    counted = set(list(stored)[::5])

    def look_up(cfg):
        name = Path(cfg.filename).relative_to(config_root()).as_posix()
        if name in counted:
            return profile(cfg)
        told = stored[name]['Metadata']
        clip = (told['Frames'], *told['Input Size'])
        return SimpleNamespace(params_paper=told['Parameters'], flops=told['FLOPs'], clip=clip)

    monkeypatch.setattr(zoo, 'profile', look_up)
    return content


def test_the_readme_is_what_the_code_writes(written):
    assert (FOLDER / 'README.md').read_text(encoding='utf-8') == zoo.readme()


def test_the_readme_names_every_config():
    text = (FOLDER / 'README.md').read_text(encoding='utf-8')
    for name in config_names():
        if name.startswith('salfom/'):
            assert re.search(rf'\| {re.escape(name)} \|', text), name


def test_the_metafile_is_what_the_code_writes(written):
    made = yaml.safe_load(zoo.metafile())
    # Other versions of PyTorch may split an operation otherwise.
    for content in (written, made):
        for model in content['Models']:
            model['Metadata']['FLOPs'] = round(model['Metadata']['FLOPs'], -10)
    assert written == made


def test_the_metafile_has_every_config_once():
    content = yaml.safe_load((FOLDER / 'metafile.yml').read_text(encoding='utf-8'))
    names = [
        model['Config'].removeprefix('configs/').removesuffix('.py') for model in content['Models']
    ]
    assert sorted(names) == [name for name in config_names() if name.startswith('salfom/')]
    collections = {collection['Name'] for collection in content['Collections']}
    assert {model['In Collection'] for model in content['Models']} == collections
    scored = [model for model in content['Models'] if 'Results' in model]
    assert len(scored) == 26
    model = next(m for m in content['Models'] if m['Name'] == 'umt-b8_cc-kl')
    counted = profile(load_config('salfom/umt-b8_cc-kl'))
    assert model['Metadata']['Parameters'] == counted.params_paper == 134_681_155
    assert model['Results'][0]['Metrics']['CC'] == 0.527


def test_the_index_points_at_the_metafile():
    root = config_root().parent
    if not (root / 'setup.py').is_file():
        pytest.skip('model-index.yml lies in a checkout')
    (name,) = yaml.safe_load((root / 'model-index.yml').read_text())['Import']
    assert (root / name).is_file() and salkit.__version__

"""The generated pages say what the code says."""

import copy
import re
from types import SimpleNamespace

import pytest
import yaml

from salkit.config.find import config_name, config_names, config_root
from salkit.config.load import load_config
from salkit.models.profile import profile
from salkit.paper import zoo

FOLDER = config_root() / 'salfom'


@pytest.fixture(scope='module')
def written():
    return yaml.safe_load((FOLDER / 'metafile.yml').read_text(encoding='utf-8'))


@pytest.fixture(scope='module')
def counts(written):
    """Counts of all configs by name: of some as they are, of the others as the metafile says.

    Counting all of them takes a minute; the numbers of parameters are tested with the tables.
    """
    found = {}
    for number, model in enumerate(written['Models']):
        name = model['Config'].removeprefix('configs/').removesuffix('.py')
        if number % 12 == 0 or name == 'salfom/umt-b8_cc-kl':
            found[name] = profile(load_config(name))
        else:
            told = model['Metadata']
            clip = (told['Frames'], *told['Input Size'])
            found[name] = SimpleNamespace(
                params_paper=told['Parameters'], flops=told['FLOPs'], clip=clip
            )
    return found


@pytest.fixture
def counted(counts, monkeypatch):
    monkeypatch.setattr(zoo, 'profile', lambda cfg: counts[config_name(cfg.filename)])
    monkeypatch.setattr(zoo, 'params_of', lambda name: counts[name].params_paper)


def test_the_readme_is_what_the_code_writes(counted):
    assert (FOLDER / 'README.md').read_text(encoding='utf-8') == zoo.readme()


def test_the_readme_names_every_config():
    text = (FOLDER / 'README.md').read_text(encoding='utf-8')
    for name in config_names():
        if name.startswith('salfom/'):
            assert re.search(rf'\| {re.escape(name)} \|', text), name


def test_the_metafile_is_what_the_code_writes(written, counted):
    made = yaml.safe_load(zoo.metafile())
    # Other versions of PyTorch may split an operation otherwise.
    written = copy.deepcopy(written)
    for content in (written, made):
        for model in content['Models']:
            model['Metadata']['FLOPs'] = round(model['Metadata']['FLOPs'], -10)
    assert written == made


def test_the_metafile_has_every_config_once(written, counts):
    assert sorted(counts) == [name for name in config_names() if name.startswith('salfom/')]
    collections = {collection['Name'] for collection in written['Collections']}
    assert {model['In Collection'] for model in written['Models']} == collections
    scored = [model for model in written['Models'] if 'Results' in model]
    assert len(scored) == 26
    model = next(m for m in written['Models'] if m['Name'] == 'umt-b8_cc-kl')
    counted = counts['salfom/umt-b8_cc-kl'].params_paper
    assert model['Metadata']['Parameters'] == counted == 134_681_155
    assert model['Results'][0]['Metrics']['CC'] == 0.527


def test_the_index_points_at_every_metafile():
    root = config_root().parent
    if not (root / 'setup.py').is_file():
        pytest.skip('model-index.yml lies in a checkout')
    text = (root / 'model-index.yml').read_text()
    assert text == zoo.index()
    names = yaml.safe_load(text)['Import']
    assert [root / name for name in names] == sorted((root / 'configs').glob('*/metafile.yml'))

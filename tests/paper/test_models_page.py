"""docs/models.md and the metafile of lite0 say what was measured."""

import json
import re
from pathlib import Path

import pytest
import yaml

import salkit
from salkit.config.find import config_names, config_root
from salkit.errors import DataError
from salkit.models.profile import profile
from salkit.paper import models_page
from salkit.paper.measured import measured_file, read_measured
from salkit.utils.files import sha256_of

ROOT = config_root().parent
PAGE = ROOT / 'docs' / 'models.md'
METAFILE = config_root() / 'lite' / 'metafile.yml'
SCORES = measured_file(models_page.LITE)
in_checkout = pytest.mark.skipif(not PAGE.is_file(), reason='docs lie in a checkout')


@pytest.fixture
def models():
    return {m['Name']: m for m in yaml.safe_load(METAFILE.read_text(encoding='utf-8'))['Models']}


@in_checkout
def test_the_page_is_what_the_code_writes():
    assert PAGE.read_text(encoding='utf-8') == models_page.models_page()


def test_the_metafile_is_what_the_code_writes(models):
    made = yaml.safe_load(models_page.lite_metafile())
    assert METAFILE.read_text(encoding='utf-8').startswith('# Written by ')
    assert [m['Config'] for m in models.values()] == [
        f'configs/{name}.py' for name in config_names() if name.startswith('lite/')
    ]
    for model in made['Models']:
        written = models[model['Name']]
        # Other versions of PyTorch may split an operation otherwise.
        for content in (model, written):
            content['Metadata']['FLOPs'] = round(content['Metadata']['FLOPs'], -8)
        assert written == model


def test_numbers_of_the_metafile_are_those_that_were_measured(models):
    measured = json.loads(SCORES.read_text(encoding='utf-8'))
    model = models['lite0_cc-kl']
    assert model['Metadata']['Parameters'] == measured['parameters']
    assert model['Metadata']['Input Size'] == measured['size']
    told = {result['Dataset']: result['Metrics'] for result in model['Results']}
    assert told == {
        one['title']: {metric: values[0] for metric, values in one['rows']['lite0'].items()}
        for one in measured['sets'].values()
    }


def test_what_was_measured_is_in_order():
    measured = read_measured(SCORES)
    counted = profile(models_page.load_config(measured.config), with_flops=False)
    assert measured.parameters == counted.params_trainable + counted.params_constant
    assert [(s.videos, s.is_film) for s in measured.sets.values()][:3] == [
        (140, False),
        (100, False),
        (100, False),
    ]
    for scored in measured.sets.values():
        assert len(scored.per_video) == scored.videos
        assert {'lite0', 'mean', 'center'} <= scored.rows.keys()
        for scores in scored.rows.values():
            assert all(low <= score <= high for score, low, high in scores.values())
    films = [name for s in measured.sets.values() if s.is_film for name in s.per_video]
    assert len(films) == len(set(films))


def test_the_scores_are_of_the_weights_that_are_shipped():
    measured = read_measured(SCORES)
    shipped = Path(salkit.__file__).parent / 'models' / 'shipped' / measured.weights
    assert sha256_of(shipped) == measured.sha256


@in_checkout
def test_every_config_with_scores_is_linked():
    text = PAGE.read_text(encoding='utf-8')
    linked = set(re.findall(r'\]\(\.\./(configs/\S+?\.py)\)', text))
    scored = {
        model['Config']
        for file in config_root().glob('*/metafile.yml')
        for model in yaml.safe_load(file.read_text(encoding='utf-8'))['Models']
        if 'Results' in model
    }
    assert linked == scored and len(linked) == 27


@in_checkout
def test_what_the_page_links_to_is_there():
    text = PAGE.read_text(encoding='utf-8')
    for target in re.findall(r'\]\((?!http|#)([^)]+)\)', text):
        assert (PAGE.parent / target).exists(), target


@pytest.mark.parametrize('content', ['[]', '{"sets": {}}', '{"sets": {"osie": {"CC": 1}}}'])
def test_a_file_of_another_layout(tmp_path, content):
    (tmp_path / 'scores.json').write_text(content)
    with pytest.raises(DataError, match=r'scores\.json: holds no measured scores'):
        read_measured(tmp_path / 'scores.json')

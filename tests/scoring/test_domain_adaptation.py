"""All predictions of a set fitted to its densities, as the MSU benchmark fits them."""

import hashlib
import json

import numpy as np
import pytest
from PIL import Image
from score_data import blob, bytes_of, write_set

from salkit.errors import ConfigError, DataError
from salkit.metrics import get_protocol
from salkit.metrics.codes.msu_adaptation import AdaptationSums
from salkit.scoring import score, score_protocols


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv('SALKIT_CACHE', str(tmp_path_factory.mktemp('cache')))


@pytest.fixture
def prior(tmp_path):
    Image.fromarray(bytes_of(blob(12, 16))).save(tmp_path / 'prior.png')
    return tmp_path / 'prior.png'


def test_a_set_is_fitted_as_a_whole(tmp_path, prior):
    pred, truth = write_set(tmp_path)
    plain = score(pred, truth, 'msu-vsp', workers=1)
    out = tmp_path / 'scores.json'
    options = dict(domain_adaptation=prior, out=out)
    fitted = score(pred, truth, 'msu-vsp', workers=1, **options)
    # What is fitted in the least squares is nearer to the densities.
    assert fitted.scores['CC'] > plain.scores['CC'] + 0.01
    assert fitted.scores['SIM'] > plain.scores['SIM'] + 0.05
    digest = hashlib.sha256(prior.read_bytes()).hexdigest()[:8]
    assert f'fitted with the center prior prior.png (sha256 {digest})' in fitted.headline
    assert 'fitted' not in plain.headline
    assert json.loads(out.read_text())['selection'] == fitted.selection
    assert score(pred, truth, 'msu-vsp', workers=2, **options).scores == pytest.approx(
        fitted.scores, abs=1e-12
    )
    # Other maps of one video change the fit of all.
    for path in (pred / '0601').iterdir():
        Image.fromarray(255 - np.asarray(Image.open(path))).save(path)
    again = score(pred, truth, 'msu-vsp', workers=1, **options)
    assert again.per_video['0602']['SIM'] != fitted.per_video['0602']['SIM']


def test_what_it_does_not_go_with(tmp_path, prior):
    pred, truth = write_set(tmp_path, frames=2)
    with pytest.raises(ConfigError, match=r'has such a fit \(msu-vsp\), got exact'):
        score(pred, truth, 'exact', domain_adaptation=prior)
    with pytest.raises(ConfigError, match='got msu-vsp, exact'):
        score_protocols(pred, truth, ['msu-vsp', 'exact'], domain_adaptation=prior)
    with pytest.raises(DataError, match='nothing to fit'):
        AdaptationSums().fit(np.zeros((360, 640)))
    with pytest.raises(DataError, match=r'missing\.png'):
        score(pred, truth, 'msu-vsp', domain_adaptation=tmp_path / 'missing.png')


def test_the_fit_is_the_least_squares():
    rng = np.random.default_rng(0)
    protocol = get_protocol('msu-vsp')
    center = protocol.prepare(bytes_of(blob(12, 16)), (24, 32))
    sums, frames = AdaptationSums(), []
    for _ in range(3):
        prediction, density = (rng.random((24, 32)) for _ in range(2))
        frames.append((protocol.prepare(prediction, (24, 32)), density))
        frames[-1] = frames[-1][0], protocol.prepare(density**2, (24, 32))
        sums.add(*frames[-1], center)
    fit = sums.fit(center)
    assert (np.diff(fit.levels) >= 0).all() and fit.levels[-1] <= 1 and fit.levels[0] >= -0.5

    def error(levels, share):
        return sum(
            ((levels[np.rint(p * 255).astype(int)] + share * center - d) ** 2).sum()
            for p, d in frames
        )

    least = error(fit.levels, fit.share)
    for _ in range(30):
        other = np.sort((fit.levels + rng.normal(0, 0.01, 256)).clip(-0.5, 1))
        assert error(other, fit.share + rng.normal(0, 0.01)) > least

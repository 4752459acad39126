"""What protocols do to maps, and how they are found."""

import math
from dataclasses import FrozenInstanceError, replace

import cv2
import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from salkit.builder import check_contract
from salkit.errors import ConfigError, DataError, ShapeError
from salkit.functional import auc_judd, auc_shuffled
from salkit.metrics import Truth, get_protocol, protocol_names
from salkit.metrics.codes import PROTOCOLS as PUBLISHED_CODES
from salkit.metrics.codes import diffsal
from salkit.metrics.preparation import resize_smooth
from salkit.plugin import owner_of
from salkit.registry import PROTOCOLS

RNG = np.random.default_rng(0)
BUILT_IN = [protocol.name for protocol in PUBLISHED_CODES]


def truth(seed=0, size=(12, 16)):
    rng = np.random.default_rng(seed)
    return Truth(rng.random(size), rng.random(size) > 0.9, nonfixations=rng.integers(0, 3, size))


# Values -----------------------------------------------------------------------------------------


def test_eight_bits():
    protocol = get_protocol('dhf1k-matlab')
    values = np.linspace(0, 1, 12 * 16, dtype=np.float32).reshape(12, 16)
    prepared = protocol.prepare(values, values.shape)
    assert prepared.dtype == np.uint8
    np.testing.assert_array_equal(prepared, np.rint(values.astype(np.float64) * 255))
    assert protocol.prepare(prepared, values.shape) is prepared
    # A faint map in [0, 1] stays faint; one that sums to 1 keeps its shape.
    assert protocol.prepare(values / 10, values.shape).max() == 26
    density = values / values.sum() / 100
    np.testing.assert_allclose(protocol.prepare(density, values.shape), prepared, atol=1)
    assert protocol.prepare(values * 7 - 3, values.shape).max() == 255
    assert protocol.prepare(values * 0, values.shape).max() == 0
    values[0, 0] = np.nan
    assert np.isnan(protocol.prepare(values, values.shape)[0, 0])


def test_sixteen_bits():
    deep = np.random.default_rng(5).integers(0, 2**16, (30, 40)).astype(np.uint16)
    # MATLAB reads all of them.
    read = get_protocol('dhf1k-matlab').score_frame(deep, truth(size=deep.shape))
    exact = get_protocol('exact').score_frame(deep, truth(size=deep.shape))
    for metric in ('CC', 'KL', 'SIM', 'NSS'):
        assert read.scores[metric] == pytest.approx(exact.scores[metric], abs=1e-12)
    # OpenCV reads the upper 8 where it is asked for gray, of densities too.
    msu = get_protocol('msu-vsp')
    halves = [
        msu.score_frame(maps, Truth(maps[::-1], truth(size=deep.shape).fixation_map)).scores
        for maps in (deep, (deep // 256).astype(np.uint8))
    ]
    assert halves[0] == pytest.approx(halves[1], abs=1e-12)


def test_diffsal_looks_at_few_of_many_levels(monkeypatch):
    looked = []
    shares = diffsal._shares_of_steps
    monkeypatch.setattr(diffsal, '_shares_of_steps', lambda *a: looked.append(a) or shares(*a))
    deep = np.random.default_rng(5).permutation(2**12).reshape(64, 64).astype(np.uint16) * 16
    fixations = np.zeros(deep.shape, bool)
    fixations.ravel()[deep.ravel().argsort()[-9::2]] = True
    found = get_protocol('diffsal').score_frame(deep, Truth(deep, fixations), ['AUC-J'])
    assert len(looked) == 5
    assert found.scores['AUC-J'] == pytest.approx(auc_judd(deep, fixations), abs=1e-9)


def test_values_of_the_others():
    grey = RNG.integers(10, 200, (12, 16)).astype(np.uint8)
    assert get_protocol('exact').prepare(grey, grey.shape) is grey
    unit = get_protocol('tmfi').prepare(grey, grey.shape, final=True)
    np.testing.assert_allclose(unit, grey / 255, atol=1e-7)
    for maps in (grey, grey.astype(np.uint16) * 3, grey / np.float32(7)):
        prepared = get_protocol('ntire26').prepare(maps, grey.shape)
        assert prepared.min() == 0 and prepared.max() == pytest.approx(1, abs=1e-6)
        np.testing.assert_allclose(prepared, (grey - grey.min()) / np.ptp(grey), atol=1e-6)


# Sizes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize('kernel', ['cubic', 'linear'])
@pytest.mark.parametrize('size', [(50, 81), (13, 90), (120, 24), (41, 60)])
def test_antialiased_resizing(kernel, size):
    # Smooth, so that the borders, which torch treats in its own way, are all that differs.
    rows, columns = np.mgrid[:40, :60]
    values = np.sin(rows / 9) * np.cos(columns / 11) + 0.2 * rows
    expected = interpolate(
        torch.from_numpy(values)[None, None], size, mode=f'bi{kernel}', antialias=True
    )[0, 0].numpy()
    resized = resize_smooth(values, size, kernel)
    border = [4 * max(1, after // before + 1) for after, before in zip(size, (40, 60), strict=True)]
    inner = tuple(slice(b, -b) for b in border)
    assert expected[inner].size
    np.testing.assert_allclose(resized[inner], expected[inner], atol=1e-6)


def test_resizing_as_matlab():
    # imresize([1 2 4 8], [1 8]) and [1 2], worked out by hand from its weights.
    row = np.array([[1.0, 2.0, 4.0, 8.0]])
    doubled = resize_smooth(row, (1, 8), 'cubic')[0]
    weights = np.array([-0.0703125, 0.8671875, 0.2265625, -0.0234375])
    assert doubled[4] == pytest.approx(weights[::-1] @ [1, 2, 4, 8])
    # The border is mirrored: pixel 0 lies between pixels -1 and 0, which are the same.
    assert doubled[0] == pytest.approx(weights[::-1] @ [2, 1, 1, 2])
    halved = resize_smooth(row, (1, 2), 'linear')[0]
    assert halved == pytest.approx([(1 + 3 * 1 + 3 * 2 + 4) / 8, (2 + 3 * 4 + 3 * 8 + 8) / 8])
    assert resize_smooth(np.full((7, 9), 0.3), (5, 20), 'cubic') == pytest.approx(0.3)


def test_each_protocol_resizes_its_way():
    maps = RNG.random((20, 30)).astype(np.float32)
    size = (40, 45)
    matlab = resize_smooth(np.rint(maps.astype(np.float64) * 255), size, 'cubic')
    np.testing.assert_allclose(get_protocol('dhf1k-matlab').prepare(maps, size), matlab)
    np.testing.assert_allclose(
        get_protocol('exact').prepare(maps, size), resize_smooth(maps, size, 'linear')
    )
    plain = cv2.resize(maps, size[::-1])
    np.testing.assert_allclose(
        get_protocol('tmfi').prepare(maps, size), cv2.GaussianBlur(plain, (11, 11), 0), atol=1e-6
    )
    unit = (plain - maps.min()) / np.ptp(maps)
    np.testing.assert_allclose(get_protocol('ntire26').prepare(maps, size), unit, atol=1e-5)


@pytest.mark.parametrize('name', BUILT_IN)
def test_final_maps_are_neither_resized_nor_blurred(name):
    maps = RNG.random((12, 16)).astype(np.float32)
    protocol = get_protocol(name)
    prepared = protocol.prepare(maps, maps.shape, final=True)
    stretched = protocol.values in ('minmax', '8-bit-stretched')
    expected = (maps - maps.min()) / np.ptp(maps) if stretched else maps
    if protocol.letterbox:
        # 12 x 16 in the middle of 360 x 640.
        expected = cv2.resize(expected, (480, 360))
        assert not prepared[:, :80].any() and not prepared[:, 560:].any()
        prepared = prepared[:, 80:560]
    scale = 255 if protocol.values == '8-bit' else 1
    exact = protocol.values in ('as-read', 'unit', 'minmax')
    np.testing.assert_allclose(prepared / scale, expected, atol=1e-6 if exact else 1.1 / 255)
    with pytest.raises(ShapeError, match=r'size of its frame, \(13, 16\), got \(12, 16\)'):
        protocol.prepare(maps, (13, 16), final=True)
    with pytest.raises(ShapeError, match=r'\(h, w\), got \(1, 12, 16\)'):
        protocol.prepare(maps[None], maps.shape)


# Scores -----------------------------------------------------------------------------------------


@pytest.mark.parametrize('dtype', [np.float32, np.float64, np.uint8])
def test_the_weighted_rank_statistic(dtype):
    rng = np.random.default_rng(3)
    for _ in range(20):
        maps = rng.integers(0, 9, (9, 11)).astype(dtype)
        if dtype != np.uint8:
            maps = (maps - 4) * dtype(0.3)
            maps[maps == 0] *= rng.choice([-1, 1], (maps == 0).sum())
            maps[5, 5], maps[6, 6] = np.inf, -np.inf
        fixated, pool = rng.random((9, 11)) > 0.9, rng.integers(0, 4, (9, 11))
        if dtype != np.uint8:
            maps[0, 0], fixated[0, 0] = np.nan, False
        found = get_protocol('exact').score(
            maps, Truth(fixation_map=fixated, nonfixations=pool), ['s-AUC']
        )['s-AUC']
        expected = auc_shuffled(
            maps.astype(np.float64), fixated.astype(int), pool, rule='exact', repeats=True
        )
        assert found == pytest.approx(float(expected), abs=1e-12, nan_ok=True)


@pytest.mark.parametrize('name', BUILT_IN)
def test_the_metrics_that_are_asked_for(name):
    protocol, maps = get_protocol(name), RNG.random((12, 16))
    everything = protocol.score(maps, truth())
    assert tuple(everything) == protocol.metrics
    assert list(protocol.score(maps, truth(), ['NSS', 'CC'])) == ['NSS', 'CC']
    assert protocol.score(maps, truth(), ['NSS'])['NSS'] == everything['NSS']
    # A fixation map of 255s is a fixation map.
    other = replace(truth(), fixation_map=truth().fixation_map * np.uint8(255))
    assert protocol.score(maps, other) == everything
    assert protocol.score(np.asfortranarray(maps), truth()) == everything


def test_what_metrics_need():
    protocol, one = get_protocol('dhf1k-matlab'), truth()
    assert protocol.needs('CC') == {'density'} and protocol.needs('NSS') == {'fixations'}
    assert protocol.needs('s-AUC') == {'fixations', 'nonfixations'}
    assert protocol.metrics == ('CC', 'KL', 'SIM', 'NSS', 'AUC-J', 's-AUC')
    for lacking, metric, what in (
        ('density', 'CC', 'density maps'),
        ('fixation_map', 'NSS', 'fixation maps'),
        ('nonfixations', 's-AUC', 'fixations of other frames'),
    ):
        less = replace(one, **{lacking: None})
        with pytest.raises(DataError, match=f'{metric} needs {what}'):
            protocol.score(RNG.random((12, 16)), less, [metric])
    with pytest.raises(ConfigError, match=r"exact has no metric 'AUC-B'; it has CC, KL"):
        get_protocol('exact').needs('AUC-B')


def test_points_alone_are_fixations_too():
    one = truth()
    points = np.argwhere(one.fixation_map)
    alone = Truth(one.density, None, np.concatenate([points, points[:1]]), one.nonfixations)
    assert alone.has_fixations and not replace(alone, fixation_points=points[:0]).has_fixations
    maps = RNG.random((12, 16))
    assert get_protocol('exact').score(maps, alone) == get_protocol('exact').score(maps, one)
    ntire = get_protocol('ntire26')
    assert ntire.score(maps, alone)['NSS'] != ntire.score(maps, one)['NSS']


def test_what_is_told_of_a_frame():
    protocol = get_protocol('exact')
    nowhere = replace(truth(), fixation_map=np.zeros((12, 16)))
    frame = protocol.score_frame(np.ones((12, 16)), nowhere)
    assert frame.constant and not frame.nan and not frame.has_fixations
    assert frame.missing == ['NSS', 'AUC-J', 's-AUC']
    frame = protocol.score_frame(np.full((12, 16), np.nan), truth())
    assert frame.nan and not frame.constant and frame.missing == []


def test_drawing_frames():
    protocol = replace(get_protocol('dhf1k-matlab'), max_frames=30)
    frames = [(str(i // 10), str(i % 10)) for i in range(100)]
    assert protocol.select_frames('CC', frames, None) is None
    assert protocol.select_frames('CC', frames[:30], 1) is None
    drawn = protocol.select_frames('CC', frames, 1)
    assert len(drawn) == 30 and drawn < set(frames)
    assert protocol.select_frames('CC', frames[::-1], 1) == drawn
    assert protocol.select_frames('SIM', frames, 1) != drawn
    assert protocol.select_frames('CC', frames, 2) != drawn
    assert get_protocol('dhf1k-matlab').max_frames == 50_000


# Names ------------------------------------------------------------------------------------------


def test_names():
    assert set(BUILT_IN) <= set(protocol_names())
    for name in BUILT_IN:
        protocol = get_protocol(name)
        assert protocol.name == name and protocol.summary and protocol.description
        assert get_protocol(protocol) is protocol
        with pytest.raises(FrozenInstanceError):
            protocol.name = 'x'
    with pytest.raises(ConfigError, match=r"protocol 'dhf1k'; did you mean dhf1k-matlab\?"):
        get_protocol('dhf1k')


def test_registering():
    mine = replace(get_protocol('exact'), name='mine')
    try:
        assert PROTOCOLS.add(mine) is mine and get_protocol('mine') is mine
        assert 'mine' in protocol_names()
        with pytest.raises(KeyError, match='mine is already registered in protocol'):
            PROTOCOLS.add(replace(mine))
    finally:
        PROTOCOLS.module_dict.pop('mine')
    assert 'mine' not in protocol_names()
    assert owner_of(PROTOCOLS, 'exact') == 'salkit itself' and owner_of(PROTOCOLS, 'mine') is None


def test_what_a_registry_of_protocols_holds():
    with pytest.raises(ConfigError, match="'exact' is not a Protocol"):
        check_contract(PROTOCOLS, 'exact')


def test_information_gain_over_a_baseline():
    one = replace(truth(), baseline=np.ones((12, 16)))
    for name in ('exact', 'dhf1k-matlab'):
        gain = get_protocol(name).score(one.fixation_map + 0.1, one, ['IG'])['IG']
        assert math.isnan(gain) if name == 'dhf1k-matlab' else gain > 1
    with pytest.raises(DataError, match='IG needs a baseline density'):
        get_protocol('exact').score(one.fixation_map + 0.1, truth(), ['IG'])
    with pytest.raises(ConfigError, match='IG needs a baseline density, which no data set has'):
        get_protocol('exact').metrics_of_dataset(['IG'])


@pytest.mark.parametrize(
    'change', [dict(average='median'), dict(more_averages=('median',)), dict(nan='skip')]
)
def test_averages_that_do_not_exist(change):
    with pytest.raises(ConfigError, match=r'protocol exact: (average|nan) must be one of'):
        replace(get_protocol('exact'), **change)

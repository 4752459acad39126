"""Shares of maps, what is said of them, and what is written."""

import csv
import json

import numpy as np
import pytest

from salkit.errors import ConfigError, DataError, ShapeError
from salkit.inference.regions import Box, KeyFrame, Rectangle, Region, Regions, attention_on
from salkit.inference.regions.report import first_peak
from salkit.inference.stimulus import open_stimulus
from salkit.inference.stored_maps import StoredMaps

TIMES = np.arange(6) / 10
QUARTERS = [Rectangle(f'{x}{y}', x * 7.5, y * 5.5, 7.5, 5.5) for x in (0, 1) for y in (0, 1)]


def test_shares_of_parts_add_up_and_do_not_depend_on_the_scale():
    maps = np.random.default_rng(0).random((6, 11, 15))
    report = attention_on(maps, QUARTERS, TIMES)
    np.testing.assert_allclose(report.shares.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(report.areas, 0.25, atol=1e-6)
    np.testing.assert_allclose(attention_on(9 * maps, QUARTERS, TIMES).shares, report.shares)
    even = attention_on(np.ones((6, 11, 15)), QUARTERS, TIMES)
    np.testing.assert_allclose(even.times_more, 1, atol=1e-6)
    expected = maps[0, :5, :7].sum() + maps[0, 5, :7].sum() / 2 + maps[0, :5, 7].sum() / 2
    expected = (expected + maps[0, 5, 7] / 4) / maps[0].sum()
    assert report.shares[0, 0] == pytest.approx(expected, rel=1e-6)


def test_a_summary_of_each_region():
    maps = np.zeros((6, 10, 10))
    maps[:, 0, 0] = [1, 5, 1, 8, 9, 0]
    maps[:, 9, 9] = [9, 5, 9, 2, 1, 0]
    regions = [
        Rectangle('small', 0, 0, 2, 2),
        Region('late', [KeyFrame(0.1, Box(8, 8, 2, 2)), KeyFrame(0.3, Box(8, 8, 2, 2))]),
        Rectangle('nothing', 4, 4, 2, 2),
        Region('after the end', [KeyFrame(9.0, Box(0, 0, 2, 2))]),
    ]
    report = attention_on(maps, regions, TIMES)
    small, late, nothing, after = report.records()
    assert (small['rank'], late['rank'], nothing['rank']) == (2, 1, 3)
    assert small['share'] == pytest.approx(0.48) and small['area'] == pytest.approx(0.04)
    assert small['times_more'] == pytest.approx(12)
    assert (small['peak'], small['peak_s']) == (pytest.approx(0.9), 0.4)
    # 0.5 is more than half of the highest, and falls to 0.1 behind it.
    assert small['first_peak_s'] == 0.1
    assert (small['frames'], late['frames']) == (5, 3)
    assert late['share'] == pytest.approx((0.5 + 0.9 + 0.2) / 3)
    assert np.isnan(report.shares[[0, 4, 5], 1]).all() and report.areas[0, 1] == 0
    assert nothing['first_peak_s'] is None and nothing['share'] == 0
    assert after['share'] is None and after['rank'] is None
    assert report.notes == [
        '1 of 6 maps are 0 everywhere: nobody has a share',
        'not on any of these frames: after the end',
    ]
    assert all(note in report._repr_html_() for note in report.notes)
    assert np.isnan(report.shares[5]).all()


@pytest.mark.parametrize(
    'shares, first',
    [
        ([0.1, 0.1, 0.1], None),
        ([0.2, 0.2, 0.2], 0),
        ([0.9, 0.5, 0.2], 0),
        ([0.2, 0.5, 0.9], 2),
        # A jitter on the way up is no peak, and what is low is none.
        ([0.1, 0.6, 0.55, 0.9, 0.1], 3),
        ([0.1, 0.3, 0.1, 0.9, 0.1], 3),
        ([0.1, 0.6, 0.2, 0.9, 0.1], 1),
        ([np.nan, 0.3, 0.3, np.nan], 1),
        ([np.nan, np.nan], None),
    ],
)
def test_the_first_peak(shares, first):
    assert first_peak(np.array(shares), np.full(len(shares), 0.1)) == first


def test_maps_that_do_not_go_with_their_times_are_refused():
    with pytest.raises(ShapeError, match='a map for each of 6 times, got 5'):
        attention_on(np.ones((5, 11, 15)), QUARTERS, TIMES)
    with pytest.raises(ShapeError, match='a map for each of 6 times, got 7'):
        attention_on(np.ones((7, 11, 15)), QUARTERS, TIMES)
    with pytest.raises(ShapeError, match=r'expected maps \(11, 15\), got \(11, 14\)'):
        attention_on([np.ones((11, 15)), np.ones((11, 14))], QUARTERS, TIMES[:2])


def test_nan_in_a_map_counts_as_nothing():
    maps = np.ones((1, 10, 10))
    maps[0, 9, 9] = np.nan
    report = attention_on(maps, [Rectangle('a', 0, 0, 10, 5)], [0.0])
    assert report.shares[0, 0] == pytest.approx(50 / 99)


def test_what_is_written_says_what_it_means(tmp_path):
    maps = np.random.default_rng(0).random((6, 11, 15))
    maps[2] = 0
    report = attention_on(maps, QUARTERS, TIMES)
    report.write_csv(tmp_path / 'a.csv')
    with open(tmp_path / 'a.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24
    assert rows[5]['frame'] == '2' and rows[5]['region'] == '01' and rows[5]['time_s'] == '0.1'
    assert float(rows[5]['share']) == pytest.approx(report.shares[1, 1], abs=1e-6)
    assert rows[8]['share'] == ''
    report.write_json(tmp_path / 'a.json')
    content = json.loads((tmp_path / 'a.json').read_text())
    assert [row['region'] for row in content['regions']] == report.names
    assert set(content['regions'][0]) - {'region'} <= set(content['definitions']) | {'peak_s'}
    assert '>00</td>' in report._repr_html_()
    with pytest.raises(ConfigError, match='no gaze'):
        report.write_gaze_csv(tmp_path / 'gaze.csv')


def test_stored_maps_are_those_of_every_frame(tmp_path):
    stimulus = open_stimulus(np.zeros((6, 11, 15, 3), np.uint8))
    np.save(tmp_path / 'maps.npy', np.random.default_rng(0).random((6, 22, 30)))
    report = attention_on(
        StoredMaps(tmp_path / 'maps.npy', stimulus), Regions(QUARTERS), TIMES, size=(11, 15)
    )
    np.testing.assert_allclose(report.shares.sum(1), 1, atol=1e-6)
    np.save(tmp_path / 'few.npy', np.ones((5, 11, 15)))
    with pytest.raises(DataError, match='holds 5 maps, expected 6'):
        StoredMaps(tmp_path / 'few.npy', stimulus)
    np.save(tmp_path / 'log.npy', -np.ones((6, 11, 15)))
    with pytest.raises(DataError, match='frame 1: expected a density of at least 0, got -1'):
        list(StoredMaps(tmp_path / 'log.npy', stimulus))

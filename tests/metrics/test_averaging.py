import json
import math
from dataclasses import replace

import numpy as np
import pytest

from salkit.metrics import FrameScores, ScoreReport, VideoScores, get_protocol
from salkit.metrics.averaging import bootstrap_intervals

NAN = math.nan


def video(name, values, metric='NSS', **options):
    scores = VideoScores(name)
    for value in values:
        missing = [metric] if math.isnan(value) else []
        options.setdefault('has_fixations', True)
        scores.add(FrameScores({metric: value}, missing=missing, **options))
    return scores


def report(name, *videos):
    return ScoreReport.from_videos(name, 'D', 'test', list(videos))


def test_pooled_or_by_video():
    videos = video('a', [1, 2, 3]), video('b', [10.0])
    assert report('exact', *videos).scores['NSS'] == 6
    assert report('ntire26', *videos).scores['NSS'] == 6
    assert report('dhf1k-matlab', *videos).scores['NSS'] == 4
    assert report('tmfi', *videos).scores['NSS'] == 4


def test_a_frame_without_a_value_is_dropped_or_spoils_all():
    videos = video('a', [1, NAN, 3]), video('b', [10.0]), video('c', [NAN])
    assert report('exact', *videos).scores['NSS'] == 6
    assert report('dhf1k-matlab', *videos).scores['NSS'] == pytest.approx(14 / 3)
    spoilt = report('tmfi', *videos)
    assert math.isnan(spoilt.scores['NSS']) and math.isnan(spoilt.per_video['a']['NSS'])
    assert spoilt.per_video['b']['NSS'] == 10 and spoilt.to_json()['scores']['NSS'] is None
    assert math.isnan(report('exact', video('c', [NAN])).scores['NSS'])


def test_a_frame_without_a_value_counts_as_0():
    videos = video('a', [1, NAN, 3]), video('b', [10.0]), video('c', [NAN])
    found = report('vinet', *videos)
    assert found.scores['NSS'] == 14 / 5 and found.per_video['a']['NSS'] == pytest.approx(4 / 3)
    assert found.per_video['c']['NSS'] == 0
    assert found.other_scores == {'videos': {'NSS': pytest.approx((4 / 3 + 10 + 0) / 3)}}


def test_videos_weighed_by_their_frames():
    found = report('unisal', video('a', [1, 2, 3]), video('b', [10.0]))
    assert found.scores['NSS'] == 6 and found.other_scores == {'weighted': {'NSS': 4.0}}
    assert list(found.rows('model')) == ['model', 'model, weighted']
    # Of four frames, a half was drawn for a metric: the video weighs as many as it has.
    half = VideoScores('a')
    for index in range(4):
        half.add(FrameScores({'NSS': index} if index % 2 else {}, True))
    found = report('unisal', half, video('b', [10.0]))
    assert found.other_scores['weighted']['NSS'] == pytest.approx((4 * 2 + 10) / 5)
    spoilt = report('unisal', video('a', [1, NAN]), video('b', [10.0]))
    assert math.isnan(spoilt.other_scores['weighted']['NSS'])


def test_infinite_values_are_counted():
    found = report('unisal', video('a', [1, math.inf, 3], 'KL'), video('b', [10.0], 'KL'))
    assert found.scores['KL'] == math.inf and found.infinite == {'KL': 1}
    assert 'KL infinite on 1 frames' in found.headline
    content = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert content['scores']['KL'] is None and content['other_scores'] == {'weighted': {'KL': None}}


def test_counts():
    one = VideoScores('a')
    one.add(FrameScores({'CC': NAN, 'NSS': NAN}, False, constant=True, missing=['NSS']))
    one.add(FrameScores({'CC': NAN, 'NSS': NAN}, True, nan=True))
    one.add(FrameScores({'CC': 0.5}, True))
    found = report('exact', one, video('b', [1.0]))
    assert (found.frames, found.frames_per_video) == (4, {'a': 3, 'b': 1})
    assert (found.constant_maps, found.nan_maps, found.frames_without_fixations) == (1, 1, 1)
    assert found.undefined == {'CC': 2, 'NSS': 1}
    assert found.scores == {'CC': 0.5, 'NSS': 1.0}
    for text in ('1 without fixations', '1 constant pred', '1 predictions with NaN', 'CC undef'):
        assert text in found.headline
    content = json.loads(json.dumps(found.to_json()))
    assert content['frames_per_video'] == {'a': 3, 'b': 1} and content['constant_maps'] == 1


@pytest.mark.parametrize('average', ['frames', 'videos'])
def test_bootstrap_interval(average):
    rng = np.random.default_rng(2)
    videos = [video(str(i), rng.normal(i % 3, 1, rng.integers(1, 9))) for i in range(12)]
    protocol = replace(get_protocol('exact'), average=average)
    ((low, high),) = bootstrap_intervals(protocol, ['NSS'], videos).values()
    draws = []
    for _ in range(4000):
        drawn = [videos[i] for i in rng.integers(12, size=12)]
        if average == 'videos':
            tallies = [one.metrics['NSS'] for one in drawn]
            draws.append(np.mean([t.sum / t.count for t in tallies]))
        else:
            tallies = [one.metrics['NSS'] for one in drawn]
            draws.append(sum(t.sum for t in tallies) / sum(t.count for t in tallies))
    assert [low, high] == pytest.approx(np.percentile(draws, [2.5, 97.5]), abs=0.03)
    assert bootstrap_intervals(protocol, ['NSS'], videos) == {'NSS': [low, high]}


def test_intervals_only_where_they_mean_something():
    videos = video('a', [1.0]), video('b', [3.0]), video('c', [NAN])
    assert report('exact', *videos).interval['NSS'] == [1, 3]
    assert report('exact', videos[0], videos[2]).interval == {}
    assert report('exact', videos[0]).interval == {}
    assert report('dhf1k-matlab', *videos).interval == {}
    assert report('exact').interval == {} and report('exact').scores == {}


def test_an_infinite_score_has_no_interval():
    found = report('exact', video('a', [math.inf]), video('b', [1.0]), video('c', [2.0]))
    assert found.scores['NSS'] == math.inf and found.interval == {}
    json.dumps(found.to_json(), allow_nan=False)

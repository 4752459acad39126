import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make_video import encode_video
from tiny_model import write_tiny_model

from salkit import SaliencyPredictor
from salkit.errors import ConfigError
from salkit.inference.smoothing import MEMORY, smoothed
from salkit.types import LEAST_SALIENCY

TOLERANCE = dict(rtol=0, atol=1e-5)


def as_defined(maps, times, seconds):
    """What `smoothed` promises, written out."""
    logarithms = np.log(np.maximum(maps.astype(np.float64), LEAST_SALIENCY))
    for number, now in enumerate(times):
        ages = now - times[: number + 1]
        weights = np.where(ages <= MEMORY * seconds, np.exp(-ages / seconds), 0)
        mean = np.average(logarithms[: number + 1], axis=0, weights=weights)
        yield np.exp(mean - mean.max())


@given(
    gaps=st.lists(st.floats(0.01, 0.9), min_size=1, max_size=30),
    seconds=st.floats(0.05, 1.5),
    seed=st.integers(0, 99),
)
def test_older_maps_count_less(gaps, seconds, seed):
    times = np.cumsum(gaps)
    maps = np.random.default_rng(seed).random((len(times), 3, 4)).astype(np.float32)
    maps[maps < 0.1] = 0
    found = list(smoothed(enumerate(maps), times.__getitem__, seconds))
    assert [number for number, _ in found] == list(range(len(maps)))
    for (_, one), expected in zip(found, as_defined(maps, times, seconds), strict=True):
        assert one.dtype == np.float32 and one.max() == 1
        np.testing.assert_allclose(one, expected, **TOLERANCE)


def test_what_lies_further_back_than_it_remembers_changes_nothing():
    rng = np.random.default_rng(0)
    maps = rng.random((50, 3, 4)).astype(np.float32)
    others = maps.copy()
    others[:20] = rng.random((20, 3, 4))
    first, second = (
        dict(smoothed(enumerate(each), lambda number: number / 10, 0.5)) for each in (maps, others)
    )
    assert not np.allclose(first[25], second[25])
    # 1.5 seconds after the last that differs, and a rounding.
    for number in range(36, 50):
        np.testing.assert_allclose(first[number], second[number], **TOLERANCE)


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    return encode_video(tmp_path_factory.mktemp('clip') / 'clip.mp4', 33, bframes=2, gop=8)


@pytest.fixture(scope='module')
def predictors(tmp_path_factory):
    """The same model without smoothing, and with."""
    return [
        SaliencyPredictor(*write_tiny_model(tmp_path_factory.mktemp('tiny'), smooth_s=seconds))
        for seconds in (0.0, 0.2)
    ]


def test_maps_of_a_video_are_smoothed(predictors, video):
    plain, smooth = (np.asarray(predictor.predict(video)) for predictor in predictors)
    changes = [
        abs(np.diff(maps, axis=0)).mean()
        for maps in (plain / plain.max((1, 2), keepdims=True), smooth)
    ]
    assert changes[1] < 0.8 * changes[0]
    # A picture has nothing before it.
    frame = next(predictors[1].predict(video).stimulus.frames(range(1)))
    (alone,) = predictors[1].predict(frame)
    np.testing.assert_allclose(alone, smooth[0], **TOLERANCE)


@settings(max_examples=15)
@given(data=st.data())
def test_any_part_is_the_part_of_the_whole(predictors, video, data):
    maps = predictors[1].predict(video, stride=data.draw(st.sampled_from([1, 2, 5])))
    whole = np.asarray(maps)
    low, high = data.draw(st.tuples(st.integers(0, 32), st.integers(0, 33)))
    np.testing.assert_allclose(maps[low:high], whole[low:high], **TOLERANCE)
    np.testing.assert_allclose(maps[low], whole[low], **TOLERANCE)


def test_a_part_in_time_remembers_what_came_before_it(predictors, video):
    whole = predictors[1].predict(video)
    part = predictors[1].predict(video, start=0.6)
    np.testing.assert_allclose(np.asarray(part), whole[-len(part) :], **TOLERANCE)


def test_a_camera_is_smoothed_at_its_rate(predictors, video):
    maps = predictors[1].predict(video)
    frames = list(maps.stimulus.frames(range(20)))
    streamed = list(predictors[1].stream(frames, fps=maps.fps))
    np.testing.assert_allclose(np.stack(streamed), maps[:20], **TOLERANCE)
    slower = list(itertools.islice(predictors[1].stream(frames, fps=maps.fps / 8), 20))
    assert abs(slower[10] - streamed[10]).max() > 1e-4


@pytest.mark.parametrize('fps', [0, -1.0])
def test_a_camera_without_a_rate(predictors, fps):
    with pytest.raises(ConfigError, match='fps must be positive'):
        list(predictors[1].stream([np.zeros((32, 48, 3), np.uint8)], fps=fps))

"""Sentences about maps, against what a person would say of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salkit.web.words import PLACES, describe, place_of, strongest

UPPER_LEFT, CENTER, LOWER_RIGHT = (
    PLACES.index(name) for name in ('upper left', 'center', 'lower right')
)
NAN = np.nan


def said(entropy, places, fps=10.0):
    return describe(np.arange(len(entropy)) / fps, np.array(entropy, float), places, fps)


@pytest.mark.parametrize('place', range(9))
@pytest.mark.parametrize('size', [(3, 3), (9, 30), (48, 80), (7, 11)])
def test_places(size, place):
    saliency_map = np.zeros(size, np.float32)
    row, column = divmod(place, 3)
    saliency_map[int((row + 0.5) * size[0] / 3), int((column + 0.5) * size[1] / 3)] = 1
    assert place_of(saliency_map) == place


def test_most_attention_together():
    entropy = [15.0] * 12 + [13.0] * 8 + [15.0] * 10
    places = [CENTER] * 12 + [LOWER_RIGHT] * 8 + [CENTER] * 10
    assert said(entropy, places) == (
        'Most attention together: 1.2-2.0 s, lower right. The peak goes from center (0.0-1.2 s) to '
        'lower right (1.2-2.0 s), center (2.0-3.0 s).'
    )


def test_glances_and_even_attention():
    # A tenth of a second elsewhere is no station.
    places = [CENTER] * 5 + [UPPER_LEFT] + [CENTER] * 5
    assert said([12.0] * 11, places) == (
        'Attention is about as gathered all the time. The peak stays in one place: center.'
    )


def test_many_stations():
    text = said(np.linspace(10, 12, 60), [place for place in (0, 4, 8, 4, 0, 4) for _ in range(10)])
    assert text.count('(') == 4 and text.endswith(', and 2 more.')


def test_pictures_and_frames_without_gaze():
    assert said([11.0], [LOWER_RIGHT]) == 'Most attention: lower right.'
    assert said([NAN] * 5, [0] * 5) == 'There is no gaze.'
    text = said([NAN, NAN, NAN, 9.0, 9.0, 11.0], [0, 0, 0, LOWER_RIGHT, LOWER_RIGHT, CENTER])
    assert text.startswith('Most attention together: 0.3-0.5 s, lower right.')
    assert 'upper left' not in text


@given(
    st.lists(st.tuples(st.one_of(st.just(NAN), st.floats(0, 20)), st.integers(0, 8)), min_size=1)
)
def test_there_is_always_something_to_say(frames):
    entropy, places = (list(each) for each in zip(*frames, strict=True))
    text = said(entropy, places)
    assert text.endswith('.') and 'nan' not in text
    assert 0 <= strongest(np.array(entropy)) < len(frames)

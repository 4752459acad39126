"""What a model needs around it travels as plain values."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salkit.errors import ConfigError
from salkit.media.clips import HEADS, ClipSettings, clip_indices

SIDES = st.integers(1, 512)
THREE = st.tuples(*[st.floats(0.01, 1)] * 3)


@given(
    st.builds(
        ClipSettings,
        clip_len=st.integers(1, 32),
        size=st.none() | st.tuples(SIDES, SIDES),
        clip_stride=st.integers(1, 4),
        head=st.sampled_from(HEADS),
        pixel_mean=THREE,
        pixel_std=THREE,
        blur_kernel=st.sampled_from([0, 11]),
        name=st.text(),
    )
)
def test_settings_come_back_from_json(settings):
    assert ClipSettings.from_json(json.loads(json.dumps(settings.to_json()))) == settings


@pytest.mark.parametrize(
    'wrong', [dict(clip_len=0), dict(clip_stride=0), dict(size=(0, 4)), dict(head='none')]
)
def test_settings_out_of_range(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        ClipSettings(**(dict(clip_len=4, size=None) | wrong))


@pytest.mark.parametrize('content', [dict(clip_len=4), dict(clip_len=4, size=None, speed=2)])
def test_settings_of_another_kind(content):
    with pytest.raises(ConfigError, match='settings of a clip'):
        ClipSettings.from_json(content)


@given(st.integers(1, 8), st.integers(1, 3), st.sampled_from(HEADS), st.integers(1, 40), st.data())
def test_windows_are_clips_with_a_stride(clip_len, stride, head, count, data):
    settings = ClipSettings(clip_len, None, clip_stride=stride, head=head)
    last = data.draw(st.integers(0, count - 1))
    window = settings.window(last, count)
    assert len(window) == clip_len and window[-1] == last
    assert window == clip_indices(last, settings.span, count, head)[::stride]

"""What a model needs around it travels as plain values."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salkit.errors import ConfigError
from salkit.media.clips import HEADS, ClipSettings, clip_indices, size_in_shape

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
        keep_shape=st.sampled_from([0, 32]),
        smooth_s=st.floats(0, 60),
        name=st.text(),
    )
)
def test_settings_come_back_from_json(settings):
    assert ClipSettings.from_json(json.loads(json.dumps(settings.to_json()))) == settings


@pytest.mark.parametrize(
    'wrong',
    [
        dict(clip_len=0),
        dict(clip_stride=0),
        dict(size=(0, 4)),
        dict(head='none'),
        dict(keep_shape=-1),
        dict(smooth_s=-0.1),
        dict(smooth_s=61.0),
        dict(smooth_s=float('nan')),
    ],
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


@given(st.tuples(SIDES, SIDES), st.tuples(SIDES, SIDES), st.sampled_from([1, 8, 32]))
def test_a_size_in_the_shape_of_a_frame(frame, size, divisor):
    rows, columns = size_in_shape(frame, size, divisor)
    assert rows % divisor == columns % divisor == 0 < min(rows, columns)
    # Sides are rounded to whole steps, and no shape is more stretched than 1 : 4.
    stretch = min(4, max(1 / 4, frame[1] / frame[0]))
    side = (size[0] * size[1]) ** 0.5
    assert abs(rows - side / stretch**0.5) <= divisor
    assert abs(columns - side * stretch**0.5) <= divisor


@pytest.mark.parametrize(
    ('frame', 'expected'),
    [
        ((600, 800), (288, 384)),
        ((1080, 1920), (256, 448)),
        ((1920, 1080), (448, 256)),
        ((240, 416), (256, 448)),
        ((500, 500), (320, 320)),
        ((10, 9000), (160, 672)),
    ],
)
def test_frames_keep_their_shape(frame, expected):
    settings = ClipSettings(1, (288, 384), keep_shape=32)
    assert settings.size_for(frame) == expected
    assert ClipSettings(1, (288, 384)).size_for(frame) == (288, 384)
    assert ClipSettings(1, None).size_for(frame) is None

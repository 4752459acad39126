"""Which frames of a stimulus a model is shown, and which of them get a map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import ConfigError, DataError
from ..media.clips import ClipSettings
from .smoothing import MEMORY
from .stimulus import Stimulus

# Seconds; time stamps are rounded to milliseconds.
_ROUNDING = 5e-4


class Selection:
    """A part of a stimulus, at a rate.

    Args:
        stimulus: where the frames come from.
        settings: how clips are cut.
        start, end, fps, stride: see `SaliencyPredictor.predict`.

    Attributes:
        shown: numbers of the stimulus' frames that the model is shown, ascending.
        places: which of `shown` get a map.
        frames: their numbers in the stimulus.
        names: of these frames.
        times: of these frames, seconds from the stimulus' first.
        fps: frames per second of these.

    Raises:
        ConfigError: a number out of range.
        DataError: no frame between `start` and `end`.
    """

    def __init__(
        self,
        stimulus: Stimulus,
        settings: ClipSettings,
        *,
        start: float | None = None,
        end: float | None = None,
        fps: float | None = None,
        stride: int = 1,
    ) -> None:
        if stride < 1:
            raise ConfigError(f'stride must be at least 1, got {stride}')
        for name, seconds in (('start', start), ('end', end)):
            if seconds is not None and not seconds >= 0:
                raise ConfigError(f'{name} must be seconds from 0 on, got {seconds}')
        self.stimulus, self.settings, self.stride = stimulus, settings, stride
        self.shown = _at_rate(stimulus, fps)
        self._predicted = settings.predicted(len(self.shown))
        times = stimulus.times[self.shown]
        low, high = np.searchsorted(times, [(start or 0) - _ROUNDING, (end or 0) - _ROUNDING])
        first = max(int(low), self._predicted.start)
        self.places = range(first, len(times) if end is None else int(high))
        if not self.places:
            until = 'its end' if end is None else f'{end:g} s'
            raise DataError(
                f'{stimulus.path or stimulus.name}: no frame to predict from {start or 0:g} s to '
                f'{until}; the last is shown at {times[-1]:.3f} s'
            )
        self.frames = self.shown[self.places.start : self.places.stop]
        self.names = [stimulus.names[number] for number in self.frames]
        self.times = stimulus.times[self.frames]
        span = float(self.times[-1] - self.times[0])
        whole = len(self.shown) == len(stimulus)
        self.fps = stimulus.fps if whole or not span else (len(self.times) - 1) / span

    def predicted(self, places: range) -> Sequence[int]:
        """Places to predict, so that all of `places` lie on or between them, ascending."""
        if self.stride == 1 or not places:
            return places
        every = sorted({*self._predicted[:: self.stride], self._predicted[-1]})
        low = np.searchsorted(every, places[0], side='right') - 1
        return every[low : np.searchsorted(every, places[-1]) + 1]

    def remembered(self, predicted: Sequence[int]) -> Sequence[int]:
        """`predicted`, after the places before them that their maps are smoothed with."""
        seconds = MEMORY * self.settings.smooth_s
        if not seconds:
            return predicted
        times = self.stimulus.times[self.shown[: predicted[-1] + 1]]
        oldest = int(np.searchsorted(times, times[predicted[0]] - seconds - _ROUNDING))
        before = self._predicted[:: self.stride]
        return [*(place for place in before if oldest <= place < predicted[0]), *predicted]

    def needed(self, predicted: Sequence[int]) -> range:
        """Places whose frames the clips of all of `predicted` are made of."""
        span, last = self.settings.span, predicted[-1]
        if self.settings.head == 'reverse-time':
            # Early clips are made of the frames that follow.
            last = max([last, *(place + span - 1 for place in predicted if place < span - 1)])
        return range(max(0, predicted[0] - span + 1), min(last + 1, len(self.shown)))


def _at_rate(stimulus: Stimulus, fps: float | None) -> range | list[int]:
    """Numbers of the frames that are seen at `fps` frames per second."""
    if fps is None or stimulus.kind != 'video' or fps >= stimulus.fps:
        return range(len(stimulus))
    times = stimulus.times
    asked = np.arange(int(times[-1] * fps + 1 + 1e-6)) / fps + _ROUNDING
    return np.unique(np.searchsorted(times, asked, side='right') - 1).clip(0).tolist()

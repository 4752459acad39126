"""How much of the predicted attention, and of the recorded one, each region gets."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...errors import ConfigError
from ...utils.files import whole_file, write_json
from ...utils.tabular import Record, Tabular
from ...version import __version__
from .gaze import BIN_SECONDS, GazeShares

# Of a first peak: its height, and how far the share falls beside it, by the highest excess.
PEAK_HEIGHT, PEAK_PROMINENCE = 0.5, 0.25
DEFINITIONS = dict(
    share='sum of the map inside of the region / sum of the whole map, mean over the frames',
    area='part of the frame that the region covers, mean over the same frames',
    times_more='share / area: 1 is what a map that is the same everywhere gives',
    peak='highest share of a frame, at peak_s seconds',
    first_peak_s='first local maximum of share - area that is above 0, at least '
    f'{PEAK_HEIGHT:g} of the highest, and has a prominence of at least {PEAK_PROMINENCE:g} of it',
    rank='by share',
    frames='on which the region is there and the map is not 0 everywhere',
)
GAZE_DEFINITIONS = dict(
    gaze="time of an observer's fixations in the region / time of all fixations on the frames "
    'while it is there, mean over the observers; time is counted in frames that appear during a '
    'fixation; of samples without durations, their numbers',
    gaze_low='with gaze_high: 95 % percentile bootstrap interval over observers',
    gaze_rank='by gaze',
    gaze_times_more='gaze / area, that of the frames that have gaze',
    gaze_first_peak_s=f'as first_peak_s, of the gaze in parts of {BIN_SECONDS:g} s: the middle of '
    'the part',
    difference='share over the frames that have gaze - gaze',
    halves='mean absolute difference between the shares of two random halves of the observers',
)


@dataclass(eq=False)
class RegionReport(Tabular):
    """The share of each region in the normalized map of every frame.

    Attributes:
        names: of the regions.
        times: (T,) seconds from the video's first frame.
        shares: (T, R), sum of the map inside of a region by that of the whole map. NaN where the
            region is not there, or the map is 0 everywhere.
        areas: (T, R), part of the frame that the region covers; 0 where it is not there.
        gaze: shares of the recorded gaze; None without.
        video, model: what they are called.
        notes: what a reader should know of the numbers.
        about: what else is written beside them: the files' hashes, for one.
        frames: (T,) numbers of the frames from 0.
    """

    names: Sequence[str]
    times: np.ndarray
    shares: np.ndarray
    areas: np.ndarray
    gaze: GazeShares | None = None
    frames: Sequence[int] = ()
    video: str = ''
    model: str = ''
    notes: list[str] = field(default_factory=list)
    about: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not len(self.frames):
            self.frames = range(len(self.times))

    @property
    def times_more(self) -> np.ndarray:
        """(T, R), how many times more than a map that is the same everywhere: share by area."""
        with np.errstate(divide='ignore', invalid='ignore'):
            return np.where(self.areas > 0, self.shares / self.areas, np.nan)

    @property
    def ranks(self) -> list[int | None]:
        """Place of each region by its mean share, from 1; None where it has none."""
        return _ranks([self._mean_share(region) for region in range(len(self.names))])

    @property
    def headline(self) -> str:
        """See `Tabular`."""
        return f'{self.video or "maps"}, {len(self.times)} frames, {len(self.names)} regions'

    @property
    def remarks(self) -> Sequence[str]:
        """See `Tabular`."""
        return self.notes

    def _mean_share(self, region: int) -> float:
        shares = self.shares[:, region]
        return float(np.nanmean(shares)) if np.isfinite(shares).any() else np.nan

    def records(self) -> list[Record]:
        """A row a region, in the order of the regions."""
        records = [self._record(region, rank) for region, rank in enumerate(self.ranks)]
        if self.gaze is not None:
            for region, rank in enumerate(_ranks(self.gaze.share)):
                records[region] |= self._gaze_record(self.gaze, region, rank)
        return records

    def write_csv(self, path: str | Path) -> None:
        """Write a row a frame and region: frame, time_s, region, share, area, times_more."""
        with (
            whole_file(path) as temporary,
            open(temporary, 'w', newline='', encoding='utf-8') as file,
        ):
            table = csv.writer(file, lineterminator='\n')
            table.writerow(['frame', 'time_s', 'region', 'share', 'area', 'times_more'])
            for place, (frame, time) in enumerate(zip(self.frames, self.times, strict=True)):
                for region, name in enumerate(self.names):
                    cells = (_cell(each[place, region]) for each in self._columns())
                    table.writerow([int(frame) + 1, _seconds(time), name, *cells])

    def write_gaze_csv(self, path: str | Path) -> None:
        """Write a row a part of time and region: what was predicted beside what was looked at.

        Raises:
            ConfigError: there is no gaze.
        """
        if self.gaze is None:
            raise ConfigError('the report has no gaze')
        gaze = self.gaze
        names = ('predicted', 'gaze', 'gaze_low', 'gaze_high', 'observers', 'area')
        columns = (
            *(gaze.bin_predicted, gaze.bin_share, gaze.bin_low, gaze.bin_high),
            *(gaze.bin_observers, gaze.bin_area),
        )
        with (
            whole_file(path) as temporary,
            open(temporary, 'w', newline='', encoding='utf-8') as file,
        ):
            table = csv.writer(file, lineterminator='\n')
            table.writerow(['start_s', 'region', *names])
            for part, start in enumerate(gaze.starts):
                for region, name in enumerate(self.names):
                    cells = (_cell(each[part, region]) for each in columns)
                    table.writerow([_seconds(start), name, *cells])

    def _columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.shares, self.areas, self.times_more

    def to_json(self) -> dict[str, object]:
        """The rows and what they mean, as plain values."""
        return dict(
            salkit_version=__version__,
            video=self.video,
            model=self.model,
            frames=len(self.times),
            seconds=[round(float(at), 6) for at in (self.times[0], self.times[-1])],
            about=self.about,
            definitions=DEFINITIONS | (GAZE_DEFINITIONS if self.gaze is not None else {}),
            notes=self.notes,
            regions=self.records(),
        )

    def write_json(self, path: str | Path) -> None:
        """Write `to_json`."""
        write_json(self.to_json(), path)

    def _record(self, region: int, rank: int | None) -> Record:
        shares, areas = self.shares[:, region], self.areas[:, region]
        there = np.isfinite(shares)
        record: Record = dict(
            region=self.names[region], rank=rank, frames=int(there.sum()), share=None, area=None
        )
        record.update(times_more=None, peak=None, peak_s=None, first_peak_s=None)
        if there.any():
            share, area = float(shares[there].mean()), float(areas[there].mean())
            highest = int(np.nanargmax(shares))
            first = first_peak(shares, areas)
            record.update(share=share, area=area, times_more=share / area)
            record.update(peak=float(shares[highest]), peak_s=float(self.times[highest]))
            record['first_peak_s'] = None if first is None else float(self.times[first])
        return record

    def _gaze_record(self, gaze: GazeShares, region: int, rank: int | None) -> Record:
        numbers = dict(
            gaze=gaze.share,
            gaze_low=gaze.low,
            gaze_high=gaze.high,
            difference=gaze.predicted - gaze.share,
            halves=gaze.halves,
            gaze_times_more=gaze.share / gaze.area,
        )
        record: Record = {
            name: float(values[region]) if np.isfinite(values[region]) else None
            for name, values in numbers.items()
        }
        first = first_peak(gaze.bin_share[:, region], gaze.bin_area[:, region])
        middle = None if first is None else float(gaze.starts[first]) + BIN_SECONDS / 2
        record.update(gaze_rank=rank, gaze_first_peak_s=middle)
        record['observers'] = int(gaze.observers[region])
        return record


def _ranks(means: Sequence[float] | np.ndarray) -> list[int | None]:
    """Places from 1, the same where means are; None for NaN."""
    return [
        None if np.isnan(mean) else 1 + sum(bool(other > mean) for other in means) for mean in means
    ]


def _seconds(time: float) -> str:
    """To microseconds, however late."""
    return f'{round(time, 6):.12g}'


def _cell(number: float) -> str:
    return '' if np.isnan(number) else f'{number:.6g}'


def first_peak(shares: np.ndarray, areas: np.ndarray) -> int | None:
    """The first time at which a region stands out.

    That is the first local maximum of its excess, the share minus the area (what it would get by
    chance), that is above 0, at least half of the highest excess, and from which the excess falls
    on both sides by a quarter of the highest before it rises above it again (its prominence), so
    that no jitter on the way up counts. The video's ends count as falls; of a plateau, the first
    frame is taken.

    Args:
        shares: (T,) of one region.
        areas: (T,) of it.

    Returns:
        The frame's place; None where the region is never above chance.
    """
    # Takes long, and is not needed to predict.
    import scipy.signal

    excess = np.where(np.isfinite(shares), shares - areas, -np.inf)
    highest = float(excess.max(initial=-np.inf))
    if not highest > 0:
        return None
    # Beside the video, and where the region is not there, lower than anywhere.
    floor = float(excess[np.isfinite(excess)].min()) - 1
    padded = np.pad(np.maximum(excess, floor), 1, constant_values=floor)
    _, found = scipy.signal.find_peaks(
        padded,
        height=PEAK_HEIGHT * highest,
        prominence=PEAK_PROMINENCE * highest,
        plateau_size=1,
    )
    return int(found['left_edges'][0]) - 1

"""Which columns of a gaze file hold what: salkit's own names, those of trackers, anybody's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..errors import ConfigError
from ..utils.text import check_choice

# Seconds in a unit.
TIME_COLUMNS = {'time_s': 1.0, 'time_ms': 1e-3, 'time_us': 1e-6, 'time_ns': 1e-9}
# How long somebody looked at one place, likewise.
DURATION_COLUMNS = {'duration_s': 1.0, 'duration_ms': 1e-3}
# What says when somebody looked; of several in a file, the first one here.
MOMENTS = ('frame', *TIME_COLUMNS)
ROLES = ('video', 'x', 'y', *MOMENTS, *DURATION_COLUMNS, 'observer')


@dataclass(frozen=True)
class GazeColumns:
    """The columns of a gaze file, and what their numbers mean.

    Attributes:
        names: of columns, the best first, by what they hold (`ROLES`). Of x and y, a row's first
            pair with two numbers is taken: another eye may have been recorded.
        program: whose export it is; '' for a file in salkit's own names.
        video: of a file without a column for it.
        on_screen: x and y are pixels of a screen.
        normalized: they are shares of the video's width and height.
        from_bottom: y is counted from the lower edge.
        zeros_are_lost: the program writes (0, 0) where the eye was lost.
        first_frame: what it calls the first frame; None where the user has to say.
        since_recording: columns of times that do not count from the start of the video. A showing
            of it starts with its first row.
        only: what a column has to hold in rows of gaze, by its name.
    """

    names: Mapping[str, tuple[str, ...]]
    program: str = ''
    video: str = ''
    on_screen: bool = False
    normalized: bool = False
    from_bottom: bool = False
    zeros_are_lost: bool = False
    first_frame: int | None = None
    since_recording: tuple[str, ...] = ()
    only: Mapping[str, str] = field(default_factory=dict)


# Columns may be named as those of a matrix.
OWN = GazeColumns({role: (role,) for role in ROLES} | dict(x=('x', 'col'), y=('y', 'row')))


def _pairs(*names: str) -> dict[str, tuple[str, ...]]:
    """Columns for x and y from names with `?` in place of the axis."""
    return {axis: tuple(name.replace('?', axis.upper()) for name in names) for axis in 'xy'}


_TOBII_TIMES = dict(
    time_ms=('Recording timestamp [ms]', 'RecordingTimestamp'),
    time_us=('Recording timestamp [μs]', 'Recording timestamp [us]', 'Recording timestamp'),
)
# As the programs' manuals and files of theirs have them; the older names come last.
PROGRAMS = {
    # Pro Lab, and Studio. Pro Lab gives microseconds where it names no unit.
    'tobii': GazeColumns(
        dict(
            _pairs('Gaze point ? [DACS px]', 'Gaze point ?', 'GazePoint? (ADCSpx)'),
            video=('Presented Media name', 'Presented Stimulus name', 'MediaName'),
            observer=('Participant name', 'ParticipantName'),
            **_TOBII_TIMES,
        ),
        on_screen=True,
        since_recording=_TOBII_TIMES['time_ms'] + _TOBII_TIMES['time_us'],
    ),
    # Pupil Player: gaze_positions.csv and fixations.csv, on the video of the world camera.
    'pupil': GazeColumns(
        dict(x=('norm_pos_x',), y=('norm_pos_y',), frame=('world_index', 'start_frame_index')),
        video='world',
        normalized=True,
        from_bottom=True,
        first_frame=0,
    ),
    # Sample and fixation reports of Data Viewer.
    'eyelink': GazeColumns(
        dict(
            _pairs('AVERAGE_GAZE_?', 'RIGHT_GAZE_?', 'LEFT_GAZE_?', 'CURRENT_FIX_?'),
            video=('VIDEO_NAME', 'VIDEO_NAME_START'),
            frame=('VIDEO_FRAME_INDEX', 'VIDEO_FRAME_INDEX_START'),
            time_ms=('CURRENT_FIX_START', 'TIMESTAMP'),
            observer=('RECORDING_SESSION_LABEL',),
        ),
        on_screen=True,
        since_recording=('TIMESTAMP',),
    ),
    # BeGaze: raw data and event statistics; Time is that of the older converter.
    'smi': GazeColumns(
        dict(
            _pairs(
                'Point of Regard Binocular ? [px]',
                'Point of Regard Right ? [px]',
                'Point of Regard Left ? [px]',
                'B POR ? [px]',
                'R POR ? [px]',
                'L POR ? [px]',
                'Fixation Position ? [px]',
            ),
            video=('Stimulus',),
            time_ms=('Event Start Trial Time [ms]', 'RecordingTime [ms]'),
            time_us=('Time',),
            observer=('Participant',),
        ),
        on_screen=True,
        zeros_are_lost=True,
        since_recording=('RecordingTime [ms]', 'Time'),
        only={'Type': 'SMP'},
    ),
}


def parse_columns(text: str | None) -> GazeColumns:
    """Read `PROGRAM`, `ROLE=COLUMN,...`, or both: `eyelink,video=clip_name`.

    Raises:
        ConfigError: neither, or an unknown program or role.
    """
    if text is None:
        return OWN
    first, *others = re.split(r',\s*(?=\w+\s*=)', text)
    columns = replace(OWN, program='columns')
    if '=' in first:
        others.insert(0, first)
    else:
        program = first.strip().lower()
        check_choice('', '--columns', program, PROGRAMS)
        columns = replace(PROGRAMS[program], program=program)
    own: dict[str, tuple[str, ...]] = {}
    for part in others:
        role, _, name = (word.strip() for word in part.partition('='))
        check_choice('', '--columns', role, ROLES)
        if role in own or not name:
            raise ConfigError(f'--columns: {role} has to be one column, got {text!r}')
        own[role] = (name,)
    if len({*own.values()}) < len(own):
        raise ConfigError(f'--columns: one column cannot be two things, got {text!r}')
    names = columns.names
    if own.keys() & {*MOMENTS}:
        names = {role: found for role, found in names.items() if role not in MOMENTS}
    if own.keys() & {'x', 'y'} and columns.program in PROGRAMS:
        if not {'x', 'y'} <= own.keys():
            raise ConfigError(f'--columns: x and y go together, got {text!r}')
        columns = replace(columns, on_screen=False, normalized=False, from_bottom=False)
    video = '' if 'video' in own else columns.video
    return replace(columns, names={**names, **own}, video=video)

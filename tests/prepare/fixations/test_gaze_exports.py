"""Exports of eye trackers' programs, as they write them."""

import numpy as np
import pytest

from salkit.errors import DataError
from salkit.prepare.fixations import GazeReading, fixation_points, read_gaze_csv

SCREEN = (600, 800)


def read(tmp_path, columns, lines, encoding='utf-8', screen=SCREEN, **options):
    path = tmp_path / 'export.tsv'
    path.write_bytes('\n'.join([*lines, '']).encode(encoding))
    return read_gaze_csv(path, GazeReading(columns=columns, screen=screen, **options))


def tabs(*rows):
    """Lines of columns with two spaces or more between."""
    return ['\t'.join(part.strip() for part in row.split('|')) for row in rows]


def told(gaze):
    """(moment, y, x) of each sample; None where the eye was lost."""
    rows = zip(gaze.moments.tolist(), gaze.points.tolist(), strict=True)
    return [(round(m, 6), *(None if np.isnan(p) else p for p in point)) for m, point in rows]


@pytest.mark.parametrize('unit', ['[ms]', '[μs]', '[µs]', ''])
@pytest.mark.parametrize('pixels', [' [DACS px]', ''])
def test_tobii(tmp_path, unit, pixels):
    scale = 1 if unit == '[ms]' else 1000
    header = (
        f'Recording timestamp {unit} | Participant name | Presented Stimulus name | Presented '
        f'Media name | Gaze point X{pixels} | Gaze point Y{pixels} | Gaze point X (MCSnorm) | Event'
    )
    lines = tabs(
        header,
        f'{scale * 100} | P1 | | | 1 | 2 | | ',
        f'{scale * 5000} | P1 | film | film.mp4 | | | | VideoStimulusStart',
        f'{scale * 5040} | P1 | film | film.mp4 | 400 | 300 | 0,5 | ',
        f'{scale * 5080} | P1 | film | film.mp4 | 401,5 | 301 | | ',
        f'{scale * 9000} | P1 | other | other.mp4 | 7 | 8 | | ',
        f'{scale * 200} | P2 | film | film.mp4 | 10 | 20 | | ',
    )
    gaze = read(tmp_path, 'tobii', lines, 'utf-16')
    assert list(gaze) == ['film.mp4', 'other.mp4']
    assert told(gaze['film.mp4']) == [
        (0, None, None),
        (0.04, 300, 400),
        (0.08, 301, 401.5),
        (0, 20, 10),
    ]
    # The second participant saw the film from its start, too.
    assert told(gaze['other.mp4']) == [(0, 8, 7)]


def test_pupil(tmp_path):
    lines = [
        'gaze_timestamp,world_index,confidence,norm_pos_x,norm_pos_y,base_data',
        '3512.1,0,0.98,0.25,0.75,3512.1-0 3512.1-1',
        '3512.2,2,0.98,0.5,1.0,',
        '3512.3,2,0.98,0.5,-0.2,',
    ]
    gaze = read(tmp_path, 'pupil', lines, screen=None)
    points, lost = fixation_points(gaze['world'], (40, 80), 3, reading=GazeReading(columns='pupil'))
    # Counted from the bottom left, and frames from 0.
    assert [each.tolist() for each in points] == [[[10, 20]], [], [[0, 40]]] and lost == 1


def test_eyelink_samples(tmp_path):
    lines = tabs(
        'RECORDING_SESSION_LABEL | TIMESTAMP | LEFT_GAZE_X | LEFT_GAZE_Y | RIGHT_GAZE_X | '
        'RIGHT_GAZE_Y | VIDEO_NAME | VIDEO_FRAME_INDEX',
        's1 | 810001 | 1 | 2 | . | . | . | .',
        r's1 | 810002 | 11 | 12 | . | . | ..\videos\film.avi | 1',
        's1 | 810003 | 11 | 12 | 13 | 14 | film.avi | 2',
        's1 | 810004 | . | . | . | . | film.avi | 3',
    )
    # Which eye was recorded is found row by row.
    gaze = read(tmp_path, 'eyelink', lines)
    assert told(gaze['film.avi']) == [(0, 12, 11), (1, 14, 13), (2, None, None)]
    without_frames = [line.rsplit('\t', 1)[0] for line in lines]
    gaze = read(tmp_path, 'eyelink', without_frames)
    assert [row[0] for row in told(gaze['film.avi'])] == [0, 0.001, 0.002]


def test_eyelink_fixations(tmp_path):
    lines = tabs(
        'RECORDING_SESSION_LABEL | CURRENT_FIX_START | CURRENT_FIX_X | CURRENT_FIX_Y | clip',
        's1 | 120 | 400,5 | 300 | film',
        's1 | 480 | 10 | . | film',
    )
    with pytest.raises(DataError, match='expected columns of eyelink: VIDEO_NAME or VIDEO_NAME_ST'):
        read(tmp_path, 'eyelink', lines)
    gaze = read(tmp_path, 'eyelink,video=clip', lines)
    assert told(gaze['film']) == [(0.12, 300, 400.5), (0.48, None, None)]


def test_smi(tmp_path):
    lines = [
        '## [BeGaze]',
        '## Calibration Area:\t1680\t1050',
        '##',
        *tabs(
            'Time | Type | Trial | L POR X [px] | L POR Y [px] | R POR X [px] | R POR Y [px] | '
            'Stimulus',
            '5000000 | SMP | 1 | 0.0 | 0.0 | 850.7 | 717.5 | film.avi',
            '5001000 | MSG | 1 | # Message: film.avi',
            '5004000 | SMP | 1 | 10 | 20 | 0.0 | 0.0 | film.avi',
            '5008000 | SMP | 1 | 0.0 | 0.0 | 0.0 | 0.0 | film.avi',
        ),
    ]
    found = [(0, 717.5, 850.7), (0.004, 20, 10), (0.008, None, None)]
    assert told(read(tmp_path, 'smi', lines)['film.avi']) == found
    lines = [
        'RecordingTime [ms],Stimulus,Participant,Point of Regard Right X [px],'
        'Point of Regard Right Y [px]',
        '70000.5,film.avi,P1,850.7,717.5',
        '70020.5,film.avi,P1,-,-',
        '70040.5,-,P1,1,1',
    ]
    found = [(0, 717.5, 850.7), (0.02, None, None)]
    assert told(read(tmp_path, 'smi', lines)['film.avi']) == found
    lines[2] = '70020.5,film.avi,P1,-'
    with pytest.raises(DataError, match='line 3: expected 5 values as in the header, got 4'):
        read(tmp_path, 'smi', lines)


def test_anybodys_columns(tmp_path):
    lines = ['Clip,T,Gaze, left,GazeY', 'a,40,3,x,4', 'NA,50,3,x,4', 'a,.,3,x,4']
    lines = [line.replace(',', ';') for line in lines]
    lines[0] = 'Clip;T;Gaze, left;;GazeY'
    columns = 'video=Clip, time_ms = T,x=Gaze, left,y=GazeY'
    gaze = read(tmp_path, columns, lines, screen=None)
    assert told(gaze['a']) == [(0.04, 4, 3)]
    with pytest.raises(DataError, match='as --columns says: clip; x or col; y or row; tau'):
        read(tmp_path, 'video=clip,time_s=tau', lines, screen=None)
    # What a column is called does not hide what another one holds.
    both = ['video,frame,time,x,y', 'a,1,0.2,3,4']
    gaze = read(tmp_path, 'time_s=time', both, screen=None)
    assert gaze['a'].unit == 'time_s' and told(gaze['a']) == [(0.2, 4, 3)]

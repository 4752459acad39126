"""Numbers that mean something else than what they are read as."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make_video import encode_video
from PIL import Image

from salkit.cli import main
from salkit.errors import DataError
from salkit.prepare.fixations import GazeReading, read_gaze_csv

SIZE = (48, 80)


def write(path, points, frames=None):
    frames = range(1, len(points) + 1) if frames is None else frames
    rows = [f'clip,{frame},{x},{y}' for frame, (y, x) in zip(frames, points, strict=True)]
    path.write_text('\n'.join(['video,frame,x,y', *rows, '']))
    return path


@given(
    st.lists(st.tuples(st.floats(0.01, 0.99), st.floats(0.01, 0.99)), min_size=3, max_size=20),
    st.lists(st.sampled_from([(0, 0), ('', ''), (1.04, 0.2)]), max_size=2),
)
def test_shares_without_normalized_and_pixels_with_it(tmp_path_factory, shares, others):
    path = write(tmp_path_factory.mktemp('gaze') / 'gaze.csv', [*others, *shares])
    with pytest.raises(DataError, match=r'are shares of .*, from 0 to 1, which need --normalized'):
        read_gaze_csv(path)
    read_gaze_csv(path, GazeReading(normalized=True))
    pixels = [(48 * y + 3, 80 * x + 3) for y, x in shares]
    path = write(path, [*(each for each in others if each != (1.04, 0.2)), *pixels])
    read_gaze_csv(path)
    with pytest.raises(DataError, match=r'are no shares .*; pixels need no --normalized'):
        read_gaze_csv(path, GazeReading(normalized=True))


def test_small_whole_numbers_are_pixels(tmp_path):
    (gaze,) = read_gaze_csv(write(tmp_path / 'gaze.csv', [(0, 1), (1, 1), (0, 0)])).values()
    assert gaze.points.tolist() == [[0, 1], [1, 1], [0, 0]]
    # But not all of a recording.
    path = write(tmp_path / 'gaze.csv', [(0, 1), (1, 1), (1, 0)] * 4)
    with pytest.raises(DataError, match='12 of 12 samples are shares'):
        read_gaze_csv(path)


def both_doors(tmp_path, path, *options):
    """Exit status of both commands that read gaze."""
    videos = tmp_path / 'videos'
    if not videos.exists():
        encode_video(videos / 'clip.mp4', 6)
    options = ['--sigma-px', '2', '--workers', '1', *options]
    yield main(
        ['density', str(path), '--videos', str(videos), '--out', str(tmp_path / 'out'), *options]
    )
    data = str(tmp_path / 'data')
    yield main(['prepare', 'folder', str(videos), data, '--gaze', str(path), *options])


def test_shares_at_both_doors(tmp_path, capsys):
    path = write(tmp_path / 'gaze.csv', [(0.3, 0.4), (0.5, 0.6)])
    for status in both_doors(tmp_path, path):
        error = capsys.readouterr().err.strip().splitlines()
        assert status == 2 and str(path) in error[-1] and '--normalized' in error[-1]
    assert not (tmp_path / 'out').exists() and not (tmp_path / 'data').exists()
    assert [*both_doors(tmp_path, path, '--normalized')] == [0, 0]


def test_lost_eyes_written_as_zeros(tmp_path, capsys):
    path = write(tmp_path / 'gaze.csv', [(10, 20), (0, 0), (30, 40), (0, 0)])
    warning = 'warning: 2 of 4 samples (50%) are exactly (0, 0), as some programs write a lost eye'
    for status in both_doors(tmp_path, path):
        assert status == 0 and warning in capsys.readouterr().out
    for status in both_doors(tmp_path, path, '--drop-zeros', '--overwrite'):
        printed = capsys.readouterr().out
        assert status == 0 and 'warning' not in printed and '2 of 4' in printed
    for folder in ('out/clip', 'data/train/clip'):
        maps = sorted((tmp_path / folder / 'fixation').glob('*.png'))
        assert [int(np.asarray(Image.open(each)).any()) for each in maps] == [1, 0, 1, 0, 0, 0]


def test_columns_at_both_doors(tmp_path, capsys):
    path = tmp_path / 'report.tsv'
    path.write_text(
        'VIDEO_NAME\tVIDEO_FRAME_INDEX\tRIGHT_GAZE_X\tRIGHT_GAZE_Y\n'
        '.\t.\t1\t1\nclip.mp4\t2\t40,5\t24\nclip.mp4\t3\t.\t.\nother.avi\t1\t1\t2\n'
    )
    for status in both_doors(tmp_path, path):
        error = capsys.readouterr().err.strip()
        assert status == 2 and 'an export of eyelink? --columns eyelink' in error
    for status in both_doors(tmp_path, path, '--columns', 'eyelink', '--screen', '80x48'):
        printed = capsys.readouterr().out
        assert status == 0 and 'other.avi' in printed and '1 of 2' in printed
    for folder in ('out/clip', 'data/train/clip'):
        fixated = np.asarray(Image.open(tmp_path / folder / 'fixation' / '0002.png'))
        assert np.argwhere(fixated).tolist() == [[24, 40]]


def test_times_of_another_unit_at_both_doors(tmp_path, capsys):
    path = tmp_path / 'gaze.csv'
    rows = [f'clip,{number * 25},5,5' for number in range(10)]
    path.write_text('\n'.join(['video,time_s,x,y', *rows, '']))
    for status in both_doors(tmp_path, path):
        printed = capsys.readouterr()
        text = printed.out + printed.err
        assert status in (1, 2) and '9 of 10 samples' in text and 'time_ms' in text
    assert not [*tmp_path.glob('*/**/fixation')]
    assert [*both_doors(tmp_path, path, '--columns', 'time_ms=time_s')] == [0, 0]

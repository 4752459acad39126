import numpy as np
import pytest

from salkit.errors import DataError
from salkit.prepare.fixations.export import (
    count_frames,
    find_recordings,
    frame_points,
    read_recording,
)

HEADER = 'Time\tType\tTrial\tL Dia X [px]\tL Dia Y [px]\tL POR X [px]\tL POR Y [px]\tL Event Info'
SIZE = (360, 640)


def write_recording(path, samples, header=HEADER):
    """Samples are (seconds, x, y on the screen, event)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [header]
    for time, x, y, event in samples:
        moment = 107977452442 + round(1e6 * time)
        if header is HEADER:
            lines.append(f'{moment}\tSMP\t1\t16.22\t16.22\t{x:.2f}\t{y:.2f}\t{event}')
        else:
            lines.append(f'{moment}\t{x:.2f}\t{y:.2f}\t{event}')
    path.write_text('\n'.join(lines) + '\n')
    return path


def on_screen(row, column):
    """Where a place in a pixel of the video is shown, below and right of its middle."""
    return (column + 0.75) * 2.25, 45 + (row + 0.75) * 2.25


def sample(time, row, column, event='Fixation'):
    return time, *on_screen(row, column), event


def points_of(path, frames=3, **options):
    found = frame_points(read_recording(path), SIZE, frames, **options)
    return [each.tolist() for each in found]


@pytest.mark.parametrize('header', [HEADER, 'Time\tX\tY\tEvent', 'time x y event'])
def test_fixations_of_each_frame(tmp_path, header):
    path = tmp_path / 'P01' / 'P01_Trail001.txt'
    samples = [
        sample(0, 10, 20),
        sample(0.020, 11, 21),
        sample(0.030, 99, 99, 'Saccade'),
        sample(0.034, 12, 22),
        (0.036, 700, 20, 'Fixation'),
        sample(0.040, 5, 5, '-'),
        sample(0.070, 359, 639),
        sample(0.2, 1, 1),
    ]
    write_recording(path, samples, header)
    if header == 'time x y event':
        path.write_text(path.read_text().replace('\t', ' '))
    assert points_of(path) == [[[10, 20], [11, 21]], [[12, 22]], [[359, 639]]]
    assert count_frames([str(path)]) == 7


def test_messages_between_samples(tmp_path):
    path = write_recording(tmp_path / 'P01_Trail001.txt', [sample(0, 1, 2), sample(0.05, 3, 4)])
    first, *rest = path.read_text().splitlines()
    message = '107977000000\tMSG\t1\t# Message: 001.avi'
    path.write_text('\n'.join([first, message, *rest, message]) + '\n')
    assert points_of(path) == [[[1, 2]], [[3, 4]], []]
    assert count_frames([str(path)]) == 2


def test_the_last_sample_of_a_long_file(tmp_path):
    samples = [sample(i / 250, 1, 1) for i in range(2500)]
    path = write_recording(tmp_path / 'P01_Trail001.txt', samples)
    short = write_recording(tmp_path / 'P02_Trail001.txt', samples[:10])
    assert count_frames([str(path), str(short)]) == 300


def test_as_published(tmp_path):
    """Every row with every column; places rounded and counted from 1, a frame's start left out."""
    samples = [
        sample(0, 200, 300),
        sample(0.01, 10, 20),
        sample(0.02, 14, 26),
        sample(0.034, 7, 8),
        (0.035, 0.4 * 2.25, 450, 'Fixation'),
        (0.036, 639.6 * 2.25, 450, 'Fixation'),
    ]
    path = write_recording(tmp_path / 'P01_Trail001.txt', samples)
    first, second, third = points_of(path, outer_product=True)
    assert first == [[10, 20], [10, 26], [14, 20], [14, 26]]
    assert second == [[7, 8]] and third == []
    assert points_of(path)[1] == [[7, 8], [180, 0], [180, 639]]
    # Left and above of its middle, a place is rounded to the pixel before.
    write_recording(path, [sample(0, 1, 1), (0.01, 20.3 * 2.25, 45 + 10.3 * 2.25, 'Fixation')])
    assert points_of(path, outer_product=True)[0] == [[9, 19]]


def test_recordings_are_found_by_video(tmp_path):
    for viewer in ('P02', 'P10', 'P01'):
        for video in (1, 12, 3):
            write_recording(tmp_path / viewer / f'{viewer}_Trail{video:03d}.txt', [sample(0, 1, 1)])
    found = find_recordings(tmp_path)
    assert list(found) == [1, 3, 12]
    assert [path[-16:-13] for path in found[3]] == ['P01', 'P02', 'P10']


def test_nothing_fixated(tmp_path):
    path = write_recording(tmp_path / 'P01_Trail001.txt', [sample(0, 1, 1, 'Blink')])
    for outer_product in (False, True):
        found = frame_points(read_recording(path), SIZE, 2, outer_product)
        assert [each.shape for each in found] == [(0, 2), (0, 2)]


@pytest.mark.parametrize(
    'text, message',
    [
        ('', 'line 1: expected Time'),
        ('a\tb\n1\t2\n', 'line 1: expected Time'),
        (f'{HEADER}\n1\tSMP\t1\t2\n', 'line 2: expected Time'),
        (f'{HEADER}\n1\tSMP\t1\t1\t1\tx\t5\tFixation\n', 'line 2: .*could not convert'),
    ],
)
def test_other_files_are_refused(tmp_path, text, message):
    path = tmp_path / 'P01_Trail001.txt'
    path.write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        read_recording(path)
    assert str(path) in str(caught.value)


def test_a_file_without_samples_has_no_length(tmp_path):
    path = tmp_path / 'P01_Trail001.txt'
    path.write_text(HEADER + '\n')
    with pytest.raises(DataError, match='expected samples'):
        count_frames([str(path)])
    assert not len(read_recording(path).points)


def test_outer_product_is_what_the_assignment_marks():
    """As an array does that is indexed by rows and by columns apart."""
    from salkit.prepare.fixations.export import Recording

    rng = np.random.default_rng(0)
    places = rng.integers(1, 300, (9, 2))
    recording = Recording(
        np.full(9, 1e4), np.array([on_screen(*place)[::-1] for place in places], float)
    )
    (found,) = frame_points(recording, SIZE, 1, outer_product=True)
    expected = np.zeros(SIZE, bool)
    expected[np.ix_(places[:, 0], places[:, 1])] = True
    marked = np.zeros(SIZE, bool)
    marked[tuple(found.T)] = True
    assert np.array_equal(marked, expected)

import os

import numpy as np
import pytest

from salkit.errors import ConfigError, DataError
from salkit.prepare.fixations import (
    GazeReading,
    fixation_points,
    read_gaze_csv,
    read_gaze_rows,
)
from salkit.prepare.fixations.screen import to_video_pixels

SIZE = (36, 64)


@pytest.fixture
def write(tmp_path):
    def write(text, name='gaze.csv'):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def only(path, **options):
    (gaze,) = read_gaze_csv(path, GazeReading(**options)).values()
    return gaze


def test_frames_and_columns(write):
    gaze = read_gaze_csv(
        write(
            'Pupil, Video ,frame,x,y,observer\n3,a,1,10.9,20.1,anna\n3,b,7,1,2,ben\n\n'
            '3,a,3,11,21,anna\n3,a,1,,nan,ben\n,,,,,\n'
        )
    )
    assert list(gaze) == ['a', 'b']
    assert gaze['a'].moments.tolist() == [0, 2, 0]
    points, lost = fixation_points(gaze['a'], SIZE)
    assert [each.tolist() for each in points] == [[[20, 10]], [], [[21, 11]]] and lost == 1
    points, _ = fixation_points(gaze['a'], SIZE, frames=5)
    assert len(points) == 5


def test_a_long_name_costs_its_length_once(write):
    rows = [f'a,{n},9,9,{"x" * 90_000 if n == 1 else "y"}\n' for n in range(1, 2000)]
    gaze = only(write('video,frame,x,y,observer\n' + ''.join(rows)))
    assert gaze.observers.nbytes < 100_000 and set(map(len, gaze.observers)) == {1, 90_000}


def test_a_file_of_observers_is_read_too(write):
    gaze = only(write('video,frame,observer,row,col\na,0002,anna,5,6\n'))
    assert gaze.points.tolist() == [[5, 6]] and gaze.moments.tolist() == [1]


def test_rows_keep_the_names_of_frames(write):
    path = write('video,frame,observer,row,col\na,clip_0002,anna,5,6\n')
    (row,) = read_gaze_rows(path, ('frame', 'observer'))
    assert (row.video, row.frame, row.seconds, row.observer) == ('a', 'clip_0002', None, 'anna')
    assert (row.y, row.x) == (5, 6) and row.where == f'{path}, line 2'
    with pytest.raises(DataError, match='with observer; found video, time_s, x, y'):
        list(read_gaze_rows(write('video,time_s,x,y\na,1,2,3\n'), ('observer',)))


@pytest.mark.parametrize('separator', [',', ';', '\t'])
@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16', 'utf-16-be'])
def test_separators_and_encodings(tmp_path, separator, encoding):
    text = 'video,frame,x,y,observer\né,1,2,3,a\n'.replace(',', separator)
    if encoding == 'utf-16-be':
        text = '\ufeff' + text
    path = tmp_path / 'gaze.csv'
    path.write_bytes(text.encode(encoding))
    gaze = only(path)
    assert (gaze.video, gaze.points.tolist()) == ('é', [[3, 2]])


@pytest.mark.parametrize('separator', [';', '\t'])
def test_decimal_commas(write, separator):
    text = 'video;time_s;x;y\na;0,5;2,25;3\n'.replace(';', separator)
    gaze = only(write(text))
    assert gaze.points.tolist() == [[3, 2.25]] and gaze.moments.tolist() == [0.5]
    text = 'video;frame;x;y\na;2,0;2,25;3\n'.replace(';', separator)
    assert only(write(text)).moments.tolist() == [1]


@pytest.mark.parametrize(
    'word', ['.', 'NA', 'N/A', 'nan', 'NaN', '-', 'null', 'None', 'inf', '-inf', '']
)
def test_words_for_missing(write, word):
    gaze = only(write(f'video,frame,x,y\na,1,{word},3\na,1,2, {word}\na,2,4,5\n'))
    points, lost = fixation_points(gaze, SIZE)
    assert [each.tolist() for each in points] == [[], [[5, 4]]] and lost == 2


def test_comments_before_the_header_and_line_ends(write):
    path = write('## program 3.7\r\n##\r\n\r\nvideo,frame,x,y\r\na,1,2,3\r\na,1,b,3\r\n')
    with pytest.raises(DataError, match='line 6: x must be a number'):
        only(path)
    assert only(write('video,frame,x,y,\na,1,2,3,\na,2,4,5,,,\n')).moments.tolist() == [0, 1]


def test_frames_may_count_from_0(write):
    path = write('video,frame,x,y\na,0,2,3\n')
    assert only(path, first_frame=0).moments.tolist() == [0]
    with pytest.raises(DataError, match='line 2: frame 0, but frames count from 1; --first-frame'):
        read_gaze_csv(path)


def test_times(write):
    text = 'video,time_{},x,y\na,{},1,1\na,{},2,2\na,{},3,3\n'
    for unit, factor in (('s', 1), ('ms', 1000)):
        path = write(text.format(unit, 0, 0.29 * factor, 0.3 * factor))
        with pytest.raises(ConfigError, match='--fps'):
            fixation_points(only(path), SIZE)
        points, lost = fixation_points(only(path), SIZE, clock=100.0)
        assert [i for i, each in enumerate(points) if len(each)] == [0, 29, 30] and lost == 0


def test_what_is_not_on_the_video_is_left_out(write):
    rows = [(1, 0, 0), (1, 63.9, 35.9), (1, 64, 0), (1, -0.1, 0), (2, 0, 36), (3, 5, 5), (9, 1, 1)]
    gaze = only(write('video,frame,x,y\n' + ''.join(f'a,{f},{x},{y}\n' for f, x, y in rows)))
    points, lost = fixation_points(gaze, SIZE, frames=4)
    assert [each.tolist() for each in points] == [[[0, 0], [35, 63]], [], [[5, 5]], []]
    assert lost == 4
    with pytest.raises(DataError, match='none of its 7 samples lies on the video of 4 rows'):
        fixation_points(gaze, (4, 4), frames=0)


def test_letterboxed_on_a_screen():
    # 640 x 360 on 1440 x 900 is 810 pixels high: 45 above and below.
    corners = [(45, 0), (45 + 810, 1440), (450, 720), (0, 0)]
    found = to_video_pixels(corners, (360, 640), (900, 1440))
    assert found == pytest.approx(np.array([(0, 0), (360, 640), (180, 320), (-20, 0)]))
    # A tall video has its bars at the sides.
    found = to_video_pixels([(0, 350), (1000, 650)], (100, 30), (1000, 1000))
    assert found == pytest.approx(np.array([(0, 0), (100, 30)]))


def test_shares():
    found = to_video_pixels([(0.5, 0.25)], (360, 640), normalized=True)
    assert found.tolist() == [[180, 160]]
    found = to_video_pixels([(0.5, 0.5), (0.05, 0)], (360, 640), (900, 1440), normalized=True)
    assert found == pytest.approx(np.array([(180, 320), (0, 0)]))


@pytest.mark.parametrize(
    'text, message',
    [
        ('', 'line 1: expected video'),
        ('video,x,y\na,1,2\n', 'one of frame, time_s and time_ms'),
        ('video,time,x,y\na,1,2,3\n', 'found video, time, x, y'),
        ('video,frame,x,y\n', 'holds no gaze'),
        ('video,frame,x,y\na,1,2,3\na,1,2\n', 'line 3: expected 4 values as in the header'),
        ('video,frame,x,y\na,1,two,3\n', "line 2: x must be a number, got 'two'"),
        ('video,frame,x,y\n\na,1,2,3,5\n', 'line 3: expected 4 values as in the header, got 5'),
        ('video,frame,x,y\na,1,101,5,51,2\n', 'expected 4 values as in the header, got 6'),
        ('video,x,frame,x,y\na,2,1,2,3\n', "two columns for x: 'x' and 'x'"),
        ('video,frame,x,y,col\na,1,2,3,2\n', "two columns for x: 'x' and 'col'"),
        ('video,frame,x,row,Y \na,1,2,3,2\n', "two columns for y: 'Y' and 'row'"),
        ('video,video,frame,x,y\na,b,1,2,3\n', "two columns for video: 'video' and 'video'"),
        ('video,frame,x,y\na,1,"2,5",3\n', "x must be a number, got '2,5'"),
        ('video,frame,x,y\na,1,2,3\nvideo,frame,x,y\n', "line 3: y must be a number, got 'y'"),
        ('video,frame,x,y\na,1e300,2,3\n', "frame must be a whole number, got '1e300'"),
        ('video,frame,x,y\na,1,\0,3\n', 'line 2: holds a null byte; expected text in UTF-8'),
        ('video,frame,x,y\na,1,2,' + 10**6 * '3', 'line 2: has more than 100,000 characters'),
        ('video,frame,x,y\n"a,1,2,3\n' + 10**5 * 'a,1,2\n', 'field larger than field limit'),
        ('GazeX,RIGHT_GAZE_X\n', r'\(an export of eyelink\? --columns eyelink\)'),
        ('video,frame,x,y\na,1.5,2,3\n', "line 2: frame must be a whole number, got '1.5'"),
        ('video,frame,x,y\na,,2,3\n', 'line 2: frame must be a whole number'),
        ('video,time_s,x,y\na,,2,3\n', 'line 2: time_s must be a number'),
        ('video,frame,x,y\n,1,2,3\n', 'line 2: the video has no name'),
        ('video,frame,x,y\n..,1,2,3\n', "line 2: the video has no name, but '..'"),
        ('video,frame,x,y\na/..,1,2,3\n', "line 2: the video has no name, but 'a/..'"),
        ('video,frame,x,y\n.,1,2,3\n', "line 2: the video has no name, but '.'"),
    ],
)
def test_mistakes_are_named_with_their_line(write, text, message):
    path = write(text)
    with pytest.raises(DataError, match=message) as caught:
        read_gaze_csv(path)
    assert str(path) in str(caught.value)


def test_files_that_are_none(tmp_path):
    with pytest.raises(DataError, match='does not exist'):
        read_gaze_csv(tmp_path / 'no.csv')
    for content, message in (
        (b'\xff\xf0\x00\x9d' * 9, 'cannot be read as a CSV file .*utf-8'),
        (b'\xff\xfe\x00\x9d' * 9, 'line 1: expected video'),
        (b'\xff\xfev\x00\x00\xd8', 'cannot be read as a CSV file .*utf-16'),
        ('video,frame,x,y\na,1,2,3\n'.encode('utf-16-le'), 'line 1: holds a null byte'),
    ):
        (tmp_path / 'bytes.csv').write_bytes(content)
        with pytest.raises(DataError, match=message):
            read_gaze_csv(tmp_path / 'bytes.csv')
    with open(tmp_path / 'large.csv', 'wb') as file:
        file.truncate(2_000_000_000)
    os.mkfifo(tmp_path / 'pipe.csv')
    for path, message in (
        (tmp_path / 'large.csv', 'has 2.0 GB, expected at most 1.0 GB'),
        (tmp_path / 'pipe.csv', 'is a pipe'),
        ('/dev/zero', 'is a device'),
        (tmp_path, 'is a folder'),
    ):
        with pytest.raises(DataError, match=message):
            read_gaze_csv(path)

"""The films of Xu et al.: fixations with a start and a length, on every frame while they last."""

import numpy as np
import pytest
from make_video import SIZE
from PIL import Image
from trees import write_films

from salkit.cli import main
from salkit.datasets.published import dataset_at, find_ground_truth, get_published
from salkit.errors import DataError
from salkit.prepare import PrepareOptions, prepare
from salkit.prepare.fixations import density_map
from salkit.scoring import score
from salkit.testing import PublishedSuite

COLUMNS = SIZE[1]
# At 25 frames a second, a frame appears every 40 ms.
ROWS = [
    (0.0, 0.08, 5, 3, 1),
    (0.041, 0.2, 6, 3, 1),
    (0.08, 0.04, 20.9, 10.2, 2),
    (0.09, 0.01, 30, 20, 3),
    (0.2, 9.0, -1, 3, 2),
    (0.32, 9.0, 7, 8, 2),
]
ON_FRAMES = [
    [(3, 5)],
    [(3, 5)],
    [(3, 6), (10, 20), (20, 30)],
    *[[(3, 6)]] * 4,
    [],
    *[[(8, 7)]] * 2,
]


class TestXuVideo(PublishedSuite):
    part = get_published('xu-video')

    def write_files(self, folder):
        write_films(folder, dict(Couple=ROWS, Male=ROWS[:3]))


@pytest.mark.parametrize('keep', [False, True])
def test_fixations_are_on_every_frame_while_they_last(tmp_path, keep):
    root, out = write_films(tmp_path / 'xu', dict(Couple=ROWS)), tmp_path / 'out'
    report = prepare('xu-video', root, out, PrepareOptions(workers=1, keep_video=keep))
    folder = out / 'test' / 'Couple'
    assert (folder / 'images').is_dir() != keep
    (truth,) = find_ground_truth(root).videos
    for index, points in enumerate(ON_FRAMES):
        fixated = np.asarray(Image.open(folder / 'fixation' / f'{index + 1:04d}.png'))
        assert [*map(tuple, np.argwhere(fixated).tolist())] == sorted(points)
        expected = density_map(np.array(points).reshape(-1, 2), SIZE, sigma_px=0.045 * COLUMNS)
        made = np.asarray(Image.open(folder / 'maps' / f'{index + 1:04d}.png'))
        assert np.abs(made - 255 * expected).max() <= 0.5
        (frame,) = truth.read([index], ('density', 'fixations'))
        assert np.allclose(frame.density, expected) and frame.size == SIZE
        assert sorted(map(tuple, frame.points.tolist())) == sorted(points)
    lines = '\n'.join(report.lines())
    assert 'test: 1 prepared; 1 videos, 10 frames; published: 33 videos' in lines
    assert 'note: test/Couple: 1 of 6 fixations are not on the video and were left out' in lines
    rows = (out / 'observers.csv').read_text().splitlines()
    assert rows[:4] == [
        'video,frame,observer,row,col',
        *('Couple,0001,1,3,5', 'Couple,0002,1,3,5', 'Couple,0003,1,3,6'),
    ]


def test_scores_of_the_tree_as_published_and_prepared(tmp_path):
    root = write_films(tmp_path / 'xu', dict(Couple=ROWS, Male=ROWS[:2]))
    assert dataset_at(root).name == 'xu-video'
    out = tmp_path / 'out'
    prepare('xu-video', root, out, PrepareOptions(workers=1, map_bits=16))
    predictions = tmp_path / 'center'
    argv = ['--dataset-root', str(out), '--out', str(predictions)]
    assert main(['baseline', 'center', *argv]) == 0
    raw, made = (score(predictions, truth, workers=1) for truth in (root, out))
    assert raw.frames == made.frames == 20 and raw.frames_without_fixations == 4
    # The densities that are written have 16 bits.
    assert raw.scores == pytest.approx(made.scores, abs=2e-4)


def test_films_and_fixations_that_are_missing(tmp_path):
    root = write_films(tmp_path / 'xu', dict(Couple=ROWS, Male=ROWS, Simo=[]))
    (root / 'videos' / 'Male.avi').unlink()
    report = prepare('xu-video', root, tmp_path / 'out', PrepareOptions(workers=1))
    lines = '\n'.join(report.lines())
    assert 'left out, no video: 1 video(s): Male' in lines
    assert 'left out, no annotation, part of test: 1 video(s): Simo' in lines


@pytest.mark.parametrize(
    ('row', 'message'),
    [
        ('Couple,0.1,,3,3,1', "line 2: duration_s must be a number from 0, got ''"),
        ('Couple,0.1,nan,3,3,1', "line 2: duration_s must be a number from 0, got 'nan'"),
        ('Couple,0.1,-0.2,3,3,1', "line 2: duration_s must be a number from 0, got '-0.2'"),
        ('Couple,,0.2,3,3,1', "line 2: time_s must be a number, got ''"),
        ('Couple,0.1,0.2,,3,1', 'line 2: expected the time, the duration and the place'),
        ('Couple,0.1,0.2,3,x,1', "line 2: y must be a number, got 'x'"),
        ('Couple,0.1,0.2,3', 'line 2: expected 6 values as in the header, got 4'),
    ],
)
def test_rows_that_are_no_fixation(tmp_path, row, message):
    root = write_films(tmp_path / 'xu', dict(Couple=[]))
    with open(root / 'fixations.csv', 'a') as file:
        file.write(row + '\n')
    with pytest.raises(DataError, match=message):
        get_published('xu-video').find_videos(root)


def test_a_list_of_another_layout(tmp_path):
    root = write_films(tmp_path / 'xu', dict(Couple=[]))
    (root / 'fixations.csv').write_text('video,time_s,x,y\nCouple,1,2,3\n')
    with pytest.raises(DataError, match='with time_s and duration_s and observer; found video'):
        get_published('xu-video').find_videos(root)


def test_the_published_films(sample_gaze):
    root = sample_gaze / 'xu_video'
    videos = get_published('xu-video').find_videos(root)
    assert len(videos) == 18 and all(v.has_stimulus and v.is_annotated for v in videos)
    film = next(video for video in videos if video.name == 'BasketballDrill').truth()
    assert film.shown.size == (480, 832) and len(film.frames) == 500
    # Observer 1 looked at row 203, column 375 from 0.003 to 0.616 s.
    lists = film.read_lists()
    on = [i for i in range(60) if [203, 375] in lists.at(i, ()).tolist()]
    assert on == list(range(1, 31))

"""`salkit regions`: what it writes, and what it refuses."""

import csv
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from make_video import encode_video
from tiny_model import write_tiny_model

import salkit
from salkit.cli import main
from salkit.inference import SaliencyPredictor, open_stimulus
from salkit.inference.regions import Regions
from salkit.inference.regions.files import files_of


@pytest.fixture(scope='module')
def tiny(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp('tiny'))


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp('sources') / 'clip.mp4'
    encode_video(path, 12, audio=True, fps=10)
    return path


@pytest.fixture
def regions(tiny, tmp_path, monkeypatch, capsys):
    """Run the command in a folder of its own; gives status, stdout and the lines of stderr."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'r.csv').write_text('name,x,y,width,height\nleft,0,0,20,30\nright,20,0,20,30\n')

    def regions(*args, model=('--model', str(tiny[0]), '--checkpoint', str(tiny[1]))):
        status = main(['regions', *map(str, args), '--regions', 'r.csv', '--out', 'out', *model])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return regions


def rows_of(path):
    with open(path, newline='', encoding='utf-8') as file:
        return list(csv.DictReader(file))


def test_everything_is_written_with_gaze_and_overlay(regions, clip, tiny, tmp_path):
    gaze = [
        f'clip,{0.1 * at:.1f},0.1,{5 + 20 * (at > 5)},5,{who}' for at in range(12) for who in 'ab'
    ]
    (tmp_path / 'gaze.csv').write_text('\n'.join(['video,time_s,duration_s,x,y,observer', *gaze]))
    status, out, _ = regions(clip, '--overlay', '--gaze', 'gaze.csv', '--json', 'all.json')
    assert status == 0
    assert 'written: out/clip_regions.csv, .json, .png, _gaze.csv, .mp4\n' in out
    left = out.splitlines()[-3].split()
    assert [*left[:4], left[-2]] == ['left', '1', '50.0', '%', '0.0']
    names = sorted(path.name for path in (tmp_path / 'out').iterdir())
    assert names == [f'clip_regions{end}' for end in ('.csv', '.json', '.mp4', '.png', '_gaze.csv')]
    rows = rows_of('out/clip_regions.csv')
    maps = SaliencyPredictor(*tiny).predict(clip)
    saliency_map = maps[7]
    expected = saliency_map[:30, :20].sum() / saliency_map.sum()
    assert len(rows) == 24 and float(rows[14]['share']) == pytest.approx(expected, abs=1e-5)
    content = json.loads((tmp_path / 'out' / 'clip_regions.json').read_text())
    assert [each['region'] for each in content['regions']] == ['left', 'right']
    assert content['regions'][0]['gaze'] == pytest.approx(0.5)
    assert content['about']['video'].startswith('clip.mp4 (sha256 ')
    assert '(sha256 ' in content['about']['model']['weights']
    assert json.loads((tmp_path / 'all.json').read_text()) == [content]
    assert [row['gaze'] for row in rows_of('out/clip_regions_gaze.csv')[:4]] == [
        '1',
        '0',
        '0.2',
        '0.8',
    ]
    assert cv2.imread('out/clip_regions.png').shape[1] > 500
    overlay = open_stimulus(tmp_path / 'out' / 'clip_regions.mp4')
    assert overlay.size == open_stimulus(clip).size and len(overlay) == 12
    in_python = maps.regions('r.csv', 'gaze.csv')
    assert in_python.records()[0]['share'] == pytest.approx(content['regions'][0]['share'])


def test_what_fails_does_not_stop_the_others(regions, clip, tmp_path):
    (tmp_path / 'bad.mp4').write_bytes(b'no video')
    status, _, errors = regions('bad.mp4', clip)
    assert status == 2 and 'failed: bad.mp4' in errors
    assert (tmp_path / 'out' / 'clip_regions.json').is_file()


def test_what_is_finished_is_not_done_again(regions, clip, tmp_path):
    (tmp_path / 'gaze.csv').write_text('video,frame,x,y\nclip,1,5,5\n')
    everything = clip, '--overlay', '--gaze', 'gaze.csv'
    assert regions(*everything)[0] == 0
    report = tmp_path / 'out' / 'clip_regions.json'
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / 'out').iterdir()}
    for args in (everything, everything[:1] + everything[2:]):
        status, out, errors = regions(*args, '--json', 'all.json')
        assert status == 0 and not out and 'finished before: ' in errors
        assert made == {path: path.stat().st_mtime_ns for path in (tmp_path / 'out').iterdir()}
    assert json.loads((tmp_path / 'all.json').read_text()) == [json.loads(report.read_text())]
    assert regions(*everything, '--force')[1]
    # With other settings, nothing of the earlier run is left beside the new outputs.
    assert regions(clip)[1]
    names = sorted(path.name for path in (tmp_path / 'out').iterdir())
    assert names == [f'clip_regions{end}' for end in ('.csv', '.json', '.png')]
    (tmp_path / 'r.csv').write_text('name,x,y,width,height\nleft,0,0,10,30\n')
    assert regions(clip)[1] and [
        each['region'] for each in json.loads(report.read_text())['regions']
    ] == ['left']


def test_what_was_not_made_by_it_is_left_alone(regions, clip, tmp_path):
    (tmp_path / 'out').mkdir()
    mine = tmp_path / 'out' / 'clip_regions.csv'
    mine.write_text('mine')
    status, _, errors = regions(clip)
    assert status == 2 and 'was not made by salkit regions' in errors
    assert mine.read_text() == 'mine' and len(list((tmp_path / 'out').iterdir())) == 1


def test_masks_beside_the_file_count_for_what_is_finished(tmp_path):
    (tmp_path / 'r.json').write_text('{"regions": [{"name": "a", "mask": "m.png"}]}')
    assert files_of(tmp_path / 'r.json') == [tmp_path / 'r.json', tmp_path / 'm.png']
    (tmp_path / 'c.json').write_text('{"annotations": [], "regions": 5}')
    assert files_of(tmp_path / 'c.json') == [tmp_path / 'c.json']
    assert files_of(tmp_path / 'r.csv') == [tmp_path / 'r.csv']


def test_gaze_on_one_of_several_videos(regions, clip, tmp_path):
    encode_video(tmp_path / 'videos' / 'other.mp4', 3, fps=10)
    (tmp_path / 'gaze.csv').write_text('video,frame,x,y\nother,1,5,5\n')
    status, out, _ = regions(clip, 'videos', '--gaze', 'gaze.csv')
    assert status == 0 and 'note: gaze.csv holds no gaze on this video' in out
    assert (tmp_path / 'out' / 'other_regions_gaze.csv').is_file()
    # Of one video alone, that is an error.
    status, _, errors = regions(clip, '--gaze', 'gaze.csv')
    assert status == 2 and 'holds no gaze on clip, but on other' in errors


def test_maps_that_are_there_need_no_model(regions, clip, tmp_path):
    rows, columns = open_stimulus(clip).size
    maps = np.zeros((12, rows, columns), np.uint8)
    maps[:, :30, :20] = 3
    maps[:, :30, 20:40] = 1
    np.savez(tmp_path / 'maps.npz', saliency_map=maps)
    status, _, _ = regions(clip, '--maps', 'maps.npz', '--overlay', model=())
    assert status == 0
    shares = [float(row['share']) for row in rows_of('out/clip_regions.csv')[:2]]
    assert shares == [0.75, 0.25]
    assert regions(clip, '--maps', 'maps.npz', '--overlay', '--emphasis', 2, model=())[0] == 0
    shares = [float(row['share']) for row in rows_of('out/clip_regions.csv')[:2]]
    assert shares == [0.9, 0.1] and (tmp_path / 'out' / 'clip_regions.mp4').is_file()


@pytest.mark.parametrize(
    'args, message',
    [
        (('--screen', '800x600'), '--screen goes with --gaze'),
        (('--gaze', 'none.csv'), 'none.csv: the file does not exist'),
        (('--maps', 'none.npz'), '--model is for predicting'),
        (('--start', 'soon'), '--start must be seconds'),
        (('--emphasis', '0'), 'error: --emphasis must be 0.1 to 10, got 0'),
    ],
)
def test_arguments_that_do_not_fit(regions, clip, tmp_path, args, message):
    status, _, errors = regions(clip, *args)
    assert status == 2 and errors.splitlines()[-1].startswith('salkit regions: error: ')
    assert message in errors.splitlines()[-1]
    assert not list((tmp_path / 'out').glob('*'))


def test_regions_outside_of_the_frame_are_said_before_the_model_runs(regions, clip, tmp_path):
    (tmp_path / 'r.csv').write_text('name,x,y,width,height\nfar,9000,0,20,30\n')
    status, _, errors = regions(clip)
    assert status == 2 and 'r.csv: far: lies outside of the frame: x 9000 to 9020' in errors


PAGE = Path(salkit.__file__).parents[1] / 'docs' / 'regions.md'


@pytest.mark.skipif(not PAGE.is_file(), reason='the tests run without a checkout')
def test_the_files_of_the_page_are_read(tmp_path):
    # Its commands are run with those of all pages.
    fenced = re.findall(
        r'^```(?:text|json)\n(.*?)^```$', PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    files = [text for text in fenced if text.startswith(('name,', '{'))]
    assert len(files) >= 3
    for text in files[:3]:
        path = tmp_path / ('regions.json' if text.startswith('{') else 'regions.csv')
        path.write_text(text)
        assert Regions.from_file(path)

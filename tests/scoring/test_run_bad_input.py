import re
import shutil

import numpy as np
import pytest
from PIL import Image
from score_data import SIZE, predicted, write_predictions, write_set, write_video

from salkit.cli import main
from salkit.datasets.transforms import LoadTargets
from salkit.errors import ConfigError, DataError
from salkit.metrics import protocol_names
from salkit.scoring import score, score_protocols


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv('SALKIT_CACHE', str(tmp_path_factory.mktemp('cache')))


@pytest.fixture
def data(tmp_path):
    return write_set(tmp_path)


def run(data, *options, status=2):
    assert main(['score', *map(str, data), '--workers', '1', *options]) == status


def error_of(data, capsys, *options):
    """The one line that a bad input gives."""
    run(data, *options)
    lines = capsys.readouterr().err.strip().splitlines()
    line = next(line for line in lines if ' error: ' in line)
    assert lines[-1] == line
    return line


def save(values, path):
    Image.fromarray(values).save(path)


def test_colour_prediction(data, capsys):
    path = data[0] / '0602' / '0003.png'
    image = np.zeros((*SIZE, 3), np.uint8)
    image[..., 0] = 200
    save(image, path)
    assert f'{path}: expected a grey map, got colours' in error_of(data, capsys)


@pytest.mark.parametrize('protocol', protocol_names())
def test_log_densities_are_no_predictions(data, capsys, protocol):
    path = data[0] / '0602' / '0003.npy'
    density = np.array(Image.open(path.with_suffix('.png'))) / np.float32(255)
    path.with_suffix('.png').unlink()
    # Of both signs, such as what a sigmoid would be given.
    np.save(path, density - 0.5)
    run(data, '--protocol', protocol, status=0)
    capsys.readouterr()
    with np.errstate(divide='ignore'):
        log_density = np.log(density - density.min())
    for values in (log_density, np.maximum(log_density, -9)):
        np.save(path, values)
        line = error_of(data, capsys, '--protocol', protocol)
        assert re.search(rf'{path}: expected a saliency map, got values from -\S+ to', line)
        assert line.endswith('none above 0; it looks like a log density: store exp of it')


@pytest.mark.parametrize('part', ['maps', 'fixation'])
def test_ground_truth_with_a_palette_is_no_other(data, part):
    expected = score(*data, workers=1).scores
    for path in data[1].glob(f'val/*/{part}/*.png'):
        # Black has the last index.
        image = Image.fromarray(255 - np.array(Image.open(path)))
        image.putpalette([255 - level for level in range(256) for _ in 'rgb'])
        image.save(path)
    assert score(*data, workers=1).scores == expected


def color_mapped(values):
    indexed = Image.fromarray(values)
    indexed.putpalette([level for i in range(256) for level in (i, abs(2 * i - 255), 255 - i)])
    return indexed


@pytest.mark.parametrize(
    ('part', 'suffix', 'change', 'told'),
    [
        ('maps', '.png', color_mapped, 'expected a grey map, got colours'),
        ('maps', '.jpg', lambda v: color_mapped(v).convert('RGB'), 'a grey map, got colours'),
        ('maps', '.tif', lambda v: Image.fromarray(v / np.float32(-255)), 'if it is a logarithm'),
        ('fixation', '.png', color_mapped, 'expected a grey map, got colours'),
        ('fixation', '.jpg', Image.fromarray, 'JPEG and WebP blur|as PNG'),
    ],
)
def test_every_door_refuses_the_same_files(data, capsys, tmp_path, part, suffix, change, told):
    for video in (data[1] / 'val').iterdir():
        shutil.copytree(video / 'maps', video / 'images')
    video = data[1] / 'val' / '0602'
    path = video / part / '0003.png'
    values = np.array(Image.open(path))
    path.unlink()
    path = path.with_suffix(suffix)
    change(values).save(path)
    keys = dict(maps='density_path', fixation='fixation_path')
    with pytest.raises(DataError, match=rf'{path}: .*({told})'):
        LoadTargets().transform({keys[part]: str(path), 'size': SIZE})
    assert re.search(rf'{path}: .*({told})', error_of(data, capsys))
    reads = {
        'maps': ['baseline', 'mean', '--dataset-root', str(data[1]), '--split', 'val'],
        'fixation': ['density', str(data[1]), '--sigma-px', '4'],
    }
    assert main([*reads[part], '--out', str(tmp_path / 'out')]) == 2
    assert re.search(rf'{path}: .*({told})', capsys.readouterr().err)
    assert main(['check', str(video)]) == 1
    assert re.search(rf'{path.name}: .*({told})', capsys.readouterr().out)


def test_ground_truth_that_changed_in_its_file(data, capsys):
    video = data[1] / 'val' / '0602'
    points = np.zeros(SIZE, np.uint8)
    points[5, 7] = 255
    save(points, video / 'fixation' / '0003.jpg')
    (video / 'fixation' / '0003.png').unlink()
    assert '0003.jpg: expected a fixation map of two levels' in error_of(data, capsys)
    (video / 'fixation' / '0003.jpg').unlink()
    save(points, video / 'fixation' / '0003.png')
    save(np.full(SIZE, -1, np.float32), video / 'maps' / '0003.tif')
    (video / 'maps' / '0003.png').unlink()
    assert '0003.tif: expected a density of at least 0, got -1' in error_of(data, capsys)


def test_unreadable_png(data, capsys):
    path = data[0] / '0602' / '0003.png'
    path.write_bytes(path.read_bytes()[:99])
    assert f'{path}: cannot be read as an image' in error_of(data, capsys)


def test_unreadable_png_in_a_worker(data, capsys):
    path = data[0] / '0602' / '0003.png'
    path.write_bytes(b'')
    assert main(['score', *map(str, data), '--workers', '2']) == 2
    assert f'{path}: cannot be read as an image' in capsys.readouterr().err


def test_empty_folder(data, capsys, tmp_path):
    (tmp_path / 'empty').mkdir()
    line = error_of((tmp_path / 'empty', data[1]), capsys)
    assert f'{tmp_path / "empty"}: holds no predictions; expected' in line


def test_transposed_prediction(data, capsys):
    path = data[0] / '0601' / '0001.png'
    save(np.array(Image.open(path)).T.copy(), path)
    line = error_of(data, capsys)
    assert f'{path}: expected 24 rows and 32 columns as its frame has, got 32 rows' in line


def test_another_shape_is_stretched_with_a_warning(data):
    for path in data[0].glob('*/*.png'):
        image = Image.open(path)
        save(np.array(image.resize((24, 24))), path)
    scoring = score_protocols(*data, ['exact'], workers=1)
    assert scoring.plans['exact'].warnings == [
        '18 maps of 24 x 24 for frames of 24 x 32: another shape; each is stretched over its '
        'whole frame'
    ]
    assert scoring.reports['exact'].scores['CC'] > 0.5


def test_half_the_size_is_resized_without_a_word(data):
    for path in data[0].glob('*/*.png'):
        save(np.array(Image.open(path).resize((16, 12))), path)
    assert score_protocols(*data, ['exact'], workers=1).plans['exact'].warnings == []


def test_missing_frames(data, capsys):
    for frame in (2, 5):
        (data[0] / '0602' / f'{frame:04d}.png').unlink()
    line = error_of(data, capsys)
    assert 'no prediction for 2 frame(s): 0602/0002, 0602/0005' in line
    assert '--allow-missing' in line
    run(data, '--allow-missing', status=0)
    out = capsys.readouterr().out
    assert 'INCOMPLETE: no prediction for 2 frame(s)' in out and '16 frames' in out


def test_missing_videos(data, capsys, tmp_path):
    shutil.rmtree(data[0] / '0601')
    shutil.rmtree(data[0] / '0603')
    (data[0] / '0603').mkdir()
    assert 'no predictions for 2 video(s): 0601, 0603' in error_of(data, capsys)
    scoring = score_protocols(*data, ['exact'], allow_missing=True, workers=1)
    assert scoring.to_json()['missing']['videos'] == ['0601', '0603']
    assert scoring.reports['exact'].frames_per_video == {'0602': 6}


def test_what_is_missing_does_not_change_the_rest(data):
    whole = score(*data, workers=1)
    shutil.rmtree(data[0] / '0601')
    part = score(*data, workers=1, allow_missing=True)
    assert part.per_video == {v: whole.per_video[v] for v in ('0602', '0603')}


def test_missing_ground_truth(data, capsys):
    (data[1] / 'val' / '0602' / 'fixation' / '0004.png').unlink()
    line = error_of(data, capsys)
    assert 'no ground truth for 1 frame(s): 0602/0004: fixation map' in line
    assert score(*data, metrics=['CC'], workers=1).frames == 18
    assert score(*data, allow_missing=True, workers=1).frames == 17


def test_one_file_for_scores_and_table(data, tmp_path):
    out = tmp_path / 'scores.json'
    with pytest.raises(ConfigError, match='is named for the scores and for the table'):
        score(*data, out=out, csv=str(out), workers=1)
    assert not out.exists()


def test_more_frames_than_ground_truth(data):
    write_predictions(data[0] / '0602', predicted(2), first=7)
    scoring = score_protocols(*data, ['exact'], workers=1)
    (line,) = scoring.plans['exact'].warnings
    assert line.startswith('0602: 2 of 8 predicted frames have no ground truth')
    assert line.endswith('0007.png first') and scoring.reports['exact'].frames == 18


def test_videos_without_ground_truth(data):
    write_predictions(data[0] / '0701', predicted())
    assert score_protocols(*data, ['exact'], workers=1).plans['exact'].warnings == [
        '1 predicted video(s) have no ground truth in this split: 0701'
    ]


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_maps_that_are_not_finite(data, capsys, value):
    for seed, video in enumerate(('0601', '0602', '0603')):
        shutil.rmtree(data[0] / video)
        maps = predicted(seed=seed).astype(np.float32)
        maps[3, 2, 2] = value if video == '0602' else 0
        np.save(data[0] / f'{video}.npy', maps)
    assert 'NaN or infinite values in 1 prediction(s): 0602/0004' in error_of(data, capsys)
    scoring = score_protocols(*data, ['exact'], allow_missing=True, workers=1)
    assert scoring.plans['exact'].missing.not_finite == ['0602/0004']
    assert scoring.reports['exact'].frames == 17


def test_constant_maps_and_frames_without_fixations_are_counted(data):
    save(np.full(SIZE, 7, np.uint8), data[0] / '0601' / '0001.png')
    save(np.zeros(SIZE, np.uint8), data[1] / 'val' / '0603' / 'fixation' / '0002.png')
    report = score(*data, workers=1)
    assert (report.constant_maps, report.frames_without_fixations) == (1, 1)
    assert report.undefined['CC'] == 1 and 'undefined on 1 frames' in report.headline


def test_shortened_video(data, capsys):
    for seed, video in enumerate(('0601', '0602', '0603')):
        shutil.rmtree(data[0] / video)
        write_video(data[0] / f'{video}.mkv', predicted(6 - seed, seed=seed))
    line = error_of(data, capsys)
    assert 'no prediction for 3 frame(s): 0602/0006, 0603/0005, 0603/0006' in line


def test_names_that_sort_differently_and_more_than_999(tmp_path):
    pred, truth = write_set(tmp_path, videos=('1', '2'), frames=1003, size=(16, 24), name='{}')
    expected = score(pred, truth, 'dhf1k-matlab', metrics=['NSS'])
    assert expected.frames == 2006
    for path in list(pred.glob('*/*.png')):
        path.rename(path.with_name(f'{int(path.stem):03d}.png'))
    found = score(pred, truth, 'dhf1k-matlab', metrics=['NSS'])
    assert found.per_video == expected.per_video and found.scores['NSS'] > 1


def test_wrong_arguments(data, capsys):
    assert "unknown protocol 'exakt'; did you mean exact?" in error_of(
        data, capsys, '--protocol', 'exakt'
    )
    assert "no metric 'XX'" in error_of(data, capsys, '--metrics', 'CC,XX')
    assert 'no protocol to score under' in error_of(data, capsys, '--protocol', ',')
    with pytest.raises(Exception, match='workers must be at least 1, got 0'):
        score(*data, workers=0)


def test_a_broken_link(data):
    path = data[0] / '0602' / '0003.png'
    path.unlink()
    path.symlink_to('nowhere.png')
    with pytest.raises(DataError, match=r'0003\.png: the file does not exist'):
        score(*data, workers=1)

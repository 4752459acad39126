"""`salkit predict`: what it writes, goes on with, refuses and survives."""

import json
import multiprocessing
import os
import re
import resource
import shutil
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from make_data import write_video
from make_video import encode_audio, encode_video, frame_number, numbered_frame, truncate
from PIL import Image
from tiny_model import write_tiny_model

import salkit
from salkit.checkpoints import read_checkpoint, write_checkpoint
from salkit.checkpoints.checkpoint import read_plain_config
from salkit.checkpoints.convert import convert
from salkit.checkpoints.shipped import shipped_about
from salkit.cli import main
from salkit.cli.predict import seconds_of
from salkit.config.load import load_config
from salkit.datasets.predictions import find_predictions
from salkit.engine.runner import model_entry
from salkit.errors import CheckpointError, ConfigError
from salkit.inference import SaliencyPredictor, open_stimulus
from salkit.inference.batch import one_input
from salkit.media.map_stacks import open_stack


@pytest.fixture(scope='module')
def tiny(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp('tiny'))


@pytest.fixture(scope='module')
def sources(tmp_path_factory):
    """Videos and a data set, to be left as they are."""
    root = tmp_path_factory.mktemp('sources')
    encode_video(root / 'videos' / 'clip.mp4', 10, audio=True, bframes=2, fps=10)
    encode_video(root / 'videos' / 'other.mkv', 5)
    for name, frames in (('0701', 6), ('0702', 4)):
        write_video(root / 'set' / 'test' / name, frames, (48, 80), seed=frames)
    return root


@pytest.fixture
def predict(tiny, tmp_path, monkeypatch, capsys):
    """Run the command in a folder of its own; gives status, stdout and stderr lines."""
    monkeypatch.chdir(tmp_path)
    opened = {}

    def open_model(*args, **options):
        # Loading it takes longer than all else.
        key = json.dumps([str(args[1]), options], default=str)
        opened[key] = opened.get(key) or SaliencyPredictor(*args, **options)
        return opened[key]

    monkeypatch.setattr('salkit.inference.predictor.SaliencyPredictor', open_model)

    def run(*argv, out='out', model=True):
        chosen = ['--model', tiny[0], '--checkpoint', tiny[1]] if model else []
        folder = ['--out', str(out)] if out else []
        status = main(['predict', *map(str, argv), *folder, *map(str, chosen)])
        printed = capsys.readouterr()
        lines = re.split(r'[\r\n]+', printed.err)
        told = [line.strip() for line in lines if line.strip() and 'frames/s' not in line]
        return status, printed.out, told

    return run


def files(folder='out'):
    """All files below a folder, hidden ones too, folder by folder."""
    found = [p.relative_to(folder) for p in Path(folder).rglob('*') if p.is_file()]
    return [str(p) for p in sorted(found, key=lambda p: (-len(p.parts), str(p)))]


def stamps(folder='out'):
    return {name: (Path(folder) / name).stat().st_mtime_ns for name in files(folder)}


def maps_of(path):
    stack = open_stack(Path(path))
    return list(stack.read(range(len(stack))))


# Outputs ---------------------------------------------------------------------------------------


def test_maps_of_a_video_as_pictures(predict, sources, tiny):
    status, out, told = predict(sources / 'videos' / 'clip.mp4')
    assert status == 0 and out.startswith('1 predicted: 10 frames in ') and not told
    assert files() == [*(f'clip/{i:04d}.png' for i in range(1, 11)), 'clip.json']
    expected = SaliencyPredictor(*tiny).predict(sources / 'videos' / 'clip.mp4')
    for values, saliency_map in zip(maps_of('out/clip'), expected, strict=True):
        assert np.array_equal(values, np.rint(saliency_map * 255))


def test_without_out_outputs_go_to_a_folder_named_after_the_input(predict, sources):
    clip, other = sources / 'videos' / 'clip.mp4', sources / 'videos' / 'other.mkv'
    status, out, _ = predict(clip, '--format', 'npz', out=None)
    assert status == 0 and out.endswith('; in clip_saliency\n')
    assert files('.') == ['clip_saliency/clip.json', 'clip_saliency/clip.npz']
    # The same command goes on there; a folder keeps its whole name, several share one.
    assert predict(clip, '--format', 'npz', out=None)[1] == '1 finished before; in clip_saliency\n'
    assert predict(sources / 'videos', '--format', 'npz', out=None)[0] == 0
    assert predict(clip, other, '--format', 'npz', out=None)[0] == 0
    assert sorted(path.name for path in Path().iterdir()) == [
        'clip_saliency',
        'saliency',
        'videos_saliency',
    ]
    # Nothing is made for what is not there.
    assert predict('gone.mp4', out=None)[0] == 2 and not Path('gone_saliency').exists()


def test_every_format_and_an_overlay_from_one_run_of_the_model(predict, sources, monkeypatch):
    from salkit.inference.backends.torch import TorchBackend

    shown, run = [], TorchBackend.predict
    monkeypatch.setattr(
        TorchBackend, 'predict', lambda self, w: (shown.append(len(w)), run(self, w))[1]
    )
    formats = 'npz,png,png16,mp4'
    status, _, told = predict(sources / 'videos', '--format', formats, '--overlay', '--contours')
    assert status == 0 and not told and sum(shown) == 15
    maps = np.load('out/npz/clip.npz')['saliency_map']
    assert maps.shape == (10, 48, 80)
    for folder, white, tolerance in (
        ('png/clip', 255, 0),
        ('png16/clip', 65535, 0),
        ('mp4/clip.mp4', 255, 3),
    ):
        for values, saliency_map in zip(maps_of(f'out/{folder}'), maps, strict=True):
            assert np.abs(values - np.rint(saliency_map * white)).max() <= tolerance
    record = json.loads(Path('out/clip.json').read_text())
    assert record['frames'] == 10 and record['fps'] == 10 and record['size'] == [48, 80]
    assert record['names'][-1] == '0010' and record['salkit_version'] == salkit.__version__
    assert record['seconds'] > 0 and len(record['outputs']) == 5
    with av.open('out/clip_overlay.mp4') as video, av.open('out/other_overlay.mp4') as mute:
        assert len(video.streams.audio) == 1 and not mute.streams.audio
    assert len(open_stimulus('out/clip_overlay.mp4')) == 10


def test_a_data_set_scores_and_shows_its_ground_truth(predict, sources):
    test = sources / 'set' / 'test'
    status, _, told = predict(test, '--fixations', '--side-by-side', '--format', 'npz')
    assert status == 0 and not told
    assert salkit.score('out', sources / 'set', 'exact').frames == 10
    assert open_stimulus('out/0701_overlay.mp4').size[1] > 160
    # Two dots a frame are drawn as they are in Python.
    status, *_ = predict(test / '0701', '--fixations', '--format', 'none', out='dots')
    plain, *_ = predict(test / '0701', '--overlay', '--format', 'none', out='plain')
    assert status == plain == 0 and files('dots') == ['0701.json', '0701_overlay.mp4']
    with_dots, without = (
        open_stimulus(f'{folder}/0701_overlay.mp4').read(3) for folder in ('dots', 'plain')
    )
    places = np.abs(with_dots.astype(int) - without).sum(2) > 300
    rows, columns = np.nonzero(places)
    fixations = np.argwhere(cv2.imread(str(test / '0701' / 'fixation' / '0004.png'), 0))
    assert np.abs([rows.mean(), columns.mean()] - fixations.mean(0)).max() < 2


@pytest.mark.parametrize(
    'formats', ['npz', 'png', 'png16', 'mp4', 'npz,png16,png,mp4', 'png,mp4', 'dhf1k', 'mp4,dhf1k']
)
@pytest.mark.parametrize('videos', [['0701'], ['0701', '0702']])
def test_what_is_predicted_can_be_scored(predict, sources, formats, videos):
    test = sources / 'set' / 'test'
    inputs = [test / video for video in videos]
    status, _, told = predict(*inputs, '--overlay', '--format', formats)
    assert status == 0 and not [line for line in told if 'failed' in line]
    names = formats.split(',')
    roots = ['out', *(f'out/{name}' for name in names if len(names) > 1)]
    found = {root: find_predictions(root) for root in roots}
    for root, stacks in found.items():
        lengths = {name: len(stack) for name, stack in stacks.items()}
        assert lengths == {
            video: len(list((test / video / 'images').iterdir())) for video in videos
        }
        assert root != 'out' or len(names) == 1 or names[0] in str(stacks[videos[0]].path)


def test_ground_truth_that_is_asked_for_must_be_there(predict, sources, tmp_path):
    clip = sources / 'videos' / 'clip.mp4'
    status, _, told = predict(clip, sources / 'set' / 'test' / '0701', '--fixations')
    assert status == 2 and 'has no ground truth in' in told[0]
    assert files() and not [name for name in files() if 'clip' in name]
    short = shutil.copytree(sources / 'set' / 'test' / '0701', tmp_path / 'short')
    (short / 'fixation' / '0003.png').unlink()
    status, _, told = predict(short, '--fixations', out='few')
    assert status == 2 and '5 maps of ground truth, expected 6' in told[0] and files('few') == []
    for part in ('maps', 'fixation'):
        shutil.copytree(sources / 'set' / 'test' / '0701' / part, tmp_path / 'truth/clip' / part)
    status, _, told = predict(clip, '--fixations', '--truth', 'truth', out='few')
    assert status == 2 and '6 maps of ground truth, expected 10' in told[0]
    for number in range(7, 11):
        for part in ('maps', 'fixation'):
            folder = tmp_path / 'truth' / 'clip' / part
            shutil.copy(folder / '0001.png', folder / f'{number:04d}.png')
    status, *_ = predict(clip, '--fixations', '--truth', 'truth', '--side-by-side', out='many')
    assert status == 0 and open_stimulus('many/clip_overlay.mp4').size[1] > 2 * 80
    shutil.rmtree(tmp_path / 'truth/clip/fixation')
    status, _, told = predict(clip, '--fixations', '--truth', 'truth', out='none')
    assert status == 2 and 'has no ground truth in truth/clip/fixation' in told[0]


def test_a_picture_gives_a_picture(predict, tmp_path):
    Image.fromarray(numbered_frame(3)).save(tmp_path / 'photo.jpg')
    assert predict('photo.jpg', '--overlay')[0] == 0
    assert files() == ['photo/photo.png', 'photo.json', 'photo_overlay.png']
    assert cv2.imread('out/photo_overlay.png').shape == (48, 80, 3)


def test_a_part_of_a_video_at_another_rate(predict, sources):
    clip = sources / 'videos' / 'clip.mp4'
    assert predict(clip, '--start', '0:00.3', '--end', '0.7', '--overlay')[0] == 0
    assert files()[:4] == [f'clip/000{i}.png' for i in (4, 5, 6, 7)]
    with av.open('out/clip_overlay.mp4') as video:
        assert video.streams.audio[0].duration * video.streams.audio[0].time_base < 0.9
    assert predict(clip, '--fps', '5', '--format', 'npz', out='slow')[0] == 0
    assert len(np.load('slow/clip.npz')['saliency_map']) == 5
    status, _, told = predict(clip, '--start', '60', out='late')
    assert status == 2 and 'no frame to predict' in told[0] and files('late') == []


def test_a_submission(predict, sources, tmp_path):
    status, _, told = predict(sources / 'set' / 'test', '--format', 'dhf1k', '--json', 'r.json')
    assert status == 0 and files()[0] == '0701/0001.png'
    assert told[0].startswith('warning: DHF1K submission: incomplete: 2 of 300 videos, 10 of')
    report = json.loads(Path('r.json').read_text())
    assert report['dhf1k']['missing'][0] == 703
    status, _, told = predict(sources / 'videos' / 'clip.mp4', '--format', 'dhf1k')
    assert status == 2 and any('expected a number from 701 to 1000' in line for line in told)


# Going on --------------------------------------------------------------------------------------


def test_what_is_finished_is_not_done_again(predict, sources, tmp_path):
    predict(sources / 'videos')
    first = stamps()
    status, out, told = predict(sources / 'videos')
    assert status == 0 and stamps() == first and '2 finished before' in out
    assert [line.split(':')[0] for line in told] == ['finished before'] * 2
    # The overlay alone is new, and a folder that lost a map is not finished.
    (tmp_path / 'out/other/0003.png').unlink()
    status, out, _ = predict(sources / 'videos', '--overlay')
    second = stamps()
    assert status == 0 and out.startswith('2 predicted')
    assert second['clip/0001.png'] == first['clip/0001.png']
    assert second['other/0001.png'] != first['other/0001.png'] and 'other/0003.png' in second
    assert predict(sources / 'videos', '--overlay')[1] == '2 finished before; in out\n'


@pytest.mark.parametrize(
    'change',
    [
        ['--force'],
        ['--head', 'skip'],
        ['--stride', '2'],
        ['--size', '32x32'],
        ['--end', '9'],
        pytest.param(
            ['--engine', 'openvino'],
            marks=pytest.mark.skipif(find_spec('openvino') is None, reason='needs openvino'),
        ),
        'model',
        'video',
    ],
)
def test_other_settings_are_done_again(predict, sources, tiny, tmp_path, change):
    clip = tmp_path / 'clip.mp4'
    shutil.copy(sources / 'videos' / 'clip.mp4', clip)
    checkpoint = tmp_path / 'tiny.pth'
    shutil.copy(tiny[1], checkpoint)
    argv = [clip, '--model', tiny[0], '--checkpoint', checkpoint]
    assert predict(*argv, model=False)[0] == 0
    first = stamps()
    assert '1 finished before' in predict(*argv, model=False)[1]
    if isinstance(change, str):
        os.utime(checkpoint if change == 'model' else clip, (1, 1))
        change = []
    assert predict(*argv, *change, model=False)[1].startswith('1 predicted')
    assert stamps()['clip/0010.png'] != first['clip/0010.png']
    assert len(files()) == (8 if 'skip' in change else 11)


def test_inputs_of_one_name_in_several_calls(predict, tmp_path):
    for folder, frames in (('a', 5), ('b', 7)):
        encode_video(tmp_path / folder / 'same.mp4', frames)
    assert predict('a/same.mp4', '--overlay')[0] == 0
    before = stamps()
    status, _, told = predict('b/same.mp4', '--overlay')
    assert status == 0 and told == ['names that others have, too; outputs are called b_same']
    after = stamps()
    assert before.items() <= after.items() and len(maps_of('out/b_same')) == 7
    assert 'b_same_overlay.mp4' in after
    # Both in one call, from elsewhere, and each alone: nothing is made twice.
    for argv in (['a', 'b'], ['b/same.mp4'], [tmp_path / 'a']):
        assert '0 predicted' not in predict(*argv, '--overlay')[1] and stamps() == after


def test_a_report_takes_no_record_s_place(predict, sources):
    content = (sources / 'videos' / 'clip.mp4').read_bytes()
    clip = sources / 'videos' / 'clip.mp4'
    status, _, told = predict(clip, f'--json={clip}')
    assert status == 2 and 'clip.mp4: is there and holds no JSON' in told[-1]
    assert (sources / 'videos' / 'clip.mp4').read_bytes() == content
    status, _, told = predict(clip, '--json', 'out/clip.json')
    assert status == 2 and 'is where the record of an input goes' in told[0] and files() == []


def test_names_of_240_letters_and_odd_ones(predict, tmp_path):
    names = ['x' * 240, 'y' * 250, 'a\x1b[2Jb\rc', '①²٣', 'new\nline']
    for name in names:
        encode_video(tmp_path / 'in' / f'{name}.mp4', 2)
    status, out, told = predict('in', '--overlay', '--format', 'npz')
    assert status == 0 and out.startswith('5 predicted: 10 frames'), told
    assert not any('\x1b' in line for line in told)
    assert len(files()) == 15 and not [name for name in os.listdir('out') if name[0] == '.']
    assert predict('in', '--overlay', '--format', 'npz')[1].startswith('5 finished before')


def test_what_was_not_made_by_it_is_left_alone(predict, sources, tmp_path):
    (tmp_path / 'out' / 'clip').mkdir(parents=True)
    (tmp_path / 'out' / 'clip' / 'dear.txt').touch()
    (tmp_path / 'out' / 'other.json').write_text('{}')
    status, _, told = predict(sources / 'videos', '--force')
    assert status == 2 and files() == ['clip/dear.txt', 'other.json']
    assert sum('was not made by salkit predict' in line for line in told[:2]) == 2


@pytest.mark.parametrize('format', ['mp4', 'png'])
def test_inputs_are_not_replaced(predict, sources, tmp_path, format):
    shutil.copytree(sources / 'videos', tmp_path / 'out')
    shutil.copytree(sources / 'set' / 'test' / '0701' / 'images', tmp_path / 'out' / 'frames')
    before = stamps()
    status, _, told = predict('out/clip.mp4', 'out/frames', '--format', format)
    assert status == 2 and 'would take the place of what is read' in told[0]
    assert before.items() <= stamps().items()
    # Run again, the outputs of the other are no inputs.
    for _ in range(2):
        status, _, told = predict('out', '--format', format, '--overlay')
        assert not [line for line in told if 'overlay' in line]
    assert not [name for name in files() if 'overlay_overlay' in name or 'png_' in name]


# Failures --------------------------------------------------------------------------------------


@pytest.fixture(scope='module')
def broken(tmp_path_factory):
    """Files that cannot be predicted on, by what is told of them."""
    root = tmp_path_factory.mktemp('broken')
    whole = encode_video(root / 'whole.mkv', 60, gop=10)
    text = root / 'text.mp4'
    text.write_text('not a video\n' * 99)
    (root / 'zero.mp4').touch()
    no_frames = root / 'no_frames.mp4'
    with av.open(str(no_frames), 'w') as container:
        stream = container.add_stream('libx264', rate=25)
        stream.width = stream.height = 32
        container.start_encoding()
    faststart = encode_video(
        root / 'start.mp4', 60, gop=10, container_options={'movflags': 'faststart'}
    )
    cut = truncate(faststart, root / 'cut.mp4', 0.6)
    ended = truncate(encode_video(root / 'end.mp4', 60), root / 'ended.mp4', 0.5)
    tiny = encode_video(root / 'tiny.mkv', 5, (3, 3), 'ffv1', 'bgr0')
    for path in (whole, faststart, root / 'end.mp4'):
        path.unlink()
    return {
        root / 'gone.mp4': 'does not exist',
        encode_audio(root / 'sound.mp4'): 'no video stream, only audio',
        text: 'cannot be read as a video',
        root / 'zero.mp4': 'cannot be read as a video',
        no_frames: '',
        cut: 'was cut off',
        ended: '',
        tiny: 'frames of 3 x 3 pixels; expected at least 8 x 8',
    }


def test_bad_inputs_fail_in_a_line_each_and_the_others_are_done(predict, sources, broken):
    argv = [*broken, sources / 'videos' / 'other.mkv']
    status, out, told = predict(*argv, '--json', 'report.json')
    assert status == 2 and '1 predicted: 5 frames' in out and f'{len(broken)} failed' in out
    head = told.index(f'{len(broken)} of {len(broken) + 1} inputs are not predicted:')
    for path, reason in broken.items():
        for lines in (told[:head], told[head + 1 :]):
            (line,) = [line for line in lines if str(path) in line]
            assert line.startswith('failed: ') and reason in line and 'Traceback' not in line
    assert files() == [*(f'other/{i:04d}.png' for i in range(1, 6)), 'other.json']
    report = json.loads(Path('report.json').read_text())
    assert report['counts']['failed'] == len(broken)


def test_what_is_left_of_a_cut_video(predict, broken):
    (cut,) = [path for path in broken if path.stem == 'cut']
    status, *_ = predict(cut, '--allow-truncated', '--overlay')
    assert status == 0 and 10 < len(maps_of('out/cut')) < 60


def test_a_single_failure_is_one_line(predict):
    status, out, told = predict('gone.mp4', model=False)
    assert status == 2 and told == ['failed: gone.mp4: the file does not exist'] and not out


@pytest.mark.parametrize(
    ('place', 'message'),
    [
        ('file/out', 'is a file'),
        ('/proc/out', '--out /proc/out: cannot be written'),
        ('file', '--out file: expected a folder'),
    ],
)
def test_a_folder_that_cannot_be_written(predict, sources, tmp_path, place, message):
    (tmp_path / 'file').touch()
    status, _, told = predict(sources / 'videos', out=place)
    assert status == 2 and len(told) == 1 and message in told[0]


@pytest.mark.parametrize(
    ('argv', 'message'),
    [
        (['--format', 'jpg'], 'format must be one of'),
        (['--format', 'none'], 'nothing to write'),
        (['--format', 'none,png'], 'format must be one of'),
        (['--start', '5', '--end', '5'], '--end must come after --start'),
        (['--start', '1:75'], 'must be seconds or'),
        (['--colours', 'turbot'], 'did you mean turbo'),
        (['--contours', 'clip.mp4'], 'takes shares'),
        (['--size', '32'], 'two whole numbers'),
        (['--stride', '0'], 'at least 1'),
        (['--fps', '-1'], '--fps must be above 0'),
        (['--frames', '3'], 'is for webcams'),
    ],
)
def test_arguments_that_do_not_fit(predict, sources, argv, message):
    status, _, told = predict(sources / 'videos' / 'clip.mp4', *argv)
    assert status == 2 and message in told[-1] and files() == []


def test_times():
    assert [seconds_of('--start', text) for text in ('2', '.5', '1:30', '01:02:03.5', None)] == [
        2,
        0.5,
        90,
        3723.5,
        None,
    ]
    for text in ('-1', '1:60', '1:99:00', 'x', '1:2:3:4', 'nan', ''):
        with pytest.raises(ConfigError, match='--start must be seconds'):
            seconds_of('--start', text)


def test_a_full_disk_stops_the_run(predict, sources, monkeypatch):
    def full(*_):
        raise OSError(28, 'No space left on device', '/somewhere/hidden')

    monkeypatch.setattr('salkit.inference.outputs.write_map', full)
    status, out, told = predict(sources / 'videos', sources / 'set', '--json', 'report.json')
    assert status == 2 and 'No space left on device' in told[0] and files() == []
    assert '1 failed' in out and 'the disk is full: 3 inputs are not tried' in told


def test_an_unexpected_error_is_one_of_its_input(predict, sources, monkeypatch):
    real = one_input.open_stimulus

    def odd(path, *args):
        if 'clip' in str(path):
            raise ZeroDivisionError('by zero')
        return real(path, *args)

    monkeypatch.setattr(one_input, 'open_stimulus', odd)
    status, _, told = predict(sources / 'videos')
    assert status == 2 and told[0].endswith('clip.mp4: ZeroDivisionError: by zero')
    assert 'other.json' in files()


def test_interrupted_in_the_middle(predict, sources, monkeypatch):
    real, count = one_input.save_maps, []

    def interrupted(maps, outputs, on_frame):
        def frame(number):
            count.append(number)
            if len(count) == 13:
                os.kill(os.getpid(), signal.SIGTERM)
            on_frame(number)

        return real(maps, outputs, frame)

    monkeypatch.setattr(one_input, 'save_maps', interrupted)
    status, _, told = predict(sources / 'videos')
    assert status == 130 and told[0].startswith('1 of 2 inputs are done') and len(told) == 2
    assert 'clip.json' in files() and not [name for name in files() if 'other' in name]
    monkeypatch.undo()


# Processes of their own ------------------------------------------------------------------------


def run_process(argv, log, limit):
    """The command in a forked process, which has everything imported."""
    torch.set_num_threads(1)
    # It is ignored where the tests run in a shell's background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.stdout, sys.stderr = open(1, 'w', closefd=False), open(2, 'w', closefd=False)  # noqa: SIM115
    if limit:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        status = main(['predict', *map(str, argv)])
    finally:
        sys.stderr.flush()
    os._exit(status)


@pytest.fixture
def start(tiny, tmp_path):
    def start(*argv, limit=None):
        argv = [*argv, '--out', tmp_path / 'out', '--model', tiny[0], '--checkpoint', tiny[1]]
        process = multiprocessing.get_context('fork').Process(
            target=run_process, args=(argv, tmp_path / 'log', limit)
        )
        process.start()
        return process

    return start


@pytest.mark.parametrize('argv', [['--format', 'npz'], ['--format', 'none', '--overlay']])
def test_a_limit_to_the_size_of_files(start, tmp_path, sources, argv):
    long = encode_video(tmp_path / 'long.mp4', 40, size=(96, 160), options={'crf': '1'})
    limit = 100_000 if 'npz' in argv else 8_000
    process = start(long, sources / 'set' / 'test' / '0702', *argv, limit=limit)
    process.join(60)
    told = (tmp_path / 'log').read_text()
    assert process.exitcode == 2 and 'Traceback' not in told
    (line,) = {line.strip() for line in re.split('[\r\n]', told) if 'failed: ' in line}
    assert str(tmp_path / 'out') in line and 'unfinished' not in line and 'too large' in line
    made = '0702.npz' if 'npz' in argv else '0702_overlay.mp4'
    assert sorted(files(tmp_path / 'out')) == ['0702.json', made]


@pytest.fixture
def held(monkeypatch):
    """An event that says when a run, which goes on no more, has written frame 9 of input b."""
    forked = multiprocessing.get_context('fork')
    reached, never = forked.Event(), forked.Event()
    real = one_input.save_maps

    def save_maps(maps, outputs, on_frame):
        count = 0

        def frame(number):
            nonlocal count
            count += number
            if maps.stimulus.name == 'b' and count == 9:
                reached.set()
                never.wait()
            on_frame(number)

        real(maps, outputs, frame)

    monkeypatch.setattr(one_input, 'save_maps', save_maps)
    yield reached
    monkeypatch.undo()


@pytest.mark.parametrize('kind', [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_killed_and_run_again(predict, start, held, tmp_path, kind):
    for name, frames in (('a', 5), ('b', 12)):
        encode_video(tmp_path / f'{name}.mp4', frames)
    out = tmp_path / 'out'
    process = start(tmp_path / 'a.mp4', tmp_path / 'b.mp4')
    assert held.wait(120) and list(out.glob('.b.*/**/0009.png'))
    os.kill(process.pid, kind)
    process.join(60)
    assert process.exitcode == (-9 if kind == signal.SIGKILL else 130)
    visible = [name for name in files(out) if not name.startswith('.')]
    assert visible == [*(f'a/{i:04d}.png' for i in range(1, 6)), 'a.json']
    hidden = [name for name in os.listdir(out) if name.startswith('.')]
    told = (tmp_path / 'log').read_text()
    if kind == signal.SIGKILL:
        assert len(hidden) == 1
    else:
        assert not hidden and 'salkit predict: interrupted' in told and 'Traceback' not in told
    # Only what is left is done, and what was left over goes.
    before = stamps(out)
    encode_video(tmp_path / 'b.mp4', 7)
    status, printed, _ = predict('a.mp4', 'b.mp4')
    assert status == 0 and printed.startswith('1 predicted: 7') and '1 finished before' in printed
    assert stamps(out)['a/0001.png'] == before['a/0001.png'] and len(files(out)) == 14
    assert not [name for name in os.listdir(out) if name.startswith('.')]


# Models ----------------------------------------------------------------------------------------


def trained(tmp_path, config, checkpoint):
    """A checkpoint as a training run with this config leaves it."""
    cfg = load_config(config)
    meta = dict(cfg=cfg.pretty_text, **model_entry(cfg))
    weights = read_checkpoint(checkpoint).weights
    path = tmp_path / 'best_CC_epoch_1.pth'
    path.parent.mkdir(parents=True, exist_ok=True)
    write_checkpoint(dict(state_dict=weights, meta=meta), path)
    return path


def test_a_checkpoint_tells_its_model(predict, sources, tiny, tmp_path):
    clip = sources / 'videos' / 'clip.mp4'
    told = trained(tmp_path / 'run', *tiny)
    assert predict(clip, '--format', 'npz')[0] == 0
    for checkpoint in (told, told.parent):
        out = f'out-{checkpoint.name}'
        status, *_ = predict(
            clip, '--format', 'npz', '--checkpoint', checkpoint, out=out, model=False
        )
        assert status == 0
        first, second = (np.load(f'{o}/clip.npz')['saliency_map'] for o in ('out', out))
        assert np.array_equal(first, second)
    status, _, lines = predict(clip, '--checkpoint', tiny[1], out='none', model=False)
    assert status == 2 and 'name its config (--model)' in lines[0]


def test_a_converted_checkpoint_of_a_packaged_config(tmp_path, tiny):
    weights = salkit.build_model('demo/umt-tiny_cc-kl').state_dict()
    write_checkpoint(dict(state_dict=weights), tmp_path / 'a.pth')
    convert(tmp_path / 'a.pth', tmp_path / 'a.safetensors', config='demo/umt-tiny_cc-kl')
    cfg = read_checkpoint(tmp_path / 'a.safetensors').config()
    assert cfg.filename.endswith('umt-tiny_cc-kl.py')
    convert(tiny[1], tmp_path / 'own.safetensors', config=str(tiny[0]))
    with pytest.raises(CheckpointError, match=r"made with 'tiny\.py', which is not here"):
        read_checkpoint(tmp_path / 'own.safetensors').config()


def test_options_of_a_run_count_more_than_its_config(tmp_path):
    options = {
        'model.encoder.clip_len': 4,
        'test_dataloader.dataset.pipeline.0.size': (16, 32),
        'test_dataloader.dataset.clip_len': 4,
    }
    cfg = load_config('demo/umt-tiny_cc-kl', options)
    meta = dict(cfg=cfg.pretty_text, **model_entry(cfg))
    state = salkit.build_model(cfg).state_dict()
    write_checkpoint(dict(state_dict=state, meta=meta), tmp_path / 'a.pth')
    checkpoint = read_checkpoint(tmp_path / 'a.pth')
    predictor = SaliencyPredictor(checkpoint.config(), checkpoint)
    assert predictor.settings.clip_len == 4 and predictor.settings.size == (16, 32)
    assert predictor.name == 'demo/umt-tiny_cc-kl'


@pytest.mark.parametrize(
    'text',
    [
        'a = open("x")',
        'import os',
        'a = dict(**b)',
        'a = dict([("b", 1)])',
        'a = dict({"b": open("x")})',
        'a = dict({}, {})',
        'a = __import__("os").system("x")',
        'a = (',
        'a = dict(b=[c for c in d])',
        'a.b = 1',
        'a = f"{b}"',
    ],
)
def test_no_code_of_a_checkpoint_is_run(text):
    with pytest.raises(CheckpointError, match='not a list of values'):
        read_plain_config(text, 'a.pth')


def test_no_input(predict):
    status, _, told = predict(model=False)
    assert status == 2 and len(told) == 1 and 'no INPUT: name a video' in told[0]


def test_without_a_model_the_one_that_comes_with_salkit_is_used(predict, sources):
    clip = sources / 'videos' / 'clip.mp4'
    status, _, told = predict(clip, '--format', 'npz', model=False)
    assert status == 0 and len(told) == 1
    assert told[0].startswith('no model is named, so lite0 is used: ')
    assert shipped_about('lite0')['trained_on'] in told[0]
    record = json.loads(Path('out/clip.json').read_text())
    assert record['model']['file'] == 'lite0.safetensors'
    maps = np.load('out/clip.npz')['saliency_map']
    # Each is a density over the frame, whose maximum is 1.
    assert maps.shape == (10, 48, 80) and 0.5 < maps.max() <= 1
    for named in (['--model', 'lite0'], ['--checkpoint', 'lite0']):
        out = f'out{named[0]}'
        status, _, told = predict(clip, '--format', 'npz', *named, out=out, model=False)
        assert status == 0 and not told
        assert np.array_equal(np.load(f'{out}/clip.npz')['saliency_map'], maps)


def test_a_model_needs_weights(predict, sources):
    status, _, told = predict(sources / 'videos', '--model', 'salfom/umt-b8_cc-kl', model=False)
    assert status == 2 and 'give --checkpoint' in told[0]
    status, _, told = predict(sources / 'videos', '--model', 'gone.onnx', model=False)
    assert status == 2 and 'gone.onnx' in told[0] and 'does not exist' in told[0]


# Cameras ---------------------------------------------------------------------------------------


class Camera:
    """Stands for cv2.VideoCapture."""

    frames = 9
    interrupted_at = None
    released = 0

    def __init__(self, number):
        self.number, self.given = number, 0

    def get(self, what):
        return 30.0

    def read(self):
        if self.given == self.interrupted_at:
            os.kill(os.getpid(), signal.SIGINT)
        if self.number or self.given == self.frames:
            return False, None
        self.given += 1
        return True, numbered_frame(self.given)[..., ::-1]

    def release(self):
        Camera.released += 1


@pytest.fixture
def camera(monkeypatch):
    monkeypatch.setattr(cv2, 'VideoCapture', Camera)
    monkeypatch.setattr(Camera, 'released', 0)
    # Where it is ignored, as in a shell's background, there is no Ctrl-C to be noticed.
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield Camera
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, previous)


def test_a_camera_until_it_ends_or_is_stopped(predict, camera, monkeypatch):
    status, out, told = predict('0', '--overlay', '--format', 'npz')
    assert status == 0 and out.startswith('1 predicted: 9 frames in ') and camera.released == 1
    assert 'recording until Ctrl-C' in told[0]
    kinds = ('.json', '.npz', '_overlay.mp4', '_recording.mp4')
    assert files() == [f'camera0{kind}' for kind in kinds]
    recording = open_stimulus('out/camera0_recording.mp4')
    shown = [frame_number(frame) for frame in recording.frames(range(9))]
    assert shown == list(range(1, 10))
    maps = np.load('out/camera0.npz')['saliency_map']
    assert len(maps) == len(open_stimulus('out/camera0_overlay.mp4')) == 9
    # Another recording leaves the first alone; Ctrl-C keeps what there is.
    monkeypatch.setattr(camera, 'interrupted_at', 4)
    status, out, _ = predict('0', '--format', 'mp4')
    assert status == 0 and out.startswith('1 predicted: 4 frames in ')
    assert len(maps_of('out/camera0_2.mp4')) == 4
    monkeypatch.setattr(camera, 'interrupted_at', None)
    status, out, _ = predict('0', '--frames', '3')
    assert status == 0 and len(maps_of('out/camera0_3')) == 3


def test_no_camera(predict, camera, sources):
    status, out, told = predict('7', '--format', 'png')
    assert status == 2 and not out and files() == []
    assert told[1].startswith('failed: camera 7: expected a frame, got none')
    # It stops nothing else.
    status, out, told = predict('7', sources / 'videos' / 'other.mkv')
    assert status == 2 and out.startswith('1 predicted: 5 frames') and '1 failed' in out

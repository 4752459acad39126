"""Maps are those of testing, however they are asked for."""

import itertools
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from make_data import write_video
from make_video import encode_video, numbered_frame
from tiny_model import write_tiny_model

import salkit
from salkit import SaliencyPredictor
from salkit.checkpoints import read_checkpoint
from salkit.cli.test import evaluate
from salkit.errors import CheckpointError, ConfigError, DataError, SalkitError
from salkit.inference import open_stimulus
from salkit.inference.backends import torch as torch_backend
from salkit.media.clips import HEADS
from salkit.models.precision import PRECISIONS

# Batches of other sizes take other float32 kernels, which lie a few 1e-6 apart with random weights.
TOLERANCE = dict(rtol=0, atol=1e-5)
LENGTHS = dict(one=1, five=5, sixteen=16, many=500)


def dump(config, checkpoint, root, folder, precision=None, **options):
    """What `salkit test --dump` writes for all videos below `root`: {video: {frame: map}}."""
    cfg = salkit.load_config(
        config, {'data_root': str(root), 'dataset_type': 'VideoSaliencyDataset', **options}
    )
    cfg.test_evaluator.metrics = ['CC']
    cfg.custom_hooks = [dict(type='DumpMapsHook', out_dir=str(folder / 'maps'))]
    evaluate(cfg, read_checkpoint(checkpoint), folder / 'work', precision)
    return {
        video.name: {path.stem: np.load(path) for path in sorted(video.glob('*.npy'))}
        for video in (folder / 'maps').iterdir()
    }


def assert_same_maps(maps, expected):
    assert list(maps.names) == sorted(expected)
    np.testing.assert_allclose(
        np.asarray(maps), np.stack([expected[name] for name in maps.names]), **TOLERANCE
    )


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    """A test split of picture folders of 1, 5, 16 and 500 frames, and one video file."""
    root = tmp_path_factory.mktemp('videos')
    for name, frames in LENGTHS.items():
        write_video(root / 'test' / name, frames=frames, size=(40, 56), seed=frames)
    filmed = write_video(root / 'test' / 'filmed', frames=19, size=(40, 56))
    shutil.rmtree(filmed / 'images')
    encode_video(filmed / 'video.mp4', 19, size=(40, 56), bframes=2)
    return root


@pytest.mark.slow
@pytest.mark.parametrize('head', HEADS)
def test_predict_stream_and_test_agree_for_every_length(tmp_path, videos, head):
    stride = 1 + (head == 'skip')
    config, checkpoint = write_tiny_model(tmp_path, size=(16, 32), head=head, clip_stride=stride)
    dumped = dump(config, checkpoint, videos, tmp_path)
    assert set(dumped) == {*LENGTHS, 'filmed'}
    for batch_size in (7, 1, 64):
        predictor = SaliencyPredictor(config, checkpoint, batch_size=batch_size)
        for name, expected in dumped.items():
            if name == 'many' and batch_size != 7:
                continue
            maps = predictor.predict(videos / 'test' / name)
            assert len(maps) == len(expected)
            assert_same_maps(maps, expected)
            frames = maps.stimulus.frames(range(len(maps.stimulus)))
            streamed = np.stack(list(predictor.stream(frames)))
            np.testing.assert_allclose(
                streamed, np.stack([expected[name] for name in maps.names]), **TOLERANCE
            )


def test_videos_of_any_shape_keep_it(tmp_path):
    shapes = dict(wide=(40, 90), tall=(90, 40), same=(40, 56))
    for name, size in shapes.items():
        write_video(tmp_path / 'videos' / 'test' / name, frames=5, size=size)
    filmed = write_video(tmp_path / 'videos' / 'test' / 'filmed', frames=5, size=shapes['tall'])
    shutil.rmtree(filmed / 'images')
    encode_video(filmed / 'video.mp4', 5, size=shapes['tall'])
    config, checkpoint = write_tiny_model(tmp_path, size=(32, 48), keep_shape=16)
    one = {'test_dataloader.batch_size': 1}
    dumped = dump(config, checkpoint, tmp_path / 'videos', tmp_path, **one)
    predictor = SaliencyPredictor(config, checkpoint)
    seen = []
    predict = predictor.backend.predict
    predictor.backend.predict = lambda w: seen.append(tuple(w[0][0].shape[1:])) or predict(w)
    for name, expected in dumped.items():
        assert_same_maps(predictor.predict(tmp_path / 'videos' / 'test' / name), expected)
    assert set(seen) == {(32, 64), (64, 32), (32, 48)}
    # A size that is asked for is taken as it is.
    squeezed = SaliencyPredictor(config, checkpoint, size=(32, 48))
    maps = np.asarray(squeezed.predict(tmp_path / 'videos' / 'test' / 'tall'))
    assert abs(maps - np.stack(list(dumped['tall'].values()))).max() > 1e-3


@pytest.mark.parametrize('precision', ['bf16', 'int8'])
def test_a_precision_is_that_of_testing(tmp_path, precision):
    write_video(tmp_path / 'videos' / 'test' / 'one', frames=5, size=(40, 56))
    config, checkpoint = write_tiny_model(tmp_path)
    one = {'test_dataloader.batch_size': 1}
    dumped = dump(config, checkpoint, tmp_path / 'videos', tmp_path, precision, **one)['one']
    predictor = SaliencyPredictor(config, checkpoint, precision=precision, batch_size=1)
    maps = predictor.predict(tmp_path / 'videos' / 'test' / 'one')
    assert_same_maps(maps, dumped)
    exact = np.asarray(SaliencyPredictor(config, checkpoint).predict(maps.stimulus))
    assert np.abs(np.asarray(maps) - exact).max() > 1e-4


@pytest.fixture(scope='module')
def real_frames(tmp_path_factory, sample_sequence):
    """A test split with the first frames of the real sequence."""
    root = tmp_path_factory.mktemp('real')
    for part in ('images', 'maps', 'fixation'):
        folder = root / 'test' / 'real' / part
        folder.mkdir(parents=True)
        for path in sorted((sample_sequence / part).iterdir())[:20]:
            (folder / path.name).symlink_to(path)
    return root


@pytest.mark.parametrize('head', HEADS)
def test_the_real_sequence(tmp_path, real_frames, head):
    config, checkpoint = write_tiny_model(tmp_path, clip_len=8, size=(48, 80), head=head)
    dumped = dump(config, checkpoint, real_frames, tmp_path)['real']
    predictor = SaliencyPredictor(config, checkpoint, batch_size=5)
    folder = real_frames / 'test' / 'real'
    maps = predictor.predict(folder)
    assert_same_maps(maps, dumped)
    stimulus = open_stimulus(folder)
    streamed = np.stack(list(predictor.stream(stimulus.frames(range(len(stimulus))))))
    np.testing.assert_allclose(streamed, np.asarray(maps), **TOLERANCE)
    # The same frames as an array, and as a list of files.
    array = np.stack(list(stimulus.frames(range(18))))
    files = sorted((folder / 'images').iterdir())[:18]
    expected = np.asarray(predictor.predict(array))
    np.testing.assert_array_equal(np.asarray(predictor.predict(files)), expected)
    np.testing.assert_allclose(expected, maps[: len(expected)], **TOLERANCE)


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    return encode_video(tmp_path_factory.mktemp('clip') / 'clip.mp4', 33, bframes=2, gop=8)


@settings(max_examples=15)
@given(data=st.data())
def test_any_part_is_the_part_of_the_whole(predictor, video, data):
    maps = predictor.predict(video, stride=data.draw(st.integers(1, 6)))
    whole = np.asarray(maps)
    assert maps.shape == whole.shape == (33, 48, 80) and whole.dtype == maps.dtype == np.float32
    places = st.none() | st.integers(-40, 40)
    part = data.draw(st.builds(slice, places, places, st.none() | st.integers(-3, 5).filter(bool)))
    np.testing.assert_allclose(maps[part], whole[part], **TOLERANCE)
    index = data.draw(st.integers(-33, 32))
    np.testing.assert_allclose(maps[index], whole[index], **TOLERANCE)


@pytest.mark.parametrize('head', HEADS)
@pytest.mark.parametrize('stride', [2, 5, 100])
def test_frames_between_predicted_ones_are_interpolated(tiny, video, stride, head):
    predictor = SaliencyPredictor(*tiny, head=head)
    every, some = predictor.predict(video), predictor.predict(video, stride=stride)
    exact, mixed = np.asarray(every), np.asarray(some)
    assert some.names == every.names
    predicted = sorted({*range(0, len(exact), stride), len(exact) - 1})
    np.testing.assert_allclose(mixed[predicted], exact[predicted], **TOLERANCE)
    for low, high in itertools.pairwise(predicted):
        for place in range(low, high):
            share = (place - low) / (high - low)
            between = (1 - share) * exact[low] + share * exact[high]
            np.testing.assert_allclose(mixed[place], between, **TOLERANCE)


def test_a_part_in_time_is_cut_from_the_whole(predictor, video):
    whole = np.asarray(predictor.predict(video))
    maps = predictor.predict(video, start=0.4, end=0.8)
    assert list(maps.frames) == list(range(10, 20))
    assert maps.names[0] == '0011' and maps.times[0] == pytest.approx(0.4) and maps.fps == 25
    np.testing.assert_allclose(np.asarray(maps), whole[10:20], **TOLERANCE)


def test_another_rate_shows_the_model_fewer_frames(predictor, video):
    maps = predictor.predict(video, fps=10)
    assert list(maps.frames) == [0, 2, 5, 7, 10, 12, 15, 17, 20, 22, 25, 27, 30]
    assert maps.fps == pytest.approx(10, rel=0.02)
    frames = np.stack([maps.stimulus.read(number) for number in maps.frames])
    np.testing.assert_allclose(np.asarray(maps), np.asarray(predictor.predict(frames)), **TOLERANCE)
    assert len(predictor.predict(video, fps=30)) == 33


def test_a_variable_rate_is_kept(predictor, tmp_path):
    times = [0, 1, 2, 10, 11, 30, 31, 32]
    path = encode_video(tmp_path / 'slow.mp4', 8, times=times, fps=25)
    maps = predictor.predict(path)
    np.testing.assert_allclose(maps.times, np.array(times) / 25, atol=1e-3)
    assert list(predictor.predict(path, start=0.3, end=0.5).frames) == [3, 4]
    assert list(predictor.predict(path, fps=5).frames) == [0, 2, 3, 4, 5]


def test_maps_come_with_their_frames_from_a_camera(predictor):
    taken = 0

    def camera():
        nonlocal taken
        for number in range(6):
            taken += 1
            yield numbered_frame(number)

    for number, saliency_map in enumerate(predictor.stream(camera()), 1):
        assert taken == number and saliency_map.shape == (48, 80)
    assert taken == 6


def test_maps_that_are_kept_run_the_model_once(predictor, video, tmp_path, monkeypatch):
    maps = predictor.predict(video)
    whole = np.asarray(maps)
    counted = []
    with maps.kept(tmp_path, counted.append) as kept:
        monkeypatch.setattr(predictor.backend, 'predict', None)
        np.testing.assert_array_equal(np.asarray(kept), whole)
        np.testing.assert_array_equal(kept[4:9], whole[4:9])
        np.testing.assert_array_equal(kept.peaks, whole.max((1, 2)))
        with kept.kept() as again:
            assert again is kept
    assert sum(counted) == 33
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match='closed file'):
        kept[0]


def test_batches_that_the_memory_does_not_hold_are_halved(tiny, video, monkeypatch):
    predictor = SaliencyPredictor(*tiny, batch_size=16)
    expected, real = np.asarray(predictor.predict(video)), predictor.backend.model.forward

    def forward(clip):
        if len(clip) > 4:
            raise torch.OutOfMemoryError
        return real(clip)

    monkeypatch.setattr(predictor.backend.model, 'forward', forward)
    np.testing.assert_allclose(np.asarray(predictor.predict(video)), expected, **TOLERANCE)
    monkeypatch.setattr(predictor.backend.model, 'forward', lambda clip: forward([0] * 5))
    with pytest.raises(SalkitError, match='memory of cpu does not hold a batch of 1 clip'):
        predictor.predict(video)[0]


def test_work_ends_where_its_user_ends_it(predictor, video):
    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), predictor.predict(video).kept(on_frame=stop):
        pass


def test_what_the_config_leaves_to_the_test_set(tmp_path, tiny):
    predictor = SaliencyPredictor(*tiny)
    assert predictor.settings.size == (32, 48) and predictor.settings.clip_len == 4
    assert predictor.device == 'cpu' and predictor.name == 'tiny.py'
    text = (
        tiny[0]
        .read_text()
        .replace("dict(type='PackClip')", "dict(type='FlipClip'), dict(type='PackClip')")
    )
    (tmp_path / 'flipped.py').write_text(text)
    with pytest.warns(UserWarning, match='leaves out FlipClip'):
        SaliencyPredictor(tmp_path / 'flipped.py', tiny[1])
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        larger = SaliencyPredictor(*tiny, size=(64, 96))
    assert larger.predict(np.zeros((2, 20, 30, 3), np.uint8))[1].shape == (20, 30)


@pytest.mark.parametrize(
    'wrong, error, told',
    [
        (dict(batch_size=0), ConfigError, 'batch_size'),
        (dict(device='quantum'), ConfigError, 'quantum'),
        (dict(precision='float8'), ConfigError, "'float8'"),
        (dict(head='none'), ConfigError, "'none'"),
        (dict(size=(0, 4)), ConfigError, 'size'),
        (dict(checkpoint='nowhere.pth'), CheckpointError, 'nowhere.pth'),
        (dict(config_or_name='salfom/nothing'), ConfigError, 'salfom/nothing'),
    ],
)
def test_what_does_not_fit_is_named(tiny, wrong, error, told):
    options = dict(config_or_name=tiny[0], checkpoint=tiny[1]) | wrong
    with pytest.raises(error, match=told):
        SaliencyPredictor(**options)


def test_wrong_questions(predictor, video):
    for wrong in (dict(start=-1), dict(end=float('nan')), dict(fps=0), dict(stride=0)):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            predictor.predict(video, **wrong)
    with pytest.raises(DataError, match='no frame to predict from 9 s to its end; the last is'):
        predictor.predict(video, start=9)
    for frame in (np.zeros((9, 9)), np.zeros((9, 9, 3)), np.zeros((4, 9, 3), np.uint8), 'x'):
        with pytest.raises(DataError, match=r'frame 1: .*expected'):
            next(predictor.stream([frame]))
    frames = [np.zeros((9, 9, 3), np.uint8), np.zeros((9, 10, 3), np.uint8)]
    with pytest.raises(DataError, match='frame 2: the frame is 9 x 10 pixels, the first is 9 x 9'):
        list(predictor.stream(frames))


def test_precisions(tiny, video):
    exact = np.asarray(SaliencyPredictor(*tiny).predict(video))
    for name in ('bf16', 'int8', 'fast', 'fastest'):
        predictor = SaliencyPredictor(*tiny, precision=name)
        assert predictor.backend.precision == name
        assert 0 < np.abs(exact - np.asarray(predictor.predict(video))).max() < 0.2


@pytest.mark.parametrize('name', ['bf16', 'fp16', 'int8', 'fast', 'auto'])
def test_precisions_of_the_model_that_comes_with_salkit(name):
    frame = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    exact = SaliencyPredictor('lite0', size=(64, 96)).predict(frame)[0]
    found = SaliencyPredictor('lite0', precision=name, size=(64, 96)).predict(frame)[0]
    assert np.abs(found - exact).max() < 0.05


@pytest.mark.parametrize(
    ('least', 'chosen'), [(-1, 'fastest'), (2, 'exact'), (None, None)], ids=['any', 'none', 'own']
)
def test_auto_takes_the_fastest_that_agrees(tiny, video, monkeypatch, least, chosen):
    if least is not None:
        monkeypatch.setattr(torch_backend, 'LEAST_CC', least)
    predictor = SaliencyPredictor(*tiny, precision='auto')
    found = predictor.backend.precision
    assert found == chosen or (chosen is None and found in PRECISIONS)
    maps = np.asarray(predictor.predict(video))
    np.testing.assert_array_equal(
        maps, np.asarray(SaliencyPredictor(*tiny, precision=found).predict(video))
    )


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
@pytest.mark.parametrize(
    ('precision', 'bound'), [('exact', 1e-5), ('bf16', 0.2), ('fast', 0.2), ('auto', 0.2)]
)
def test_on_a_gpu(tiny, video, precision, bound):
    exact = np.asarray(SaliencyPredictor(*tiny, device='cpu').predict(video))
    predictor = SaliencyPredictor(*tiny, device='cuda:0', precision=precision)
    assert np.abs(exact - np.asarray(predictor.predict(video))).max() < bound


MEMORY = """
import resource, sys
from salkit import SaliencyPredictor

config, checkpoint, video, out = sys.argv[1:]
predictor = SaliencyPredictor(config, checkpoint, batch_size=16)
count, peaks = 0, {}

def on_frame(number):
    global count
    count += number
    if count % 1000 == 0:
        peaks[count] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

maps = predictor.predict(video)
maps.save(out, on_frame=on_frame)
assert count == len(maps) == 10000
print(peaks[1000], peaks[10000])
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_video(tmp_path):
    tiny = write_tiny_model(tmp_path, clip_len=2, size=(16, 16))
    still = [numbered_frame(number, (16, 32)) for number in range(100)]
    images = (still[number % 100] for number in range(10000))
    video = encode_video(
        tmp_path / 'long.mp4', 10000, size=(16, 32), images=images, options={'preset': 'ultrafast'}
    )
    told = subprocess.run(
        [sys.executable, '-c', MEMORY, *map(str, tiny), str(video), str(tmp_path / 'maps.npz')],
        capture_output=True,
        text=True,
        check=True,
    )
    early, late = map(int, told.stdout.split())
    assert late <= 1.05 * early
    assert Path(tmp_path / 'maps.npz').stat().st_size > 10000 * 16 * 32 * 4


def test_programs_of_torch_export_are_not_opened(tmp_path):
    (tmp_path / 'model.pt2').write_bytes(b'PK\3\4')
    with pytest.raises(ConfigError, match=r'model\.pt2: expected an \.onnx file'):
        SaliencyPredictor(tmp_path / 'model.pt2')

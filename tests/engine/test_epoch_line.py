"""What is seen of a run: lines on the terminal, pages in the log file, curves in TensorBoard."""

import io
import math
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from make_data import write_dataset
from mmengine.logging import MessageHub, MMLogger, print_log
from mmengine.optim import OptimWrapper
from PIL import Image
from torch import nn

from salkit.cli import main
from salkit.config import load_config
from salkit.engine import EpochLineHook, TrainingScalarsHook, ValidationPanelHook
from salkit.engine.hooks.epoch_line import no_bar_left
from salkit.engine.hooks.validation_panel import spread
from salkit.engine.terminal import keep_pages_off_terminal
from salkit.errors import ConfigError

CONFIG = 'demo/umt-tiny_cc-kl'
SMALL = [
    'model.encoder.clip_len=4',
    'train_dataloader.dataset.clip_len=4',
    'val_dataloader.dataset.clip_len=4',
    'test_dataloader.dataset.clip_len=4',
    'train_dataloader.dataset.pipeline.0.size=(16,32)',
    'train_dataloader.dataset.pipeline.1.size=(16,32)',
    'val_dataloader.dataset.pipeline.0.size=(16,32)',
    'test_dataloader.dataset.pipeline.0.size=(16,32)',
    'train_dataloader.batch_size=2',
    'default_hooks.logger.interval=1',
]
SCREENS = 2 * 40


def argv(root, work_dir, *options, extra=()):
    data = [f'data_root={root}', 'val_dataloader.dataset.stride=2']
    return [
        *('train', CONFIG, '--work-dir', str(work_dir), *extra, '--cfg-options'),
        *(*data, *SMALL, *options),
    ]


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp('data') / 'set')


@pytest.fixture(scope='module')
def run(root, nursery, tmp_path_factory):
    """A run of three epochs in a process of its own: its work dir, standard output and error."""
    work_dir = tmp_path_factory.mktemp('run')
    options = ['train_cfg.max_epochs=3', 'train_cfg.val_interval=2']
    done = nursery.run(argv(root, work_dir, *options), tmp_path_factory.mktemp('printed'))
    assert done.status == 0, done.err
    return work_dir, done.out, done.err


# The terminal -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_line_an_epoch_and_a_few_around_them(run):
    work_dir, out, err = run
    lines = out.splitlines()
    assert not err and '\r' not in out and '\x1b' not in out
    epochs = [line for line in lines if line.startswith('epoch ')]
    pattern = (
        r'epoch {}/3  loss -?[\d.]+ \(cc -?[\d.]+, kl [\d.]+\)  lr \S+  [\d.]+ clips/s  '
        r'left \d:\d\d:\d\d{}'
    )
    scores = r'  val CC -?[\d.]+ KL [\d.]+ SIM [\d.]+ NSS -?[\d.]+ AUC-J [\d.]+{}'
    assert len(epochs) == 3
    assert re.fullmatch(pattern.format(1, ''), epochs[0])
    assert re.fullmatch(pattern.format(2, scores.format(', best CC so far')), epochs[1])
    assert re.fullmatch(pattern.format(3, scores.format('(, best CC so far)?')), epochs[2])
    assert epochs[2].endswith(' so far') == (work_dir / 'best_CC_epoch_3.pth').exists()
    # The demo's run differs in its number of epochs alone.
    around = len(lines) - len(epochs)
    assert around + load_config(CONFIG).train_cfg.max_epochs <= SCREENS / 1.5


@pytest.mark.slow
def test_what_to_know_stands_at_the_start_and_the_end(run):
    work_dir, out, _ = run
    head, _, tail = out.partition('epoch 1/3')
    (log,) = work_dir.glob('*/*.log')
    for expected in (
        'umt-tiny_cc-kl: 3 epochs of 2 steps on cpu; SaliencyModel of ',
        'train: set train, 4 clips of 4 videos, 2 a step',
        'val: set val, 4 clips of 1 video, every 2 epochs; the best CC is kept',
        f'all of the log: {log}',
        f'tensorboard --logdir {work_dir}',
        '--resume',
        'The encoder starts from random weights',
    ):
        assert expected in head
    assert re.search(r'Best checkpoint: .*/best_CC_epoch_\d\.pth \(validation score', tail)
    assert f'salkit plot {work_dir} --out curves.png' in tail


@pytest.mark.slow
def test_the_log_file_keeps_every_page(run):
    work_dir, out, _ = run
    (log,) = work_dir.glob('*/*.log')
    text = log.read_text()
    for page in ('System environment', 'Hooks will be executed', 'Config:', 'will be deprecated'):
        assert page in text and page not in out
    assert text.count('Epoch(train)') == 6 and 'Epoch(' not in out
    assert all(line in text for line in out.splitlines())


@pytest.mark.slow
def test_a_bar_on_a_terminal_and_lines_of_life_elsewhere(root, tmp_path, monkeypatch, capsys):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    options = ['train_cfg.max_epochs=1', '+default_hooks.epoch_line.every_s=0']
    with monkeypatch.context() as patch:
        patch.setattr('sys.stderr', terminal := Terminal())
        assert main(argv(root, tmp_path / 'bar', *options)) == 0
    drawn = terminal.getvalue()
    assert 'epoch 1/1:' in drawn and 'validation:' in drawn and '\x1b' not in drawn
    # Wiped, as what follows begins its line anew.
    assert drawn.endswith('\r')
    assert 'step 1/2' not in capsys.readouterr().out
    argv_ = argv(root, tmp_path / 'lines', *options)
    assert main(argv_) == 0
    out, err = capsys.readouterr()
    assert re.search(r'^epoch 1/1  step 1/2  loss .* left 0:', out, re.MULTILINE)
    assert 'validation 1/1\n' in out and not err
    # The whole work dir is tested in the same way.
    options = [item for item in argv_[argv_.index('--cfg-options') :] if 'every_s' not in item]
    argv_ = ['test', CONFIG, str(tmp_path / 'lines'), '--work-dir', str(tmp_path / 'test')]
    assert main([*argv_, *options, 'test_dataloader.batch_size=9']) == 0
    out = capsys.readouterr().out
    assert len(out.splitlines()) < 12 and 'Epoch(test)' not in out and 'AUC-J' in out


def test_an_interrupted_run_leaves_no_bar(monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr('sys.stderr', terminal)
    runner = SimpleNamespace(val_dataloader=range(9))
    hook = EpochLineHook()
    with pytest.raises(KeyboardInterrupt), no_bar_left([hook]):
        hook.after_val_iter(runner, 0)
        raise KeyboardInterrupt
    assert 'validation:' in terminal.getvalue() and terminal.getvalue().endswith('\r')


@pytest.mark.slow
def test_training_by_steps_prints_a_line_a_validation(root, tmp_path, capsys):
    options = [
        'train_cfg=dict(by_epoch=False,max_iters=4,val_interval=2)',
        'train_dataloader.sampler.type=InfiniteSampler',
        'param_scheduler=None',
        'log_processor.by_epoch=False',
        '+default_hooks.checkpoint.by_epoch=False',
        'default_hooks.validation_panel=None',
    ]
    assert main(argv(root, tmp_path, *options)) == 0
    out = capsys.readouterr().out
    steps = re.findall(r'^step (\d)/4  loss .* val CC', out, re.MULTILINE)
    assert steps == ['2', '4']
    assert '4 steps on cpu' in out and 'every 2 steps' in out
    assert not list(tmp_path.rglob('*.png'))


def test_warnings_stay_on_the_terminal_and_say_so(tmp_path):
    stream = io.StringIO()
    logger = MMLogger(name=f'terminal-{tmp_path.name}', log_file=str(tmp_path / 'log'))
    logger.handlers[0].setStream(stream)
    keep_pages_off_terminal(logger)
    logger.info('from here')
    print_log('from here, too', logger=logger)
    logger.warning('mind this')
    # As a module of mmengine would.
    foreign = dict(__name__='mmengine.runner.runner', logger=logger, print_log=print_log)
    exec("logger.info('a page'); print_log('another', logger); logger.error('broken')", foreign)
    told = stream.getvalue().splitlines()
    assert told == ['from here', 'from here, too', 'WARNING - mind this', 'ERROR - broken']
    noted = {line.strip().split(' - ')[-1] for line in (tmp_path / 'log').open()}
    assert {'a page', 'another', 'broken', 'from here'} <= noted


# TensorBoard --------------------------------------------------------------------------------------


@pytest.fixture(scope='module')
def events(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (folder,) = run[0].glob('*/vis_data')
    accumulator = EventAccumulator(str(folder))
    accumulator.Reload()
    return accumulator


@pytest.mark.slow
def test_tensorboard_gets_losses_scores_rates_and_speed(events):
    tags = set(events.Tags()['scalars'])
    assert tags >= {'loss', 'loss_cc', 'loss_kl', 'lr', 'grad_norm', 'clips_per_s', 'data_share'}
    assert tags >= {'CC', 'KL', 'SIM', 'NSS', 'AUC-J'}
    assert [event.step for event in events.Scalars('loss')] == [1, 2, 3, 4, 5, 6]
    # Of a validation, on the same axis.
    assert [event.step for event in events.Scalars('CC')] == [4, 6]
    assert all(event.value > 0 for event in events.Scalars('clips_per_s'))
    assert all(0 <= event.value <= 1 for event in events.Scalars('data_share'))


@pytest.mark.slow
def test_tensorboard_gets_a_panel_for_each_validation(events, run):
    images = events.Images('validation')
    assert [image.step for image in images] == [4, 6]
    pngs = sorted(run[0].glob('*/vis_data/vis_image/validation_*.png'))
    assert [path.stem for path in pngs] == ['validation_4', 'validation_6']
    first, last = (np.asarray(Image.open(path).convert('RGB'), int) for path in pngs)
    kept = np.asarray(Image.open(io.BytesIO(images[0].encoded_image_string)), int)
    assert np.array_equal(kept[..., :3], first)
    # Frames and the ground truth stay, predictions change.
    third = first.shape[1] // 3
    assert np.array_equal(first[:, : 2 * third], last[:, : 2 * third])
    assert not np.array_equal(first, last) and first[:, :third].std() > 10


def test_the_clips_of_a_panel_are_spread_over_the_set():
    assert spread(4, 100) == [12, 37, 62, 87]
    assert spread(4, 3) == [0, 1, 2] and spread(1, 1) == [0]
    with pytest.raises(ConfigError, match='videos must be at least 1, got 0'):
        ValidationPanelHook(videos=0)
    with pytest.raises(ConfigError, match='every_s must be at least 0, got -1'):
        EpochLineHook(every_s=-1)


@pytest.mark.parametrize('clip_grad', [None, dict(type='value', clip_value=9.0)])
def test_gradients_and_every_rate_are_logged(clip_grad):
    torch.manual_seed(0)
    model = nn.Sequential()
    model.encoder, model.decoder = nn.Linear(3, 4), nn.Linear(4, 1)
    groups = [
        dict(params=[model.encoder.weight], lr=1e-4),
        dict(params=[model.encoder.bias], lr=1e-4),
        dict(params=model.decoder.parameters(), lr=1e-3),
    ]
    wrapper = OptimWrapper(torch.optim.SGD(groups), clip_grad=clip_grad)
    hub = MessageHub.get_instance(f'scalars-{clip_grad}')
    for name, seconds in (('time', 0.5), ('data_time', 0.2)):
        hub.update_scalar(f'train/{name}', seconds)
    runner = SimpleNamespace(
        bare_model=model,
        optim_wrapper=wrapper,
        message_hub=hub,
        log_processor=SimpleNamespace(window_size=20),
    )
    hook = TrainingScalarsHook()
    hook.before_train(runner)
    loss = model(torch.randn(5, 3)).square().sum()
    expected = torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)
    wrapper.update_params(loss)
    hook.after_train_iter(runner, 0, dict(clip=[0, 0, 0], meta=[0, 0, 0]))
    scalars = {name: buffer.current() for name, buffer in hub.log_scalars.items()}
    norm = math.sqrt(sum(float(g.double().square().sum()) for g in expected))
    assert scalars['train/grad_norm'] == pytest.approx(norm, rel=1e-5)
    assert scalars['train/decoder_lr'] == 1e-3 and 'train/encoder_lr' not in scalars
    assert scalars['train/clips_per_s'] == pytest.approx(6)
    assert scalars['train/data_share'] == pytest.approx(0.4)

"""The Runner on a real, tiny data set: logs, checkpoints, repeatability, resuming."""

import contextlib
import io
import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from make_data import write_dataset
from mmengine.optim import OptimWrapper, OptimWrapperDict
from ranks import start_ranks
from small_models import assert_same

from salkit.checkpoints import read_checkpoint
from salkit.cli import main
from salkit.config import load_config, plain_config
from salkit.datasets import VideoSaliencyDataset
from salkit.engine import build_runner, find_latest_checkpoint
from salkit.engine.hooks import DumpMapsHook, EpochSeedHook
from salkit.engine.schedules import schedulers_of
from salkit.engine.state import pack_message_hub, plain, unpack_message_hub
from salkit.errors import CheckpointError, ConfigError
from salkit.media.maps import write_map_file
from salkit.models.load import find_model

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
    'train_cfg.val_interval=2',
    # Stochastic depth: a run draws random numbers in every step.
    'model.decoder.branches.swin3d.depth=2',
    '+model.encoder.drop_path=0.2',
]


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp('data') / 'set')


def command(root, work_dir, *options, epochs=4, extra=()):
    return [
        'train',
        CONFIG,
        '--work-dir',
        str(work_dir),
        '--verbose',
        *extra,
        '--cfg-options',
        f'data_root={root}',
        f'train_cfg.max_epochs={epochs}',
        *SMALL,
        *options,
    ]


def train(*args, **kwargs):
    """Train in this process; gives what is printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert main(command(*args, **kwargs)) == 0
    return printed.getvalue()


def weights(path):
    return read_checkpoint(path).weights


def losses(log):
    return re.findall(r'Epoch\(train\).*?loss: ([\d.-]+)', log)


@pytest.fixture(scope='module')
def finished(root, nursery, tmp_path_factory):
    """A run of four epochs that nothing disturbed: its work dir and what it printed."""
    work_dir = tmp_path_factory.mktemp('finished')
    # In a process of its own, so that the others show that this makes no difference.
    argv = command(root, work_dir, 'default_hooks.logger.interval=1')
    done = nursery.run(argv, tmp_path_factory.mktemp('printed'))
    assert done.status == 0, done.err
    return work_dir, done.out


@pytest.mark.slow
def test_a_run_leaves_logs_and_its_best_checkpoint(finished):
    work_dir, log = finished
    assert 'eta:' in log and len(losses(log)) == 8
    assert all(np.isfinite(float(loss)) for loss in losses(log))
    assert re.search(r'Epoch\(val\).*CC: .*AUC-J: .*videos: 1 +frames: 1', log)
    names = sorted(path.name for path in work_dir.glob('*.pth'))
    assert names[0].startswith('best_CC_epoch_') and names[1:] == ['epoch_3.pth', 'epoch_4.pth']
    best = max(float(cc) for cc in re.findall(r'Epoch\(val\).*? CC: ([\d.-]+)', log))
    assert f'(validation score {best:.4f})' in log
    (events,) = work_dir.rglob('events.out.tfevents*')
    assert b'loss_cc' in events.read_bytes() and b'AUC-J' in events.read_bytes()
    assert not list(work_dir.rglob('*.unfinished'))


@pytest.mark.slow
def test_checkpoints_hold_plain_values_only(finished):
    checkpoint = torch.load(finished[0] / 'epoch_4.pth', weights_only=True)
    assert (
        checkpoint['meta']['epoch'] == 4 and checkpoint['meta']['dataset_meta']['split'] == 'train'
    )
    assert {'state_dict', 'optimizer', 'message_hub'} <= checkpoint.keys()


@pytest.mark.slow
def test_runs_are_repeatable_to_the_last_bit(finished, root, tmp_path):
    log = train(root, tmp_path, 'default_hooks.logger.interval=1')
    assert losses(log) == losses(finished[1])
    assert_same(weights(tmp_path / 'epoch_4.pth'), weights(finished[0] / 'epoch_4.pth'))
    other = train(root, tmp_path / 'other', 'randomness.seed=1', epochs=1)
    assert losses(other)[:1] != losses(log)[:1]


@pytest.mark.slow
def test_a_validation_that_was_cut_off_is_made_up_for(finished, root, tmp_path, capsys):
    own = shutil.copytree(root, tmp_path / 'set')
    frame = own / 'val' / 'val000' / 'images' / '0003.png'
    whole = frame.read_bytes()
    frame.write_bytes(b'broken')
    assert main(command(own, tmp_path)) == 2
    assert f'{frame}: cannot be read' in capsys.readouterr().err
    assert (tmp_path / 'epoch_2.pth').exists() and not list(tmp_path.glob('best*'))
    frame.write_bytes(whole)
    log = train(own, tmp_path, extra=['--resume'])
    assert 'Validating the checkpoint of epoch 2 first' in log
    pattern = r'Epoch\(val\) \[2\].*? CC: ([\d.-]+)'
    assert re.findall(pattern, log) == re.findall(pattern, finished[1])
    (best,), (undisturbed,) = (path.glob('best_CC_*.pth') for path in (tmp_path, finished[0]))
    assert best.name == undisturbed.name


@pytest.mark.slow
def test_resuming_where_there_is_nothing_starts_anew(finished, root, tmp_path):
    log = train(root, tmp_path, extra=['--resume'], epochs=1)
    assert 'starting anew' in log and (tmp_path / 'epoch_1.pth').exists()


@pytest.mark.slow
def test_resuming_from_another_work_dir_with_more_epochs(finished, root, tmp_path):
    log = train(root, tmp_path, extra=['--resume', str(finished[0])], epochs=5)
    assert 'resumed epoch: 4' in log
    names = {path.name for path in tmp_path.glob('epoch_*.pth')}
    assert names == {'epoch_5.pth'}
    # Each work dir has its best one.
    assert list(tmp_path.glob('best_CC_*.pth')) and list(finished[0].glob('best_CC_*.pth'))


@pytest.mark.slow
def test_resuming_never_runs_code_from_the_checkpoint(finished, root, tmp_path):
    checkpoint = torch.load(finished[0] / 'epoch_4.pth', weights_only=True)
    checkpoint['meta']['config'] = f"open({str(tmp_path / 'trap')!r}, 'w')"
    torch.save(checkpoint, tmp_path / 'crafted.pth')
    log = train(root, tmp_path, extra=['--resume', str(tmp_path / 'crafted.pth')])
    assert 'resumed epoch: 4' in log and not (tmp_path / 'trap').exists()


@pytest.mark.slow
def test_mixed_precision_on_this_machine(root, tmp_path):
    log = train(root, tmp_path, extra=['--amp'], epochs=1)
    assert all(np.isfinite(float(loss)) for loss in losses(log))
    assert all(v.dtype != torch.bfloat16 for v in weights(tmp_path / 'epoch_1.pth').values())


@pytest.mark.slow
def test_two_processes_train_and_score_each_frame_once(root, tmp_path):
    argv = command(root, tmp_path, epochs=2, extra=['--launcher', 'pytorch', '--test'])
    argv.remove('--verbose')
    ranks = start_ranks(main, tmp_path / 'ranks', [*argv, 'test_dataloader.batch_size=3'])
    ended = [rank.ended() for rank in ranks]
    assert [code for code, _, _ in ended] == [0, 0], ended
    # One of them prints.
    printed = ''.join(out for _, out, _ in ended)
    assert [printed.count(f'epoch {epoch}/2  loss') for epoch in (1, 2)] == [1, 1]
    assert (tmp_path / 'epoch_2.pth').exists()
    one_process, out = tmp_path / 'one', tmp_path / 'one.json'
    options = ['--cfg-options', f'data_root={root}', *SMALL]
    argv = ['test', CONFIG, tmp_path, '--out', out, '--work-dir', one_process, *options]
    assert main([str(item) for item in argv]) == 0
    ones, twos = (
        json.loads(path.read_text())['reports'] for path in (out, tmp_path / 'scores.json')
    )
    assert [one['protocol'] for one in ones] == ['exact', 'tmfi']
    for one, two in zip(ones, twos, strict=True):
        assert one['frames'] == two['frames'] == 20
        assert one['scores'] == pytest.approx(two['scores'], abs=1e-5, nan_ok=True)
        assert one['per_video'].keys() == two['per_video'].keys()
    assert twos[0]['model']['device'].startswith('2 x CPU')


# Parts that need no training ----------------------------------------------------------------------


def runner_of(root, work_dir, *options):
    from salkit.config import load_config, parse_options

    cfg = load_config(CONFIG, parse_options([f'data_root={root}', *SMALL, *options]))
    return build_runner(cfg, work_dir, ('train', 'val'))


def test_clip_lengths_must_agree(root, tmp_path):
    with pytest.raises(
        ConfigError, match=r'takes clips of 8 frames, train_dataloader.* clips of 4'
    ):
        runner_of(root, tmp_path, 'model.encoder.clip_len=8')


def no_model(*_, **__):
    raise AssertionError('the model was built')


@pytest.mark.parametrize(
    ('extra', 'options', 'message'),
    [
        ([], ['data_root=/nowhere'], '/nowhere: the data root does not exist'),
        ([], ['val_dataloader.dataset.data_root=/nowhere'], '/nowhere: the data root'),
        (['--test'], ['test_dataloader.dataset.data_root=/nowhere'], '/nowhere: the data root'),
        ([], ['train_dataloader.dataset.split=none'], 'none: the split folder does not exist'),
        (['--resume', 'none.pth'], [], 'none.pth: the checkpoint does not exist'),
        (['--resume', '.'], [], '.: holds no checkpoint to resume'),
        ([], ['load_from=none.pth'], 'none.pth: the checkpoint does not exist'),
    ],
)
def test_what_is_missing_is_said_before_the_model_is_built(
    root, tmp_path, monkeypatch, capsys, extra, options, message
):
    monkeypatch.setattr('salkit.models.SaliencyModel.__init__', no_model)
    work_dir = tmp_path / 'work'
    assert main(command(root, work_dir, *options, extra=extra)) == 2
    assert message in capsys.readouterr().err and not work_dir.exists()


def test_a_missing_data_root_is_said_before_a_checkpoint_is_read(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr('salkit.checkpoints.read_checkpoint', no_model)
    assert main(['test', CONFIG, str(tmp_path), '--cfg-options', 'data_root=/nowhere']) == 2
    assert '/nowhere: the data root does not exist' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['default_hooks.checkpoint.save_best=nss'], 'save_best must be one of CC, KL, SIM, NSS'),
        (["default_hooks.checkpoint.save_best=['CC','AUC']"], "got 'AUC'"),
        (['default_hooks.checkpoint.save_best=KL'], "best KL is the one that is less, got .*ater'"),
        (['+optim_wrapper.optimizer.betas=(2,3)'], 'optim_wrapper cannot be set up .* parameter'),
        (['param_scheduler.0.begin=30'], 'param_scheduler cannot .* end should be larger'),
        (['+auto_scale_lr=dict(enable=true)'], 'auto_scale_lr cannot .*base_batch_size'),
        (['custom_hooks=[dict(type=EMAHook,momentum=7)]'], 'a hook cannot .* momentum must be'),
        (['train_dataloader.sampler.type=Sampler'], 'train_dataloader cannot .*Sampler is not'),
        (['+val_cfg.begin=3'], "val_cfg, .* cannot .* 'begin'"),
        (['+compile=dict(x=3)', 'train_dataloader.num_workers=0'], "compile cannot .* 'x'"),
    ],
)
def test_what_cannot_be_set_up_is_one_error_before_the_first_step(
    root, tmp_path, monkeypatch, options, message
):
    monkeypatch.setattr('mmengine.runner.EpochBasedTrainLoop.run_epoch', no_model)
    with pytest.raises(ConfigError, match=message):
        runner_of(root, tmp_path, *options).train()


@pytest.mark.parametrize(
    ('option', 'message'),
    [
        ('optim_wrapper.optimizer.type=Adm', "optimizer 'Adm'.*did you mean Adam"),
        ('optim_wrapper.optimizer=dict(type=Adam,rate=1)', "Adam has no argument 'rate'"),
        ('optim_wrapper.clip_grad=dict(max_nrm=1)', "clip_grad_norm_ has no argument 'max_nrm'"),
        ('param_scheduler.0.type=Linear', "parameter scheduler 'Linear'"),
        ('param_scheduler=[3]', 'param_scheduler: expected dicts, got 3'),
        ('+randomness.sed=3', "the Runner cannot be set up .* 'sed'"),
        ('visualizer.type=x', 'the Runner cannot be set up .*visualizer'),
        ('model.encoder.arch=7', "UMTEncoder cannot be set up as asked: TypeError: 'int'"),
        ('model.encoder.clip_len=x', "UMTEncoder: clip_len must be int, got 'x'"),
        ('+model.losses.cc.weight=[1]', r'CCLoss: weight must be float, got \[1\]'),
        ('model.losses=3', 'SaliencyModel cannot be set up as asked'),
        ('model.encoder.type=3', 'encoder: expected a name, got 3'),
        ('train_dataloader.dataset.pipeline=[3]', "a transform needs a dict with the key 'type'"),
        ('+train_dataloader.dataset.pipeline.0.no=3', "LoadClip has no argument 'no'"),
    ],
)
def test_what_a_class_cannot_take_names_the_class(root, tmp_path, option, message):
    with pytest.raises(ConfigError, match=message):
        runner_of(root, tmp_path, option)


def test_the_best_may_be_the_lowest(root, tmp_path):
    options = ['default_hooks.checkpoint.save_best=KL', 'default_hooks.checkpoint.rule=less']
    runner = runner_of(root, tmp_path, *options)
    assert runner.build_val_loop(runner._val_loop)


def test_a_run_that_resumes_by_its_config_asks_no_other_folder(root, tmp_path):
    (tmp_path / 'last_checkpoint').write_text('/somewhere/else/epoch_1.pth')
    runner = runner_of(root, tmp_path, 'resume=True')
    assert (runner._resume, runner._load_from) == (False, None)
    (tmp_path / 'epoch_1.pth').touch()
    runner = runner_of(root, tmp_path, 'resume=True')
    assert (runner._resume, runner._load_from) == (True, str(tmp_path / 'epoch_1.pth'))
    assert runner.resumed_from == tmp_path / 'epoch_1.pth'
    # Weights to begin with are nothing to go on from.
    option = f'load_from={tmp_path / "epoch_1.pth"}'
    assert runner_of(root, tmp_path, option).resumed_from is None


@pytest.mark.parametrize(
    ('launcher', 'environment', 'message'),
    [
        ('slurm', {}, 'start the command with srun, which sets SLURM_PROCID; .* a number, got'),
        ('mpi', {}, 'start the command with mpirun, which sets OMPI_COMM_WORLD_RANK'),
        ('pytorch', {}, 'start the command with torchrun, which sets RANK'),
        ('pytorch', dict(RANK='x'), "which sets RANK; expected a number, got 'x'"),
        ('pytorch', dict(RANK='0', WORLD_SIZE='1'), 'which sets LOCAL_RANK'),
    ],
)
def test_a_launcher_that_did_not_start_the_command(
    monkeypatch, capsys, launcher, environment, message
):
    for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK'):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(['train', CONFIG, '--launcher', launcher]) == 2
    assert re.search(message, capsys.readouterr().err)


def test_metrics_may_be_chosen(root, tmp_path):
    runner = runner_of(root, tmp_path, "+val_evaluator.metrics=['CC','NSS']")
    (metric,) = runner.build_evaluator(runner._val_evaluator).metrics
    assert metric.names == ['CC', 'NSS']


def test_hooks_and_metrics_are_checked_before_anything_is_opened(tmp_path):
    with pytest.raises(ConfigError, match="LoggerHook has no argument 'intervall'"):
        runner_of('nowhere', tmp_path, '+default_hooks.logger.intervall=3')
    with pytest.raises(ConfigError, match='did you mean SaliencyMetric'):
        runner_of('nowhere', tmp_path, 'val_evaluator.type=SaliencyMetrics')


@pytest.mark.parametrize('key', ['train_dataloader', 'train_cfg', 'val_evaluator', 'optim_wrapper'])
def test_a_config_without_what_training_needs(root, tmp_path, key):
    with pytest.raises(ConfigError, match=f'the config has no {key}, which this command needs'):
        runner_of(root, tmp_path, f'{key}=None')


@pytest.mark.parametrize(
    ('item', 'expected'),
    [
        ('optim_wrapper={}', 'optim_wrapper has no optimizer'),
        ('model.encoder=None', "a encoder needs a dict with the key 'type', got None"),
        ('model.losses.cc.weight=nan', 'CCLoss: weight must be finite, got nan'),
        ('model.losses.cc=dict(type=)', "no installed plugin offers the loss ''"),
    ],
)
def test_a_config_that_cannot_train(root, tmp_path, item, expected):
    with pytest.raises(ConfigError, match=expected):
        runner_of(root, tmp_path, item)
    assert not any(tmp_path.iterdir())


def test_schedules_follow_the_number_of_epochs():
    cfg = load_config(CONFIG, {'train_cfg.max_epochs': 7})
    assert [scheduler['end'] for scheduler in schedulers_of(cfg)] == [24, 7]
    assert cfg.param_scheduler[1]['end'] == 'max_epochs'
    assert schedulers_of(load_config('salfom/umt-l16_cc-kl')) is None


def test_every_epoch_has_its_own_seed_and_number(root, tmp_path):
    dataset = VideoSaliencyDataset(str(root), clip_len=4)
    wrapped = torch.utils.data.ConcatDataset([dataset])
    drawn = []
    for epoch in (0, 1, 0):
        runner = SimpleNamespace(
            seed=3, epoch=epoch, iter=7, train_dataloader=SimpleNamespace(dataset=wrapped)
        )
        EpochSeedHook().before_train_epoch(runner)
        assert dataset.epoch == epoch
        drawn.append((torch.rand(1).item(), np.random.rand()))
        # Whatever has been drawn before, so has every step.
        EpochSeedHook().before_train_iter(runner, 0)
        drawn.append((torch.rand(1).item(), np.random.rand()))
    assert drawn[:2] == drawn[4:] and len(set(drawn)) == 4


def test_where_in_an_epoch_a_run_goes_on(root, tmp_path, capsys):
    runner = runner_of(root, tmp_path, '+train_dataloader.dataset.clips_per_video=4')
    shape = dict(batches_per_epoch=8, batch_size=2, processes=1)
    assert runner._epoch_shape() == shape
    for meta, first in (
        (dict(shape, batch=5), 5),
        (dict(shape, batch=0), 0),
        # Older ones do not say.
        (dict(epoch=3, iter=24), 0),
        (dict(shape, batch=-2), 0),
        (dict(shape, batch='5'), 0),
    ):
        assert runner._first_batch('a.pth', meta) == first
    assert 'an epoch was' not in capsys.readouterr().out
    for meta, told in (
        (dict(shape, batch=5, batch_size=4, batches_per_epoch=4), 'the epoch begins anew'),
        (dict(shape, batch=0, processes=2), 'schedules by iteration end where they did'),
    ):
        assert runner._first_batch('a.pth', meta) == 0
        assert 'a.pth: an epoch was {' in capsys.readouterr().out.split(told)[0]


def test_several_optimizers_are_resumed_by_their_names(root, tmp_path):
    runner = runner_of(root, tmp_path)
    model = runner.bare_model

    def wrappers(lr):
        parts = dict(encoder=model.encoder, decoder=model.decoder)
        return OptimWrapperDict(
            **{n: OptimWrapper(torch.optim.SGD(p.parameters(), lr=lr)) for n, p in parts.items()}
        )

    runner.optim_wrapper = wrappers(0.5)
    runner._load_optimizer_state(wrappers(0.25).state_dict())
    assert {w.param_groups[0]['lr'] for w in runner.optim_wrapper.values()} == {0.25}


def test_only_training_checkpoints_can_be_resumed(root, tmp_path):
    runner = runner_of(root, tmp_path)
    torch.save(dict(state_dict=runner.model.state_dict()), tmp_path / 'bare.pth')
    with pytest.raises(
        CheckpointError, match=r'bare\.pth: cannot be resumed, it holds no message_hub'
    ):
        runner.resume(str(tmp_path / 'bare.pth'))


@pytest.mark.slow
@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (lambda c: c['meta'].update(epoch='4'), r"iteration are \['4', 8\], expected whole"),
        (lambda c: c['meta'].pop('iter'), r'iteration are \[4, None\], expected whole'),
        (lambda c: c['message_hub'].update(log_scalars=7), 'the state of another kind of run'),
        (lambda c: c.update(optimizer=dict(state={})), 'the state of another kind of run'),
        (lambda c: c.update(param_schedulers=[3, 4]), 'the state of another kind of run'),
    ],
)
def test_a_state_that_is_none_is_one_error(finished, root, tmp_path, capsys, spoil, message):
    checkpoint = torch.load(finished[0] / 'epoch_4.pth', weights_only=True)
    spoil(checkpoint)
    torch.save(checkpoint, tmp_path / 'spoilt.pth')
    argv = command(root, tmp_path, extra=['--resume', str(tmp_path / 'spoilt.pth')], epochs=5)
    assert main(argv) == 2
    assert re.search(f'spoilt.pth: cannot be resumed, .*{message}', capsys.readouterr().err)


def test_the_config_in_a_work_dir_is_that_of_its_weights(finished):
    work_dir, _ = finished
    written = load_config(work_dir / 'umt-tiny_cc-kl.py').model
    told = find_model(work_dir)[0].model
    assert json.dumps(plain_config(written)) == json.dumps(told)
    assert list(written.decoder.branches) == ['swin3d', 'dfd', 'sfd']


def test_the_latest_checkpoint_is_the_highest_complete_one(tmp_path):
    assert find_latest_checkpoint(tmp_path) is None
    for name in ('epoch_9.pth', 'epoch_10.pth', 'best_CC_epoch_11.pth', '.epoch_12.pth.1@a'):
        (tmp_path / name).write_bytes(b'')
    assert find_latest_checkpoint(tmp_path) == Path(tmp_path / 'epoch_10.pth')
    (tmp_path / 'epoch_9_iter_99.pth').write_bytes(b'')
    assert find_latest_checkpoint(tmp_path) == Path(tmp_path / 'epoch_10.pth')
    for name in ('epoch_10_iter_101.pth', 'epoch_10_iter_99.pth'):
        (tmp_path / name).write_bytes(b'')
    assert find_latest_checkpoint(tmp_path) == Path(tmp_path / 'epoch_10_iter_101.pth')
    # Beside one that is named by its iteration alone, the files are asked.
    for name, count in (('epoch_10_iter_101.pth', 101), ('iter_90.pth', 90), ('iter_110.pth', 110)):
        weights = dict(a=torch.ones(1))
        torch.save(dict(state_dict=weights, meta=dict(iter=count)), tmp_path / name)
    assert find_latest_checkpoint(tmp_path) == Path(tmp_path / 'iter_110.pth')
    (tmp_path / 'iter_110.pth').unlink()
    assert find_latest_checkpoint(tmp_path) == Path(tmp_path / 'epoch_10_iter_101.pth')


def test_the_message_hub_survives_packing():
    from mmengine.logging import MessageHub

    hub = MessageHub('packing')
    for value in (1.0, 2.5):
        hub.update_scalar('train/loss', value, count=2)
    hub.update_info('best_score', np.float64(0.5))
    packed = pack_message_hub(hub.state_dict())
    assert type(packed['runtime_info']['best_score']) is float
    other = MessageHub('unpacking')
    other.load_state_dict(unpack_message_hub(packed))
    assert other.get_scalar('train/loss').mean() == hub.get_scalar('train/loss').mean()
    assert other.get_info('best_score') == 0.5


def test_plain_values():
    value = plain(dict(a=np.float32(1.5), b=[np.arange(2)], c=(np.int64(3), None, 'x')))
    assert value['a'] == 1.5 and type(value['a']) is float
    assert torch.equal(value['b'][0], torch.arange(2)) and value['c'] == (3, None, 'x')


@pytest.mark.parametrize('kind', ['npy', 'png16', 'png'])
def test_dumped_maps_read_back(tmp_path, kind):
    import cv2

    saliency = np.random.default_rng(0).random((5, 6)).astype(np.float32)
    write_map_file(saliency, tmp_path / 'a.b', kind)
    (path,) = tmp_path.iterdir()
    assert path.name == ('a.b.npy' if kind == 'npy' else 'a.b.png')
    if kind == 'npy':
        np.testing.assert_array_equal(np.load(path), saliency)
    else:
        read = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        top = np.iinfo(read.dtype).max
        assert top == (65535 if kind == 'png16' else 255)
        np.testing.assert_allclose(read / top, saliency, atol=0.51 / top)
    with pytest.raises(ConfigError, match='npy, png16, png'):
        DumpMapsHook('x', 'jpg')

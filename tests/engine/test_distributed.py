"""Several processes: the same gradients, one end for all, models in shards."""

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from make_data import write_dataset
from mmengine.runner import EpochBasedTrainLoop
from nursery import command_lines
from ranks import free_port, run_ranks, start_ranks
from small_models import MODEL, assert_same

from salkit.builder import build
from salkit.checkpoints import read_checkpoint
from salkit.cli import main
from salkit.registry import MODELS
from salkit.types import Targets

TOOLS = Path(__file__).parents[2] / 'tools'
CONFIG = 'demo/umt-tiny_cc-kl'
ONE_BLOCK = [
    *[f'{name}_dataloader.dataset.clip_len=4' for name in ('train', 'val', 'test')],
    *[f'{name}_dataloader.dataset.pipeline.0.size=(16,32)' for name in ('train', 'val', 'test')],
    *[f'{name}_dataloader.num_workers=0' for name in ('train', 'val', 'test')],
    'train_dataloader.dataset.pipeline.1.size=(16,32)',
    'train_dataloader.batch_size=1',
    'model.encoder=dict(type="UMTEncoder",arch=dict(embed_dim=24,depth=2,num_heads=2),clip_len=4)',
    'model.decoder.branches.dfd=None',
    'model.decoder.branches.sfd=None',
    'default_hooks.logger.interval=1',
]


@pytest.fixture
def root(tmp_path):
    return write_dataset(tmp_path / 'set')


def command(root, work_dir, *options, launcher, extra=(), epochs=2):
    """Arguments of a short run of a model of few parts."""
    return [
        *(
            'train',
            CONFIG,
            '--work-dir',
            str(work_dir),
            '--launcher',
            launcher,
            '--verbose',
            *extra,
        ),
        *('--cfg-options', f'data_root={root}', f'train_cfg.max_epochs={epochs}'),
        *('train_cfg.val_interval=2', *ONE_BLOCK, *options),
    ]


# Gradients ----------------------------------------------------------------------------------------


def _gradients(model, clip, density, fixations):
    model.zero_grad()
    losses = model(clip, Targets(density_map=density, fixation_map=fixations), mode='loss')
    sum(losses.values()).backward()
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def _compare_gradients(fixated):
    torch.distributed.init_process_group('gloo')
    rank = torch.distributed.get_rank()
    torch.manual_seed(0)
    branches = dict(MODEL['decoder']['branches'])
    branches['swin3d'] = dict(branches['swin3d'], drop_path=0.0)
    names = dict(cc='CCLoss', kl='KLLoss', sim='SIMLoss', nss='NSSLoss')
    model = build(
        MODELS,
        dict(
            MODEL,
            decoder=dict(MODEL['decoder'], branches=branches),
            losses={name: dict(type=kind) for name, kind in names.items()},
        ),
    ).double()
    clip, density = torch.randn(4, 3, 16, 32, 32).double(), torch.rand(4, 32, 32).double()
    for items in fixated:
        fixations = torch.rand(4, 32, 32).double() > 0.95
        fixations &= torch.tensor(items).view(4, 1, 1)
        alone = _gradients(model, clip, density, fixations)
        parallel = torch.nn.parallel.DistributedDataParallel(model)
        own = slice(2 * rank, 2 * rank + 2)
        together = _gradients(parallel, clip[own], density[own], fixations[own])
        print((together - alone).abs().max().item(), alone.abs().max().item())
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_have_the_gradients_of_one_with_both_batches(tmp_path):
    T, F = True, False
    # The last: a process with less fixated items than the other, whose mean counts as much.
    fixated = [(T, T, T, T), (T, F, F, T), (F, F, F, F), (T, F, T, T)]
    out = run_ranks(_compare_gradients, tmp_path / 'ranks', fixated)
    apart = [[float(number) for number in line.split()] for line in out.splitlines()]
    assert all(largest > 0.01 for _, largest in apart)
    assert all(difference < 1e-6 for difference, _ in apart[:3]) and apart[3][0] > 1e-3


# One end for all ----------------------------------------------------------------------------------


def break_frames(root):
    """Spoil a training video that the second process gets first, or both soon."""
    for frame in (root / 'train' / 'train001' / 'images').glob('*.png'):
        frame.write_bytes(b'broken')


@pytest.mark.slow
def test_all_end_where_one_meets_a_broken_frame(root, tmp_path):
    break_frames(root)
    argv = command(root, tmp_path / 'work', launcher='mpi')
    ranks = start_ranks(main, tmp_path / 'ranks', argv)
    ended = [rank.ended() for rank in ranks]
    errors = sorted(err.strip() for _, _, err in ended)
    assert [code for code, _, _ in ended] == [2, 2]
    assert re.search(r'^salkit train: error: .*train001.*: cannot be read as an image', errors[0])
    assert re.fullmatch(
        r'salkit train: error: rank [01]: another process of the run ended .*', errors[1]
    )


@pytest.mark.slow
def test_all_end_where_one_is_killed(root, tmp_path):
    work_dir = tmp_path / 'work'
    argv = command(root, work_dir, launcher='slurm', epochs=1000)
    ranks = start_ranks(main, tmp_path / 'ranks', argv)
    while not (work_dir / 'epoch_1.pth').exists():
        assert all(rank.process.is_alive() for rank in ranks)
        time.sleep(0.01)
    ranks[1].process.kill()
    code, _, err = ranks[0].ended()
    assert code == 2 and ranks[1].ended()[0] == -9
    assert err.splitlines() == [
        'salkit train: error: rank 0: another process of the run ended or hangs; its own message '
        'says why'
    ]


@pytest.mark.slow
def test_the_report_of_torchrun_ends_with_the_message(root, tmp_path):
    break_frames(root)
    _, config, *rest = command(root, tmp_path / 'work', launcher='pytorch')
    done = subprocess.run(
        [TOOLS / 'dist_train.sh', config, '2', *rest],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            'PATH': f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}',
            'OMP_NUM_THREADS': '1',
            'CUDA_VISIBLE_DEVICES': '',
        },
    )
    assert done.returncode == 1
    cause = done.stderr.split('Root Cause')[1]
    assert re.search(r'traceback : .*train001.*: cannot be read as an image \(expected PNG', cause)
    # The only traceback is that of torchrun itself.
    assert done.stderr.count('Traceback (most recent call last)') == 1
    assert not any(str(tmp_path) in line for line in command_lines())


# Starting -----------------------------------------------------------------------------------------


def write_script(path, text):
    path.write_text(f'#!/bin/sh\n{text}\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_what_srun_is_called_with(tmp_path):
    write_script(tmp_path / 'srun', 'printf "%s\\n" "$MASTER_PORT" "$@"')
    done = subprocess.run(
        [TOOLS / 'slurm_train.sh', 'gpus', 'a job', 'CONFIG', 'out dir', '--amp'],
        capture_output=True,
        text=True,
        check=True,
        env={'PATH': f'{tmp_path}:{os.environ["PATH"]}', 'GPUS': '4', 'SRUN_ARGS': '--time=1 -Q'},
    )
    port, *arguments = done.stdout.splitlines()
    assert 20000 <= int(port) < 32000
    assert {'--partition=gpus', '--job-name=a job', '--ntasks=4', '--gres=gpu:4'} < {*arguments}
    assert {'--kill-on-bad-exit=1', '--signal=USR1@120', '--time=1', '-Q'} < {*arguments}
    options = ['CONFIG', '--work-dir', 'out dir', '--launcher', 'slurm', '--amp']
    assert arguments[-8:] == ['-u', str(TOOLS / 'train.py'), *options]


@pytest.mark.parametrize('script', ['dist_train.sh', 'slurm_train.sh'])
def test_scripts_that_lack_arguments_say_how_they_are_called(script):
    done = subprocess.run([TOOLS / script, 'one'], capture_output=True, text=True)
    assert done.returncode == 2 and f'tools/{script} ' in done.stderr


def _enter(monkeypatch, tmp_path):
    from salkit.cli.launchers import _tell_pytorch

    own = dict(SLURM_PROCID='1', SLURM_NTASKS='4', SLURM_LOCALID='1', SLURM_NODELIST='gpu[03-04]')
    for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'LOCAL_WORLD_SIZE', 'MASTER_ADDR'):
        # Noted, so that what is set below is undone.
        monkeypatch.setenv(name, '')
        monkeypatch.delenv(name)
    monkeypatch.setenv('MASTER_PORT', '1234')
    monkeypatch.setenv('SLURM_NTASKS_PER_NODE', '2')
    monkeypatch.setenv('PATH', str(tmp_path))
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    _tell_pytorch('slurm')
    names = ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'LOCAL_WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT')
    return [os.environ[name] for name in names]


def test_slurm_says_which_node_is_the_first(monkeypatch, tmp_path):
    write_script(tmp_path / 'scontrol', 'echo "gpu03\ngpu04"')
    assert _enter(monkeypatch, tmp_path) == ['1', '4', '1', '2', 'gpu03', '1234']


def test_slurm_without_its_tools(monkeypatch, tmp_path):
    from salkit.errors import ConfigError

    with pytest.raises(ConfigError, match=r'gpu\[03-04\] is the first .*set MASTER_ADDR'):
        _enter(monkeypatch, tmp_path)


# Shards -------------------------------------------------------------------------------------------


def _one_after_another(commands, ports):
    for argv, port in zip(commands, ports, strict=True):
        os.environ['MASTER_PORT'] = port
        with pytest.MonkeyPatch.context() as patch:
            if '/stopped/' in argv[3] and '--resume' not in argv:
                patch.setattr(EpochBasedTrainLoop, 'run_iter', _signal_within_the_second_epoch)
            assert main(argv) == 0
        print('=' * 9)


_run_iter = EpochBasedTrainLoop.run_iter


def _signal_within_the_second_epoch(loop, *batch):
    """Have the cluster take the machine of one process back."""
    if loop.iter == 2 and os.environ['RANK'] == '1':
        signal.raise_signal(signal.SIGUSR1)
    _run_iter(loop, *batch)


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    """Work dirs of runs of two processes, and what each printed.

    `ddp`, `whole` and `sharded` trained for two epochs, those of `resumed/` went on from their
    first, those of `stopped/` from where a signal ended them within the second; `bfloat16`, in
    shards, from the first of `ddp`.
    """
    folder = tmp_path_factory.mktemp('runs')
    root = write_dataset(folder / 'set')
    strategies = dict(
        ddp=[],
        whole=["+strategy=dict(type='FSDP2')"],
        sharded=["+strategy=dict(type='FSDP2',checkpoint='sharded')"],
    )
    launchers = dict(ddp='mpi', whole='pytorch', sharded='slurm')
    names, commands = [], []
    for name, strategy in strategies.items():
        for path, extra in (
            (name, ()),
            (f'resumed/{name}', ('--resume', str(folder / name / 'epoch_1.pth'))),
            (f'stopped/{name}', ()),
            (f'stopped/{name}', ('--resume',)),
        ):
            names.append(path)
            commands.append(
                command(root, folder / path, *strategy, launcher=launchers[name], extra=extra)
            )
    shortly = dict(type='FSDP2', mixed_precision='bfloat16', shard_modules=['UMTBlock'])
    shortly['reshard_after_forward'] = False
    names.append('bfloat16')
    options = [f'+strategy={shortly}', '+model.decoder.branches.swin3d.drop_path=0']
    extra = ('--resume', str(folder / 'ddp' / 'epoch_1.pth'))
    commands.append(command(root, folder / 'bfloat16', *options, launcher='mpi', extra=extra))
    ports = [free_port() for _ in commands]
    out = run_ranks(_one_after_another, folder / 'ranks', commands, ports).split('=' * 9)
    logs = dict.fromkeys(names, '')
    for name, text in zip(names, out, strict=False):
        logs[name] += text
    return folder, logs


def read(folder, name):
    return read_checkpoint(folder / name / 'epoch_2.pth')


def losses(log):
    return [float(loss) for loss in re.findall(r'Epoch\(train\).*?loss: ([\d.-]+)', log)]


@pytest.mark.slow
@pytest.mark.parametrize('name', ['whole', 'sharded'])
def test_a_model_in_shards_learns_what_a_whole_one_does(runs, name):
    folder, logs = runs
    assert losses(logs[name]) == pytest.approx(losses(logs['ddp']), abs=1e-4)
    grad_norms = [re.findall(r'grad_norm: ([\d.]+)', logs[each]) for each in (name, 'ddp')]
    assert grad_norms[0] == grad_norms[1] and len(grad_norms[0]) == 4
    own, plain = read(folder, name), read(folder, 'ddp')
    assert own.weights.keys() == plain.weights.keys() and own.rest.keys() == plain.rest.keys()
    for key, value in plain.weights.items():
        torch.testing.assert_close(own.weights[key], value, atol=1e-5, rtol=0)
    best = [next((folder / each).glob('best_CC_*.pth')) for each in (name, 'ddp')]
    assert best[0].is_file() and best[0].name == best[1].name


@pytest.mark.slow
def test_a_whole_checkpoint_of_shards_is_that_of_any_run(runs):
    folder, _ = runs
    own, plain = (
        torch.load(folder / name / 'epoch_2.pth', weights_only=True)['optimizer']
        for name in ('whole', 'ddp')
    )
    assert own['param_groups'] == plain['param_groups']
    assert own['state'].keys() == plain['state'].keys()
    for index, state in plain['state'].items():
        torch.testing.assert_close(own['state'][index], state, atol=1e-5, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize('name', ['ddp', 'whole', 'sharded'])
def test_resumed_equals_undisturbed(runs, name):
    folder, logs = runs
    assert len(losses(logs[f'resumed/{name}'])) == 2
    assert_same(read(folder, f'resumed/{name}').weights, read(folder, name).weights)


@pytest.mark.slow
@pytest.mark.parametrize('name', ['ddp', 'whole', 'sharded'])
def test_all_stop_after_the_step_in_which_one_got_a_signal_and_go_on_there(runs, name):
    folder, logs = runs
    log = logs[f'stopped/{name}']
    assert len(losses(log)) == 4 and 'resumed epoch: 1, iter: 3' in log
    assert_same(read(folder, f'stopped/{name}').weights, read(folder, name).weights)
    # It replaced the checkpoint within the epoch.
    assert not list((folder / 'stopped' / name).glob('epoch_*_iter_*'))


@pytest.mark.slow
def test_bfloat16_keeps_the_parameters_in_float32(runs):
    folder, logs = runs
    assert {value.dtype for value in read(folder, 'bfloat16').weights.values()} == {torch.float32}
    # CC would not do: in bfloat16, the maps of an untrained model have next to no values.
    kl, plain = (
        [float(value) for value in re.findall(r'loss_kl: ([\d.]+)', logs[name])[-2:]]
        for name in ('bfloat16', 'ddp')
    )
    assert kl != plain and kl == pytest.approx(plain, abs=0.02)


@pytest.mark.slow
def test_one_process_goes_on_from_shards_and_makes_them_whole(runs, tmp_path, capsys):
    folder, _ = runs
    first = folder / 'sharded' / 'epoch_1.pth'
    assert sorted(path.name for path in first.iterdir()) == [
        '.metadata', '__0_0.distcp', '__1_0.distcp', 'run.pth'
    ]  # fmt: skip
    assert main(['convert', str(first), str(tmp_path / 'whole.safetensors')]) == 0
    assert_same(
        read_checkpoint(tmp_path / 'whole.safetensors').weights, read_checkpoint(first).weights
    )
    options = ['train_dataloader.batch_size=2', "+strategy=dict(type='FSDP2')"]
    extra = ('--resume', str(first))
    argv = command(folder / 'set', tmp_path / 'one', *options, launcher='none', extra=extra)
    assert main(argv) == 0
    assert 'The strategy is not used' in capsys.readouterr().out
    own, plain = read_checkpoint(tmp_path / 'one' / 'epoch_2.pth'), read(folder, 'ddp')
    state, expected = (each.rest['optimizer']['state'] for each in (own, plain))
    assert state.keys() == expected.keys()
    assert all(state[index]['step'] == 4 for index in state)


@pytest.mark.slow
def test_shards_whose_index_would_run_code_are_refused(runs, tmp_path):
    from salkit.errors import CheckpointError

    crafted = shutil.copytree(runs[0] / 'sharded' / 'epoch_1.pth', tmp_path / 'crafted.pth')
    trap = tmp_path / 'trap'
    (crafted / '.metadata').write_bytes(f"cos\nsystem\n(S'touch {trap}'\ntR.".encode())
    with pytest.raises(CheckpointError, match=r'asks for os\.system'):
        read_checkpoint(crafted)
    (crafted / '.metadata').write_bytes(b'broken')
    with pytest.raises(CheckpointError, match='cannot be read as a checkpoint in shards'):
        read_checkpoint(crafted)
    assert not trap.exists()

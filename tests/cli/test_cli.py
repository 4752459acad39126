import json
import os
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from make_data import write_dataset

import salkit
from salkit.cli import COMMANDS, demo, main
from salkit.cli.common import ended_as_interrupted
from salkit.media import photographs
from salkit.scoring import score_protocols

ROOT = Path(salkit.__file__).parents[1]
CONFIG = 'demo/umt-tiny_cc-kl'
FAST = [
    'train_dataloader.num_workers=0',
    'val_dataloader.num_workers=0',
    'test_dataloader.num_workers=0',
]


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp('data') / 'set', frames=9)


@pytest.fixture
def checkpoint(tmp_path):
    torch.save(dict(state_dict=salkit.build_model(CONFIG).state_dict()), tmp_path / 'a.pth')
    return tmp_path / 'a.pth'


def fails(capsys, *argv):
    """Run a command that must fail as a user's mistake; gives its one line."""
    assert main([str(item) for item in argv]) == 2
    captured = capsys.readouterr()
    assert 'Traceback' not in captured.err
    line = captured.err.strip().splitlines()[-1]
    assert line.startswith(f'salkit {argv[0]}: error: ')
    return line


def test_help_lists_the_commands(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(['--help'])
    text = capsys.readouterr().out
    assert stopped.value.code == 0 and all(name in text for name in COMMANDS)


@pytest.mark.parametrize('argv', [['fly'], ['train'], ['test']])
def test_wrong_usage(argv):
    with pytest.raises(SystemExit) as stopped:
        main(argv)
    assert stopped.value.code == 2


@pytest.mark.parametrize('name', sorted(COMMANDS))
def test_help_of_every_command(name, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([name, '--help'])
    assert stopped.value.code == 0 and '--traceback' in capsys.readouterr().out


def test_help_imports_nothing_heavy():
    code = (
        'import sys\nfrom salkit.cli import COMMANDS, main\n'
        "for argv in [['--help'], *([command, '--help'] for command in COMMANDS)]:\n"
        '    try: main(argv)\n    except SystemExit: pass\n'
        "    found = {'torch', 'mmengine', 'numpy', 'timm', 'av'} & set(sys.modules)\n"
        '    assert not found, (argv, found)\n'
    )
    subprocess.run([sys.executable, '-c', code], check=True, capture_output=True)


def with_root(root, *more):
    return ['--cfg-options', f'data_root={root}', *FAST, *more]


def test_mistakes_get_one_line_that_names_the_cause(capsys, root, tmp_path):
    train = ['train', CONFIG, '--work-dir', tmp_path / 'work']
    assert 'no/such' in fails(capsys, 'train', 'no/such')
    assert 'nowhere: the data root does not exist' in fails(capsys, *train, *with_root('nowhere'))
    line = fails(capsys, *train, *with_root(root, 'model.encoder.type=UMTEncodr'))
    assert "'UMTEncodr', nor does salkit itself; did you mean UMTEncoder" in line
    line = fails(capsys, *train, *with_root(root, 'train_dataloader.dataset.clip_len=16'))
    assert 'clips of 8 frames' in line and '16' in line
    size = [
        'train_dataloader.dataset.pipeline.0.size=(60,96)',
        'train_dataloader.dataset.pipeline.1.size=(60,96)',
    ]
    line = fails(capsys, *train, *with_root(root, *size))
    assert 'divisible by 16, got 60 x 96' in line
    line = fails(capsys, *train, *with_root(root, 'train_dataloader.bach_size=2'))
    assert 'did you mean batch_size' in line
    assert 'does not exist' in fails(capsys, *train, '--resume', 'no.pth', *with_root(root))


def test_a_missing_density_map_is_named(capsys, tmp_path):
    root = write_dataset(tmp_path / 'set', frames=9)
    (root / 'train' / 'train002' / 'maps' / '0005.png').unlink()
    line = fails(capsys, 'train', CONFIG, '--work-dir', tmp_path / 'w', *with_root(root))
    assert 'train002: 9 frames but 8 density maps; no density map for frame 0005' in line


def test_a_file_that_is_no_checkpoint_is_named(capsys, root, tmp_path):
    (tmp_path / 'text.pth').write_text('hello')
    for name, reason in (('text.pth', 'cannot be read'), ('no.pth', 'does not exist')):
        argv = ['test', CONFIG, tmp_path / name, '--work-dir', tmp_path / 'w', *with_root(root)]
        line = fails(capsys, *argv)
        assert name in line and reason in line


def test_a_checkpoint_of_another_model_is_refused(capsys, root, tmp_path, checkpoint):
    argv = ['test', CONFIG, checkpoint, '--work-dir', tmp_path / 'w']
    line = fails(capsys, *argv, *with_root(root, 'model.decoder.branches.dfd.layers=fewer'))
    assert 'does not fit the model' in line


def test_traceback_on_request(capsys):
    assert main(['train', 'no/such', '--traceback']) == 2
    assert 'Traceback' in capsys.readouterr().err


def test_scores_and_maps_of_a_test(root, tmp_path, checkpoint, capsys):
    out, maps = tmp_path / 'out' / 'scores.json', tmp_path / 'maps'
    argv = ['test', CONFIG, checkpoint, '--out', out, '--dump', maps, '--work-dir', tmp_path / 'w']
    assert main([str(item) for item in [*argv, *with_root(root)]]) == 0
    printed = capsys.readouterr().out
    exact, tmfi = json.loads(out.read_text())['reports']
    for scores in (exact, tmfi):
        head = f'protocol {scores["protocol"]}, {root.name} test: 2 videos, 18 frames'
        assert head in printed and scores['frames'] == 18
        assert sorted(scores['per_video']) == ['test000', 'test001']
        assert scores['model']['name'] == 'umt-tiny_cc-kl' and scores['model']['parameters'] > 1e4
        assert scores['model']['frames_per_s'] > 0 and scores['model']['device'].startswith('CPU')
    assert list(exact['scores']) == ['CC', 'KL', 'SIM', 'NSS', 'AUC-J', 's-AUC']
    assert list(tmfi['scores']) == ['CC', 'KL', 'SIM', 'NSS', 'AUC-J']
    # The same maps, scored once more from their files.
    again = score_protocols(maps, root, ['exact', 'tmfi'], split='test', final=True, workers=1)
    for scores in (exact, tmfi):
        found = again.reports[scores['protocol']].scores
        assert found == pytest.approx(scores['scores'], abs=1e-6, nan_ok=True)
    assert len(list(maps.rglob('*.npy'))) == 18
    first = np.load(maps / 'test000' / '0001.npy')
    assert first.shape == (32, 48) and first.dtype == np.float32
    # What was written is what was scored.
    from PIL import Image

    density = np.asarray(Image.open(root / 'test/test000/maps/0001.png')) / 255
    values = [
        salkit.functional.cc(
            np.load(maps / 'test000' / f'{i:04d}.npy').astype(float),
            np.asarray(Image.open(root / f'test/test000/maps/{i:04d}.png')) / 255,
        )
        for i in range(1, 10)
    ]
    assert density.shape == first.shape
    assert scores['per_video']['test000']['CC'] == pytest.approx(np.mean(values), abs=1e-6)


SCRIPTS = {
    'train.py': ['no/such'],
    'test.py': ['no/such', 'x'],
    'convert.py': ['no.pth', 'x.pth'],
    'profile.py': ['no/such'],
    'tables.py': ['9'],
    'sweep.py': ['table9'],
    'new_plugin.py': ['1'],
}


@pytest.mark.parametrize('script', SCRIPTS)
def test_the_scripts_are_the_same_doors(script, tmp_path, monkeypatch, capsys):
    path = ROOT / 'tools' / script
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'argv', [str(path), *SCRIPTS[script]])
    monkeypatch.setattr(sys, 'path', [str(path.parent), *sys.path])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(path), run_name='__main__')
    said = capsys.readouterr().err
    assert stopped.value.code == 2
    assert said.startswith(f'{script}: error: ') and said.count('\n') == 1


def test_scripts_hide_no_standard_module(tmp_path):
    """`profile` and `test`, beside the script, are names of standard modules too."""
    command = [sys.executable, ROOT / 'tools' / 'profile.py', 'no/such']
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith('profile.py: error: ') and done.stderr.count('\n') == 1


@pytest.mark.skipif(not hasattr(signal, 'SIGHUP'), reason='Windows has no SIGHUP')
def test_what_ends_a_command_as_ctrl_c_does():
    # The tests may run under nohup themselves.
    inherited = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        for number in (signal.SIGTERM, signal.SIGHUP):
            before = signal.getsignal(number)
            with pytest.raises(KeyboardInterrupt), ended_as_interrupted():
                signal.raise_signal(number)
            assert signal.getsignal(number) is before
        # As nohup has it.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with ended_as_interrupted():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, inherited)


def test_every_command_has_its_script():
    names = {path.stem for path in (ROOT / 'tools').glob('*.py')}
    # `fuzz` is for those who work on salkit.
    assert names - {'fuzz'} == {command.replace('-', '_') for command in COMMANDS} - {
        'demo',
        'completion',
    }


@pytest.mark.slow
def test_training_may_end_with_a_test(tmp_path, root, capsys):
    work_dir = tmp_path / 'work'
    argv = [
        'train',
        CONFIG,
        '--test',
        '--work-dir',
        work_dir,
        *with_root(root),
        'train_cfg.max_epochs=2',
        'train_cfg.val_interval=1',
    ]
    assert main([str(item) for item in argv]) == 0
    scores, _ = json.loads((work_dir / 'scores.json').read_text())['reports']
    (best,) = work_dir.glob('best_CC_*.pth')
    assert scores['checkpoint'] == str(best) and scores['frames'] == 18
    assert f'protocol exact, {root.name} test: 2 videos, 18 frames' in capsys.readouterr().out
    # The same as testing the best checkpoint, which the work dir stands for.
    out = tmp_path / 'again.json'
    argv = ['test', CONFIG, work_dir, '--out', out, '--work-dir', tmp_path / 'w', *with_root(root)]
    assert main([str(item) for item in argv]) == 0
    assert json.loads(out.read_text())['reports'][0]['scores'] == scores['scores']
    # A work dir says its config.
    argv = ['test', work_dir, '--out', out, '--work-dir', tmp_path / 'w', *with_root(root)]
    assert main([str(item) for item in argv]) == 0
    assert json.loads(out.read_text())['reports'][0]['scores'] == scores['scores']
    assert main(['test', CONFIG, '--work-dir', str(tmp_path / 'w')]) == 2


@pytest.mark.slow
def test_the_demo_from_data_to_picture(tmp_path, root, monkeypatch, capsys):
    # Fewer frames of the same clip; tests/inference/test_showcase.py has them all.
    monkeypatch.setattr(photographs, 'PAN_FPS', 5)
    argv = [
        'demo',
        '--work-dir',
        tmp_path / 'demo',
        *with_root(root),
        'train_cfg.max_epochs=2',
        'train_cfg.val_interval=1',
    ]
    assert main([str(item) for item in argv]) == 0
    shown = tmp_path / 'demo' / 'lite0_photographs.jpg', tmp_path / 'demo' / 'lite0_overlay.mp4'
    assert all(path.stat().st_size > 10_000 for path in shown)
    scores = json.loads((tmp_path / 'demo' / 'scores.json').read_text())
    assert set(scores) >= {'model', 'center_bias', 'videos', 'frames'}
    metrics = ['CC', 'KL', 'SIM', 'NSS', 'AUC-J', 's-AUC']
    assert list(scores['model']) == list(scores['center_bias']) == metrics
    assert (scores['videos'], scores['frames']) == (2, 18)
    from PIL import Image

    picture = np.asarray(Image.open(tmp_path / 'demo' / 'grid.png').convert('RGB'))
    assert picture.shape[0] > 200 and picture.std() > 10
    printed = capsys.readouterr().out
    assert 'centre bias' in printed
    assert f'salkit predict VIDEO --overlay --out out --model {tmp_path / "demo"}' in printed
    # Run again, it trains nothing twice; with another config it starts anew. The shipped model has
    # been seen above.
    monkeypatch.setattr(demo, 'show_shipped_model', lambda work_dir: None)
    trained = (tmp_path / 'demo' / 'epoch_2.pth').stat().st_mtime_ns
    assert main([str(item) for item in argv]) == 0
    assert (tmp_path / 'demo' / 'epoch_2.pth').stat().st_mtime_ns == trained
    assert json.loads((tmp_path / 'demo' / 'scores.json').read_text()) == scores
    argv += ['randomness.seed=1', 'train_cfg.max_epochs=1']
    assert main([str(item) for item in argv]) == 0
    assert (tmp_path / 'demo' / 'epoch_1.pth').stat().st_mtime_ns > trained


@pytest.mark.slow
def test_one_step_of_the_real_model(tmp_path, nursery, sample_sequence):
    """The 403 M model takes an optimiser step on the real sequence, and writes its checkpoint."""
    argv = ['train', 'salfom/umt-l16_cc-kl', '--work-dir', tmp_path, '--cfg-options']
    options = [
        f'data_root={sample_sequence.parents[1]}',
        'dataset_type=VideoSaliencyDataset',
        'train_cfg.max_epochs=1',
        '+train_cfg.val_begin=2',
        # Its weights take their time, its pixels need not.
        'train_dataloader.dataset.pipeline.0.size=(32,32)',
        'train_dataloader.dataset.pipeline.1.size=(32,32)',
        '+default_hooks.checkpoint.save_optimizer=False',
    ]
    trained = nursery.run([*argv, *options], tmp_path)
    assert trained.status == 0, trained.err[-2000:]
    checkpoint = tmp_path / 'epoch_1.pth'
    assert checkpoint.stat().st_size > 4 * 400e6
    checkpoint.unlink()


def test_an_output_that_cannot_be_written_is_named(capsys, root, tmp_path, checkpoint):
    (tmp_path / 'file').write_text('')
    out = tmp_path / 'file' / 'scores.json'
    argv = ['test', CONFIG, checkpoint, '--out', out, '--work-dir', tmp_path / 'w']
    assert str(tmp_path / 'file') in fails(capsys, *argv, *with_root(root))


def test_threads_of_pytorch_wait_asleep_unless_the_user_says_otherwise():
    code = (
        'import os, sys\nfrom salkit.cli import main\n'
        "main(['protocols'])\nprint(os.environ['OMP_WAIT_POLICY'], file=sys.stderr)\n"
    )
    for given, expected in (({}, 'PASSIVE'), (dict(OMP_WAIT_POLICY='ACTIVE'), 'ACTIVE')):
        environment = {name: v for name, v in os.environ.items() if name != 'OMP_WAIT_POLICY'}
        done = subprocess.run(
            [sys.executable, '-c', code],
            env={**environment, **given},
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        assert done.stderr.split() == [expected]

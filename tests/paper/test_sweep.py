"""Running what the tables miss: real processes, killed ones, failing ones, a scheduler's."""

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from make_data import write_dataset

from salkit.cli import main
from salkit.config import load_config, parse_options
from salkit.paper.jobs import Job, demo_version, plan, slurm_command
from salkit.paper.rows import TABLES, rows_of
from salkit.paper.sweep import Slots, Sweep
from salkit.paper.tables import read_result, work_dir_of

ROWS = rows_of(TABLES)
SCORES = dict(
    protocol='exact',
    dataset='DemoDataset',
    split='test',
    videos=1,
    frames=1,
    scores={'CC': 0.5, 'NSS': 1.0, 'SIM': 0.4, 'AUC-J': 0.9},
)
WRITE = 'import json, os; json.dump({scores}, open(r"{path}", "w"))'


def job_of(root, number, code=None, text='config'):
    """A job whose command is Python code; it writes scores unless told otherwise."""
    work_dir = root / f'row{number}'
    code = code or WRITE.format(scores=SCORES, path=work_dir / 'scores.json').replace(
        'null', 'None'
    )
    return Job(ROWS[number], work_dir, [sys.executable, '-c', code], text)


def sweep(jobs, count=2, **options):
    lines = []
    outcomes = Sweep(jobs, Slots(count), tell=lines.append, **options).run()
    return {outcome.job.name: outcome.error for outcome in outcomes}, lines


def test_a_failing_row_stops_no_other(tmp_path):
    jobs = [
        job_of(tmp_path, 0),
        job_of(tmp_path, 1, 'raise SystemExit("the disk is full")'),
        job_of(tmp_path, 2, 'pass'),
        job_of(tmp_path, 3),
    ]
    errors, lines = sweep(jobs)
    assert errors['row0'] is None and errors['row3'] is None
    assert 'failed with status 1: the disk is full' in errors['row1']
    assert 'ended without' in errors['row2'] and 'scores.json' in errors['row2']
    assert len(lines) == 4 and [job.done for job in jobs] == [True, False, False, True]


def test_at_most_n_rows_run_at_once(tmp_path):
    code = (
        'import os, sys, time, pathlib\n'
        f'folder = pathlib.Path(r"{tmp_path}")\n'
        'mine = folder / f"running.{os.getpid()}"\n'
        'mine.touch()\n'
        'count = len(list(folder.glob("running.*")))\n'
        '(folder / f"seen.{os.getpid()}").write_text(str(count))\n'
        'time.sleep(0.4)\n'
        'mine.unlink()\n'
    )
    sweep([job_of(tmp_path, number, code) for number in range(6)], count=2)
    seen = [int(path.read_text()) for path in tmp_path.glob('seen.*')]
    assert len(seen) == 6 and max(seen) <= 2


def test_slots_share_out_gpus_and_threads():
    slots = Slots(2, gpus=[4, 7], threads=3)
    with slots.environment() as first, slots.environment() as second:
        assert {first['CUDA_VISIBLE_DEVICES'], second['CUDA_VISIBLE_DEVICES']} == {'4', '7'}
    assert 'CUDA_VISIBLE_DEVICES' not in os.environ


def test_a_work_dir_belongs_to_one_config(tmp_path):
    first = job_of(tmp_path, 0)
    assert sweep([first])[0] == {'row0': None} and first.done
    other = job_of(tmp_path, 0, text='another config')
    assert not other.done
    assert 'holds a run of another config' in sweep([other])[0]['row0']
    # What was there stays there.
    assert read_result(first.work_dir / 'scores.json').scores['CC'] == 0.5 and first.done


def test_one_work_dir_is_never_used_twice_at_once(tmp_path):
    lines = sweep([job_of(tmp_path, 1, 'import time; time.sleep(2)')] * 2)[1]
    assert sum('a run is going on there already' in line for line in lines) == 1


def test_stopping_ends_the_processes(tmp_path):
    code = f'import os, time\nopen(r"{tmp_path}/pid", "w").write(str(os.getpid()))\ntime.sleep(60)'
    jobs = [job_of(tmp_path, 0, code), job_of(tmp_path, 1)]

    def tell(line):
        if line.startswith('row1'):
            while not (tmp_path / 'pid').exists():
                time.sleep(0.02)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Sweep(jobs, Slots(2), tell=tell).run()
    pid = int((tmp_path / 'pid').read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_demo_version_keeps_what_makes_the_row():
    for row in ROWS:
        cfg, demo = load_config(row.config), demo_version(load_config(row.config))
        assert demo.model.encoder.clip_len == cfg.model.encoder.clip_len
        assert demo.model.encoder.get('depth') == cfg.model.encoder.get('depth')
        assert demo.test_dataloader.dataset.clip_len == cfg.model.encoder.clip_len
        assert demo.model.losses == cfg.model.losses
        for name, branch in cfg.model.decoder.branches.items():
            small = demo.model.decoder.branches[name]
            assert {key: small[key] for key in branch} == branch
    texts = {demo_version(load_config(row.config)).pretty_text for row in ROWS}
    assert len(texts) == len(ROWS)


def test_commands_resume_and_test(tmp_path):
    (job,) = plan(
        ROWS[:1],
        tmp_path,
        options={'train_cfg.max_epochs': 1},
        option_texts=['train_cfg.max_epochs=1'],
    )
    assert job.command[1:4] == ['-m', 'salkit', 'train'] and job.command[4] == ROWS[0].config
    assert '--resume' in job.command and '--test' in job.command
    assert job.command[-2:] == ['--cfg-options', 'train_cfg.max_epochs=1']
    assert job.work_dir == work_dir_of(tmp_path, ROWS[0].config)
    command = slurm_command(job, ['--gres=gpu:1'])
    assert (
        command[0] == 'srun'
        and '--gres=gpu:1' in command
        and command[-len(job.command) :] == (job.command)
    )


def test_a_dry_run_runs_and_writes_nothing(tmp_path, capsys):
    root = tmp_path / 'runs'
    for extra in ([], ['--demo'], ['--launcher', 'slurm', '--slurm-args=-p gpu']):
        assert main(['sweep', 'table1', '--dry-run', '--work-dirs', str(root), *extra]) == 0
        out = capsys.readouterr().out
        assert len(out.splitlines()) == 5 and out.count(' train ') == 5
    assert out.count('srun --job-name=') == 5 and '-p gpu' in out
    assert not root.exists()


def test_wrong_arguments(capsys, tmp_path):
    assert main(['sweep', 'table9']) == 2
    assert "no table 'table9'" in capsys.readouterr().err
    argv = ['sweep', 'table1', '--jobs', '0', '--work-dirs', str(tmp_path)]
    assert main(argv) == 2
    assert '--jobs must be at least 1' in capsys.readouterr().err


SMALL = [
    'train_cfg.max_epochs=1',
    'train_dataloader.batch_size=2',
    'train_dataloader.dataset.pipeline.0.size=(16,32)',
    'train_dataloader.dataset.pipeline.1.size=(16,32)',
    'val_dataloader.dataset.pipeline.0.size=(16,32)',
    'test_dataloader.dataset.pipeline.0.size=(16,32)',
]


@pytest.fixture
def fake_srun(tmp_path, monkeypatch):
    """An `srun` on the PATH that notes its options and runs the command."""
    path = tmp_path / 'bin' / 'srun'
    path.parent.mkdir()
    path.write_text(
        '#!/bin/sh\n'
        f'echo "$@" >> {tmp_path}/srun.log\n'
        'while [ "${1#-}" != "$1" ]; do shift; done\n'
        'exec "$@"\n'
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv('PATH', f'{path.parent}:{os.environ["PATH"]}')
    return tmp_path / 'srun.log'


@pytest.mark.slow
def test_rows_are_trained_tested_and_tabulated(tmp_path, monkeypatch, capsys, fake_srun):
    """Two rows for real through a scheduler, one of them broken at first; then the rest."""
    from salkit.paper import rows

    two = rows.Table(4, 'Losses', (TABLES[3].rows[3], TABLES[3].rows[1]))
    monkeypatch.setattr(rows, 'TABLES', (two,))
    data = write_dataset(tmp_path / 'set')
    nss, kl = tmp_path / 'runs' / 'umt-l16_nss', tmp_path / 'runs' / 'umt-l16_kl'
    kl.mkdir(parents=True)
    (kl / 'epoch_1.pth').write_text('broken')
    argv = [
        'sweep',
        'table4',
        '--demo',
        '--work-dirs',
        str(tmp_path / 'runs'),
        '--launcher',
        'slurm',
        '--jobs',
        '2',
        '--slurm-args=-n 1'.replace(' ', ''),
        '--cfg-options',
        f'data_root={data}',
        *SMALL,
    ]
    assert main(argv) == 1
    captured = capsys.readouterr()
    assert 'umt-l16_kl: failed with status 2' in captured.err
    assert 'epoch_1.pth: cannot be read as a checkpoint' in captured.err
    assert read_result(nss / 'scores.json').source.endswith('2 videos, 2 frames')
    assert '--job-name=umt-l16_nss' in fake_srun.read_text()
    stamp = (nss / 'scores.json').stat().st_mtime_ns

    (kl / 'epoch_1.pth').unlink()
    assert main(argv) == 0
    out = capsys.readouterr().out
    assert '2 rows, 1 have their scores' in out and 'umt-l16_kl: done' in out
    table = [line for line in out.splitlines() if line.endswith(('umt-l16_nss', 'umt-l16_kl'))]
    scores = json.loads((kl / 'scores.json').read_text())['scores']
    assert len(table) == 2 and f'{scores["CC"]:.3f}' in table[1]
    assert (nss / 'scores.json').stat().st_mtime_ns == stamp
    assert main(argv) == 0 and '2 rows, 2 have their scores' in capsys.readouterr().out


def command_lines():
    """The command lines of all processes of this machine."""
    for path in Path('/proc').glob('[0-9]*/cmdline'):
        with contextlib.suppress(OSError):
            yield path.read_bytes().replace(b'\0', b' ').decode(errors='replace')


@pytest.mark.slow
def test_a_killed_sweep_goes_on(tmp_path):
    """SIGTERM ends the row's process too; started again, the row is resumed."""
    data = write_dataset(tmp_path / 'set')
    root, options = tmp_path / 'runs', [*SMALL, f'data_root={data}', 'train_cfg.max_epochs=8']
    argv = [
        sys.executable,
        '-m',
        'salkit',
        'sweep',
        'table1',
        '--demo',
        '--jobs',
        '1',
        '--work-dirs',
        str(root),
        '--cfg-options',
        *options,
    ]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    first = root / 'umt-l16_swin3d-d2_cc-kl'
    deadline = time.monotonic() + 120
    while not list(first.glob('epoch_*.pth')):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 130
    assert not any(str(first) in line for line in command_lines())
    assert not (first / 'scores.json').exists()

    jobs = plan(ROWS[:1], root, demo=True, options=parse_options(options))
    assert jobs[0].work_dir == first and jobs[0].conflict() is None
    assert sweep(jobs)[0] == {first.name: None}
    assert 'resumed epoch: ' in (first / 'sweep.log').read_text()
    assert (first / 'epoch_8.pth').exists() and (first / 'scores.json').exists()

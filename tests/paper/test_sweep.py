"""Running what the tables miss: real processes, killed ones, failing ones, a scheduler's."""

import os
import signal
import stat
import subprocess
import sys
import time

import pytest
from make_data import write_dataset
from nursery import command_lines

from salkit.cli import main
from salkit.config import load_config
from salkit.paper import rows
from salkit.paper.rows import TABLES, rows_of, tables_of
from salkit.paper.sweep import Job, demo_version, first_with_features, plan, run_jobs, slots
from salkit.paper.tables import read_results, work_dir_of

ROWS = rows_of(TABLES)
_MEANS = {'CC': 0.5, 'NSS': 1.0, 'SIM': 0.4, 'AUC-J': 0.9}
SCORES = dict(
    protocol='tmfi',
    dataset='DemoDataset',
    split='test',
    scores=_MEANS,
    per_video={'a': _MEANS},
    frames_per_video={'a': 1},
)
WRITE = 'import json, os; json.dump({scores}, open(r"{path}", "w"))'


def job_of(root, number, code=None, text='config'):
    """A job whose command is Python code; it writes scores unless told otherwise."""
    work_dir = root / f'row{number}'
    code = code or WRITE.format(scores=SCORES, path=work_dir / 'scores.json').replace(
        'null', 'None'
    )
    return Job(work_dir, [sys.executable, '-c', code], text)


def sweep(jobs, count=2):
    lines = []
    return run_jobs(jobs, slots(count), lines.append), lines


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


def test_slots_share_out_gpus_and_threads(monkeypatch):
    monkeypatch.delenv('OMP_NUM_THREADS', raising=False)
    first, second = slots(2, gpus=[4, 7], threads=3)
    assert (first['CUDA_VISIBLE_DEVICES'], second['CUDA_VISIBLE_DEVICES']) == ('4', '7')
    assert first['OMP_NUM_THREADS'] == '3' and 'CUDA_VISIBLE_DEVICES' not in os.environ
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    assert slots(1, threads=3)[0]['OMP_NUM_THREADS'] == '1'


def test_a_work_dir_belongs_to_one_config(tmp_path):
    first = job_of(tmp_path, 0)
    assert sweep([first])[0] == {'row0': None} and first.done
    other = job_of(tmp_path, 0, text='another config')
    assert not other.done
    assert 'holds a run of another config' in sweep([other])[0]['row0']
    # What was there stays there.
    assert read_results(first.work_dir / 'scores.json')['tmfi'].scores['CC'] == 0.5 and first.done


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def running_until(folder, name):
    """Code of a job that writes its number, and runs until a file appears beside it."""
    return (
        'import os, time\n'
        f'open(r"{folder}/{name}.tmp", "w").write(str(os.getpid()))\n'
        f'os.replace(r"{folder}/{name}.tmp", r"{folder}/{name}")\n'
        f'while not os.path.exists(r"{folder}/end"): time.sleep(0.02)\n'
    )


def test_one_work_dir_is_never_used_twice_at_once(tmp_path):
    def on_end(line):
        lines.append(line)
        (tmp_path / 'end').touch()

    lines = []
    run_jobs([job_of(tmp_path, 1, running_until(tmp_path, 'pid'))] * 2, slots(2), on_end)
    assert sum('another run of salkit sweep is at work there' in line for line in lines) == 1
    assert sum('ended without' in line for line in lines) == 1


def test_a_job_whose_sweep_was_killed_keeps_its_work_dir(tmp_path):
    job = job_of(tmp_path, 0, running_until(tmp_path, 'pid'))
    code = (
        'import sys; from pathlib import Path\n'
        'from salkit.paper.sweep import Job, run_jobs, slots\n'
        f'job = Job(Path({str(job.work_dir)!r}), {job.command!r}, "config")\n'
        'run_jobs([job], slots(1))\n'
    )
    process = subprocess.Popen([sys.executable, '-c', code])
    wait_for((tmp_path / 'pid').exists)
    process.kill()
    process.wait(60)
    assert 'is at work there' in sweep([job])[0]['row0']
    (tmp_path / 'end').touch()
    wait_for(lambda: 'ended without' in sweep([job])[0]['row0'])


def test_stopping_ends_the_processes(tmp_path):
    jobs = [job_of(tmp_path, 0, running_until(tmp_path, 'pid')), job_of(tmp_path, 1)]

    def on_end(line):
        wait_for((tmp_path / 'pid').exists)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_jobs(jobs, slots(2), on_end)
    pid = int((tmp_path / 'pid').read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_demo_version_keeps_what_makes_the_row():
    texts = set()
    for row in ROWS:
        cfg = load_config(row.config)
        demo = demo_version(cfg)
        assert demo.model.encoder.clip_len == cfg.model.encoder.clip_len
        assert demo.model.encoder.get('depth') == cfg.model.encoder.get('depth')
        assert demo.test_dataloader.dataset.clip_len == cfg.model.encoder.clip_len
        assert demo.model.losses == cfg.model.losses
        for name, branch in cfg.model.decoder.branches.items():
            small = demo.model.decoder.branches[name]
            assert {key: small[key] for key in branch} == branch
        texts.add(demo.pretty_text)
    assert len(texts) == len(ROWS)


def test_commands_resume_and_test(tmp_path):
    (job,) = plan(ROWS[:1], tmp_path, option_texts=['train_cfg.max_epochs=1'])
    assert job.command[1:4] == ['-m', 'salkit', 'train'] and job.command[4] == ROWS[0].config
    assert '--resume' in job.command and '--test' in job.command
    assert job.command[-2:] == ['--cfg-options', 'train_cfg.max_epochs=1']
    assert job.work_dir == work_dir_of(tmp_path, ROWS[0].config)
    (under_srun,) = plan(ROWS[:1], tmp_path, launcher=['srun', '--gres=gpu:1'])
    assert under_srun.command[:3] == ['srun', f'--job-name={job.name}', '--gres=gpu:1']
    assert under_srun.command[3:] == job.command[:-2]


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
    assert "no table '9'" in capsys.readouterr().err
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
def test_rows_are_trained_resumed_tested_and_tabulated(
    tmp_path, nursery, monkeypatch, capsys, fake_srun
):
    """One row for real, killed at first; a broken one beside it; then the table."""
    root = tmp_path / 'runs'
    first, broken = (work_dir_of(root, row.config) for row in TABLES[3].rows[:2])
    options = [*SMALL, f'data_root={write_dataset(tmp_path / "set")}', 'train_cfg.max_epochs=4']
    argv = ['sweep', 'table4', '--demo', '--work-dirs', str(root), '--cfg-options', *options]
    run = nursery.start([*argv, '--jobs', '1'], tmp_path / 'log')
    assert run.until(lambda: list(first.glob('epoch_*.pth'))), run.printed()
    run.send(signal.SIGTERM)
    assert run.end() == 130
    assert not any(str(first) in line for line in command_lines())
    assert not (first / 'scores.json').exists() and not broken.exists()

    monkeypatch.setattr(rows, 'TABLES', (rows.Table(4, 'Losses', TABLES[3].rows[:2]),))
    broken.mkdir()
    (broken / 'epoch_1.pth').write_text('broken')
    argv += ['--jobs', '2', '--launcher', 'slurm', '--slurm-args=-n1']
    assert main(argv) == 1
    captured = capsys.readouterr()
    assert '2 rows, 0 have their scores' in captured.out and f'{first.name}: done' in captured.out
    assert 'resumed epoch: ' in (first / 'sweep.log').read_text()
    results = read_results(first / 'scores.json')
    assert list(results) == ['exact', 'tmfi']
    assert all(result.source.endswith('2 videos, 2 frames') for result in results.values())
    assert f'--job-name={first.name}' in fake_srun.read_text()
    assert f'{broken.name}: failed with status 2' in captured.err
    assert 'epoch_1.pth: cannot be read as a checkpoint' in captured.err
    table = [line for line in captured.out.splitlines() if line.endswith((first.name, broken.name))]
    assert len(table) == 2 and f'{results["tmfi"].scores["CC"]:.3f}' in table[0]
    assert 'Table 4, ours under exact' in captured.out

    jobs = plan(TABLES[3].rows[:2], root, demo=True, option_texts=options)
    assert [job.done for job in jobs] == [True, False]


def test_rows_with_one_frozen_encoder_share_its_features(tmp_path):
    jobs = plan(rows_of(tables_of(['table1'])), tmp_path, demo=True, features=['--every', '4'])
    row = load_config(rows_of(TABLES)[0].config)
    steps = demo_version(row, augment=False).train_dataloader.dataset.pipeline
    assert [step.type for step in steps] == ['LoadClip', 'LoadTargets', 'PackClip']
    ((folder, first),) = first_with_features(jobs).items()
    assert first is jobs[0] and first.features[-2:] == ('--every', '4')
    for job in jobs:
        assert job.command[-2:] == ['--features', folder]
        assert 'frozen_stages=24' in job.config_text
    # L-16 and L-8 at four depths, B-8 at two.
    assert len(first_with_features(plan(rows_of(TABLES), tmp_path, features=[]))) == 10

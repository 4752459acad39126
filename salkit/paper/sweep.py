"""Training and testing rows of the tables: what is missing, some at once, none stopping others."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from ..config.load import apply_options, load_config
from ..errors import DataError
from ..utils.files import whole_file
from .rows import Row
from .tables import SCORES, read_result, work_dir_of

LOG, CONFIG_RECORD = 'sweep.log', 'sweep_config.py'
_POLL_SECONDS = 0.1
# Runs a command while it holds the lock of a work dir. A sweep that is killed leaves its jobs
# running, and nothing else may write where they write. SIGTERM is the command's to obey.
_LOCKED = """
import signal, subprocess, sys
from salkit.utils.files import locked_folder

with locked_folder(sys.argv[1], '.sweep.lock', 'salkit sweep', patience=0):
    signal.signal(signal.SIGTERM, lambda *_: None)
    sys.exit(subprocess.call(sys.argv[2:]))
"""
DEMO_CONFIG = 'demo/umt-tiny_cc-kl'
# Small encoders that keep the published depths, so that every row is still a model of its own.
DEMO_ENCODERS = {
    'base': dict(embed_dim=48, depth=12, num_heads=4),
    'large': dict(embed_dim=64, depth=24, num_heads=4),
}
DEMO_WIDTH = 0.25
DEMO_OPTIONS = {
    'train_cfg.max_epochs': 2,
    'train_cfg.val_interval': 1,
    'train_dataloader.dataset.pipeline.0.size': (48, 64),
    'train_dataloader.dataset.pipeline.1.size': (48, 64),
    'val_dataloader.dataset.pipeline.0.size': (48, 64),
    'test_dataloader.dataset.pipeline.0.size': (48, 64),
    # Every 12th frame is enough to see that a row runs.
    'test_dataloader.dataset.sampling': 'strided',
    '+test_dataloader.dataset.stride': 12,
}


@dataclass(frozen=True)
class Job:
    """One row to train and test.

    Attributes:
        row: which.
        work_dir: where its checkpoints, logs and scores lie.
        command: what runs it.
        config_text: the whole config, resolved; a work dir belongs to one config.
        config_file: where a made config is to be written, None for a packaged one.
    """

    row: Row
    work_dir: Path
    command: list[str]
    config_text: str
    config_file: Path | None = None

    @property
    def name(self) -> str:
        """The work dir's name."""
        return self.work_dir.name

    @property
    def done(self) -> bool:
        """Whether scores of this row, and of this config, lie there."""
        try:
            self.check_work_dir()
            read_result(self.work_dir / SCORES)
        except (DataError, ValueError):
            return False
        return True

    def check_work_dir(self) -> None:
        """Raise DataError where the work dir holds a run of another config."""
        record = self.work_dir / CONFIG_RECORD
        if record.is_file() and record.read_text(encoding='utf-8') != self.config_text:
            raise DataError(
                f'{self.work_dir}: holds a run of another config ({CONFIG_RECORD} differs); name '
                'another folder with --work-dirs, or remove it'
            )


@dataclass
class _Running:
    """A job, the environment of its process, the process, and when it began."""

    job: Job
    environment: dict[str, str]
    process: subprocess.Popen
    began: float


def demo_version(cfg: Config, options: Mapping[str, object] | None = None) -> Config:
    """The row of `cfg` in small: its model with a tiny encoder and narrow branches, the demo data.

    Depths, frames, layer variants, branches and losses stay those of the row.
    """
    model = cfg.model.to_dict()
    demo = load_config(DEMO_CONFIG)
    encoder = model['encoder']
    encoder['arch'] = dict(DEMO_ENCODERS[encoder['arch']])
    for name, branch in model['decoder']['branches'].items():
        if branch is not None:
            branch['width'] = DEMO_WIDTH
            if name == 'swin3d':
                branch['num_heads'] = 4
    model['decoder']['fusion']['width'] = 0.5
    demo._cfg_dict.pop('model')
    demo.model = model
    clips = {
        f'{loader}_dataloader.dataset.clip_len': encoder['clip_len']
        for loader in ('train', 'val', 'test')
    }
    apply_options(demo, {**clips, **DEMO_OPTIONS, **(options or {})})
    return demo


def plan(
    rows: Sequence[Row],
    root: str | Path,
    *,
    demo: bool = False,
    options: Mapping[str, object] | None = None,
    option_texts: Sequence[str] = (),
    launcher: Sequence[str] = (),
) -> list[Job]:
    """The jobs of `rows`, one work dir each below `root`.

    Args:
        rows: without repetitions.
        root: folder of the work dirs.
        demo: small versions on the demo data.
        options: overrides of every config.
        option_texts: the same as they were written on the command line.
        launcher: what the commands begin with: `srun`, which waits for its job and passes a
            cancellation on, and its options; empty for processes of this machine.
    """
    jobs = []
    for row in rows:
        work_dir = work_dir_of(root, row.config)
        cfg = load_config(row.config, None if demo else options)
        config, config_file = row.config, None
        if demo:
            cfg = demo_version(cfg, options)
            config_file = Path(root) / 'configs' / f'{work_dir.name}.py'
            config = str(config_file)
        command = [sys.executable, '-m', 'salkit', 'train', config, '--work-dir', str(work_dir)]
        command += ['--resume', '--test']
        if option_texts and not demo:
            command += ['--cfg-options', *option_texts]
        if launcher:
            name, *arguments = launcher
            command = [name, f'--job-name={work_dir.name}', *arguments, *command]
        jobs.append(Job(row, work_dir, command, cfg.pretty_text, config_file))
    return jobs


def slots(count: int, gpus: Sequence[int] = (), threads: int = 0) -> list[dict[str, str]]:
    """The environments of jobs that run at once.

    Args:
        count: at most this many.
        gpus: GPUs to share out; empty leaves the choice to the job.
        threads: OMP threads a job, unless the environment names a number; 0 leaves the choice to
            the library.
    """
    environments = []
    for slot in range(count):
        environment = dict(os.environ)
        if gpus:
            environment['CUDA_VISIBLE_DEVICES'] = str(gpus[slot % len(gpus)])
        if threads:
            environment.setdefault('OMP_NUM_THREADS', str(threads))
        environments.append(environment)
    return environments


def run_jobs(
    jobs: Sequence[Job],
    environments: Sequence[dict[str, str]],
    on_end: Callable[[str], object] = print,
) -> dict[str, str | None]:
    """Run jobs, each a process of its own; a failing one is noted and never stops the others.

    Args:
        jobs: what to run.
        environments: of jobs that run at once, see `slots`.
        on_end: is called with one line for every job that ends.

    Returns:
        Why each job failed, by its name, in the order they ended; None where it has its scores.
    """
    waiting, free = list(jobs), list(environments)
    running: list[_Running] = []
    errors: dict[str, str | None] = {}

    def end(job: Job, error: str | None, seconds: float = 0.0) -> None:
        errors[job.name] = error
        on_end(f'{job.name}: {error or f"done in {seconds:.0f} s"}')

    try:
        while waiting or running:
            while waiting and free:
                job = waiting.pop(0)
                try:
                    running.append(_start(job, free[-1]))
                    free.pop()
                except (OSError, DataError) as problem:
                    end(job, f'failed: {problem}')
            for each in [each for each in running if each.process.poll() is not None]:
                running.remove(each)
                free.append(each.environment)
                end(each.job, _error_of(each), time.monotonic() - each.began)
            time.sleep(_POLL_SECONDS)
    finally:
        # Only where something has come in between.
        _stop([each.process for each in running])
    return errors


def _start(job: Job, environment: dict[str, str]) -> _Running:
    job.check_work_dir()
    for path in (job.work_dir / CONFIG_RECORD, job.config_file):
        if path is not None:
            with whole_file(path) as temporary:
                temporary.write_text(job.config_text, encoding='utf-8')
    with open(job.work_dir / LOG, 'a', encoding='utf-8') as log:
        log.write(f'$ {shlex.join(job.command)}\n')
        log.flush()
        process = subprocess.Popen(
            [sys.executable, '-c', _LOCKED, str(job.work_dir), *job.command],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    return _Running(job, environment, process, time.monotonic())


def _error_of(ended: _Running) -> str | None:
    """Why a job has no scores; None where it has."""
    job, status = ended.job, ended.process.returncode
    if not status:
        return None if job.done else f'failed: it ended without {job.work_dir / SCORES}'
    log = job.work_dir / LOG
    lines = [line.strip() for line in log.read_text(errors='replace').splitlines()]
    last = next((line for line in reversed(lines) if line), '')
    return f'failed with status {status}: {last[:300]} ({log})'


def _stop(processes: Sequence[subprocess.Popen], patience: float = 15.0) -> None:
    """End processes and what they have started: ask first, then kill."""
    deadline = time.monotonic() + patience
    for process in processes:
        _signal_group(process, signal.SIGTERM)
    for process in processes:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _signal_group(process, signal.SIGKILL)


def _signal_group(process: subprocess.Popen, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)

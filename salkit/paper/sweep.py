"""Training and testing rows of the tables: what is missing, some at once, none stopping others."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from ..config import apply_options, load_config, parse_options
from ..config.load import plain_config
from ..encoders.umt_weights import ARCHITECTURES
from ..errors import ConfigError, DataError
from ..utils.files import whole_file
from .rows import Row
from .tables import SCORES, read_results, work_dir_of

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
# Below the folder of the work dirs: features of frozen encoders, a folder for each.
FEATURES = 'features'
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
        work_dir: where its checkpoints, logs and scores lie.
        command: what runs it.
        config_text: the whole config, resolved; a work dir belongs to one config.
        config_file: where a made config is to be written, None for a packaged one.
        features: the command that keeps those of its frozen encoder; empty for a trained one.
    """

    work_dir: Path
    command: list[str]
    config_text: str
    config_file: Path | None = None
    features: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The work dir's name."""
        return self.work_dir.name

    @property
    def done(self) -> bool:
        """Whether scores of this row, and of this config, lie there."""
        try:
            self.check_work_dir()
            read_results(self.work_dir / SCORES)
        except DataError:
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


def demo_version(
    cfg: Config, options: Mapping[str, object] | None = None, augment: bool = True
) -> Config:
    """The row of `cfg` in small: its model with a tiny encoder and narrow branches, the demo data.

    Depths, frames, layer variants, branches and losses stay those of the row; without `augment`,
    clips stay as they are read, as those of the paper.
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
    if not augment:
        dataset = demo.train_dataloader.dataset
        changing = ('FlipClip', 'RecolorClip')
        dataset.pipeline = [step for step in dataset.pipeline if step.type not in changing]
    apply_options(demo, {**clips, **DEMO_OPTIONS, **(options or {})})
    return demo


def plan(
    rows: Sequence[Row],
    root: str | Path,
    *,
    demo: bool = False,
    option_texts: Sequence[str] = (),
    launcher: Sequence[str] = (),
    features: Sequence[str] | None = None,
) -> list[Job]:
    """The jobs of `rows`, one work dir each below `root`.

    Args:
        rows: without repetitions.
        root: folder of the work dirs.
        demo: small versions on the demo data.
        option_texts: overrides of every config, KEY=VALUE.
        launcher: what the commands begin with: `srun`, which waits for its job and passes a
            cancellation on, and its options; empty for processes of this machine.
        features: arguments of `salkit cache --features`: the encoders stay as they are, and what
            they make of clips is kept once for all rows with the same one. None trains them, too.

    Raises:
        ConfigError: with `features`, an encoder other than UMT.
    """
    jobs = []
    for row in rows:
        work_dir = work_dir_of(root, row.config)
        texts = [*option_texts, *([] if features is None else _freezing(row.config))]
        options = parse_options(texts)
        cfg, config, config_file = (
            load_config(row.config, None if demo else options),
            row.config,
            None,
        )
        if demo:
            cfg = demo_version(cfg, options, augment=features is None)
            config_file = Path(root) / 'configs' / f'{work_dir.name}.py'
            config = str(config_file)
        command = [*launcher[:1], *([f'--job-name={work_dir.name}'] if launcher else [])]
        command += [*launcher[1:], sys.executable, '-m', 'salkit', 'train', config]
        command += ['--work-dir', str(work_dir), '--resume', '--test']
        keeping: list[str] = []
        if features is not None:
            encoder = json.dumps(plain_config(cfg.model.encoder), sort_keys=True)
            folder = Path(root) / FEATURES / hashlib.sha256(encoder.encode()).hexdigest()[:12]
            keeping = [*launcher, sys.executable, '-m', 'salkit', 'cache', config, '--features']
            keeping += ['--dir', str(folder), *features]
            command += ['--features', str(folder)]
        if texts and not demo:
            command += ['--cfg-options', *texts]
            keeping += ['--cfg-options', *texts] if keeping else []
        jobs.append(Job(work_dir, command, cfg.pretty_text, config_file, tuple(keeping)))
    return jobs


def _freezing(config: str) -> list[str]:
    """The options that freeze the encoder of a row."""
    encoder = load_config(config).model.encoder
    if encoder.type != 'UMTEncoder':
        raise ConfigError(f'{config}: --features freezes UMTEncoder, got {encoder.type}')
    depth = encoder.get('depth') or ARCHITECTURES[encoder.arch]['depth']
    return [f'+model.encoder.frozen_stages={depth}']


def first_with_features(jobs: Sequence[Job]) -> dict[str, Job]:
    """For each folder of features that jobs want, the first of them."""
    found: dict[str, Job] = {}
    for job in jobs:
        if job.features:
            found.setdefault(job.features[job.features.index('--dir') + 1], job)
    return found


def keep_features(jobs: Sequence[Job]) -> None:
    """Keep the features of frozen encoders, once for all jobs with the same one.

    Raises:
        DataError: the command that does so failed; it has said why.
    """
    for folder, job in first_with_features(jobs).items():
        job.check_work_dir()
        _write_config(job)
        if status := subprocess.run(job.features, check=False).returncode:
            raise DataError(f'{folder}: keeping features failed with status {status}')


def slots(count: int, gpus: Sequence[int] = (), threads: int = 0) -> list[dict[str, str]]:
    """The environments of `count` jobs that run at once, which share out the GPUs.

    Each has so many OMP `threads`, unless this process' environment names a number.
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

    As many run at once as there are `environments`; `on_end` gets a line for each that ends.

    Returns:
        Why each job failed, by its name, in the order they ended; None where it has its scores.
    """
    waiting, free = list(jobs), list(environments)
    running: dict[subprocess.Popen, tuple[Job, dict[str, str]]] = {}
    errors: dict[str, str | None] = {}

    def end(job: Job, error: str | None) -> None:
        errors[job.name] = error
        on_end(f'{job.name}: {error or "done"}')

    try:
        while waiting or running:
            while waiting and free:
                job = waiting.pop(0)
                try:
                    process = _start(job, free[-1])
                    running[process] = job, free.pop()
                except (OSError, DataError) as problem:
                    end(job, f'failed: {problem}')
            for process in [process for process in running if process.poll() is not None]:
                job, environment = running.pop(process)
                free.append(environment)
                end(job, _error_of(job, process.returncode))
            time.sleep(_POLL_SECONDS)
    finally:
        # Only where something has come in between.
        _stop(running)
    return errors


def _write_config(job: Job) -> None:
    for path in (job.work_dir / CONFIG_RECORD, job.config_file):
        if path is not None:
            with whole_file(path) as temporary:
                temporary.write_text(job.config_text, encoding='utf-8')


def _start(job: Job, environment: dict[str, str]) -> subprocess.Popen:
    job.check_work_dir()
    _write_config(job)
    with open(job.work_dir / LOG, 'a', encoding='utf-8') as log:
        log.write(f'$ {shlex.join(job.command)}\n')
        log.flush()
        return subprocess.Popen(
            [sys.executable, '-c', _LOCKED, str(job.work_dir), *job.command],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )


def _error_of(job: Job, status: int) -> str | None:
    """Why a job that ended has no scores; None where it has."""
    if not status:
        return None if job.done else f'failed: it ended without {job.work_dir / SCORES}'
    log = job.work_dir / LOG
    last = log.read_text(errors='replace').strip().rpartition('\n')[2].strip()
    return f'failed with status {status}: {last[:300]} ({log})'


def _stop(processes: Collection[subprocess.Popen], patience: float = 15.0) -> None:
    """End processes and what they have started: ask first, then kill."""
    deadline = time.monotonic() + patience
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in processes:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))

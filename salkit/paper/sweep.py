"""Training and testing rows of the tables: what is missing, some at once, none stopping others."""

from __future__ import annotations

import contextlib
import os
import queue
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ..config import load_config
from ..errors import DataError
from .rows import Row
from .tables import SCORES, read_result, work_dir_of

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
CONFIG_RECORD = 'sweep_config.py'
LOG, LOCK = 'sweep.log', '.sweep.lock'


@dataclass
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
        if self.conflict():
            return False
        try:
            read_result(self.work_dir / SCORES)
        except ValueError:
            return False
        return True

    def conflict(self) -> str | None:
        """Why the work dir cannot be used: it holds a run of another config."""
        record = self.work_dir / CONFIG_RECORD
        if record.is_file() and record.read_text(encoding='utf-8') != self.config_text:
            return (
                f'{self.work_dir}: holds a run of another config ({CONFIG_RECORD} differs); name '
                'another folder with --work-dirs, or remove it'
            )
        return None


@dataclass
class Outcome:
    """How a job ended: `error` is None where it has its scores; `seconds` it took."""

    job: Job
    error: str | None
    seconds: float = 0.0


@dataclass
class Slots:
    """How many jobs run at once, and what each of them gets.

    Attributes:
        count: at most this many.
        gpus: GPUs to share out; empty leaves the choice to the job.
        threads: OMP threads a job, None for the library's own choice.
    """

    count: int = 1
    gpus: Sequence[int] = ()
    threads: int | None = None
    free: queue.Queue = field(default_factory=queue.Queue)

    def __post_init__(self) -> None:
        for slot in range(self.count):
            self.free.put(slot)

    @contextlib.contextmanager
    def environment(self) -> Iterator[dict[str, str]]:
        """Variables for one job, while it holds a slot."""
        slot = self.free.get()
        try:
            environment = dict(os.environ)
            if self.gpus:
                environment['CUDA_VISIBLE_DEVICES'] = str(self.gpus[slot % len(self.gpus)])
            if self.threads:
                environment.setdefault('OMP_NUM_THREADS', str(self.threads))
            yield environment
        finally:
            self.free.put(slot)


def demo_version(cfg: Config, options: dict[str, Any] | None = None) -> Config:
    """The row of `cfg` in small: its model with a tiny encoder and narrow branches, the demo data.

    Depths, frames, layer variants, branches and losses stay those of the row.
    """
    model = cfg.model.to_dict() if hasattr(cfg.model, 'to_dict') else dict(cfg.model)
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
    from ..config import apply_options

    apply_options(demo, {**clips, **DEMO_OPTIONS, **(options or {})})
    return demo


def plan(
    rows: Sequence[Row],
    root: str | Path,
    *,
    demo: bool = False,
    options: dict[str, Any] | None = None,
    option_texts: Sequence[str] = (),
) -> list[Job]:
    """The jobs of `rows`, one work dir each below `root`.

    Args:
        rows: without repetitions.
        root: folder of the work dirs.
        demo: small versions on the demo data.
        options: overrides of every config.
        option_texts: the same as they were written on the command line.
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
        jobs.append(Job(row, work_dir, command, cfg.pretty_text, config_file))
    return jobs


def slurm_command(job: Job, arguments: Sequence[str]) -> list[str]:
    """The job's command under srun, which waits for it and passes a cancellation on."""
    return ['srun', f'--job-name={job.name}', '--kill-on-bad-exit=1', *arguments, *job.command]


class Sweep:
    """Runs jobs, each a process of its own.

    Args:
        jobs: what to run.
        slots: how many at once.
        wrap: makes the command of a job, `slurm_command` for instance; None for the job's own.
        tell: is given one line for every job that ends.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        slots: Slots,
        wrap: Callable[[Job], list[str]] | None = None,
        tell: Callable[[str], None] = print,
    ) -> None:
        self.jobs, self.slots, self.wrap, self.tell = jobs, slots, wrap, tell
        self.running: set[subprocess.Popen] = set()
        self.lock = threading.Lock()
        self.stopping = False

    def run(self, progress: Callable[[], None] = lambda: None) -> list[Outcome]:
        """Run all jobs; a failing one is noted and never stops the others.

        Args:
            progress: called once a job ends.

        Returns:
            One outcome a job, in the order they ended.
        """
        outcomes = []
        pool = ThreadPoolExecutor(self.slots.count)
        try:
            for future in as_completed([pool.submit(self._run_one, job) for job in self.jobs]):
                outcome = future.result()
                outcomes.append(outcome)
                status = outcome.error or f'done in {outcome.seconds:.0f} s'
                self.tell(f'{outcome.job.name}: {status}')
                progress()
        except BaseException:
            self.stop()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
        pool.shutdown()
        return outcomes

    def stop(self, patience: float = 15.0) -> None:
        """End every running job: ask first, then kill."""
        with self.lock:
            self.stopping = True
            running = list(self.running)
        for process in running:
            _signal_group(process, signal.SIGTERM)
        deadline = time.monotonic() + patience
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal_group(process, signal.SIGKILL)

    def _run_one(self, job: Job) -> Outcome:
        start = time.monotonic()
        try:
            with self.slots.environment() as environment, _locked(job.work_dir) as lock:
                error = self._attempt(job, environment, lock)
        except (OSError, DataError) as problem:
            error = f'failed: {problem}'
        return Outcome(job, error, time.monotonic() - start)

    def _attempt(self, job: Job, environment: dict[str, str], lock: int) -> str | None:
        conflict = job.conflict()
        if conflict:
            return f'failed: {conflict}'
        for path in (job.work_dir / CONFIG_RECORD, job.config_file):
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(job.config_text, encoding='utf-8')
        command = self.wrap(job) if self.wrap else job.command
        with open(job.work_dir / LOG, 'a', encoding='utf-8') as log:
            log.write(f'$ {shlex.join(command)}\n')
            log.flush()
            with self.lock:
                if self.stopping:
                    return 'not started'
                process = subprocess.Popen(
                    command, stdout=log, stderr=subprocess.STDOUT, env=environment,
                    stdin=subprocess.DEVNULL, start_new_session=True, pass_fds=[lock],
                )  # fmt: skip
                self.running.add(process)
            status = process.wait()
            with self.lock:
                self.running.discard(process)
        if status:
            return f'failed with status {status}: {_last_line(job.work_dir / LOG)}'
        return None if job.done else f'failed: it ended without {job.work_dir / SCORES}'


def _signal_group(process: subprocess.Popen, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors='replace').splitlines() if line.strip()]
    return f'{lines[-1].strip()[:300]} ({log})' if lines else str(log)


@contextlib.contextmanager
def _locked(work_dir: Path) -> Iterator[int]:
    """Hold the work dir; the lock lasts as long as this process or a child that inherits it.

    A job whose parent was killed goes on, and nothing else may write where it writes.
    """
    import fcntl

    work_dir.mkdir(parents=True, exist_ok=True)
    with open(work_dir / LOCK, 'w') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(f'{work_dir}: a run is going on there already') from None
        yield file.fileno()

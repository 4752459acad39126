"""Train and test every row of the paper's tables that has no scores yet, and print the tables."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from typing import TYPE_CHECKING

from .tables import add_work_dirs_arguments, work_dirs_of
from .tables import run as print_tables

if TYPE_CHECKING:
    from ..paper.jobs import Job
    from ..paper.sweep import Outcome, Slots


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `salkit sweep`."""
    parser.add_argument('tables', nargs='+', metavar='TABLE', help='table1 to table4, or all')
    add_work_dirs_arguments(parser)
    parser.add_argument(
        '--launcher',
        choices=['local', 'slurm'],
        default='local',
        help='local: processes of this machine; slurm: srun, one job a row',
    )
    parser.add_argument(
        '--jobs',
        type=int,
        metavar='N',
        help='at most N rows at once (default: one a GPU, else 1; with --demo one a CPU core; '
        'with slurm 4)',
    )
    parser.add_argument(
        '--slurm-args',
        default='',
        metavar='ARGS',
        help='for srun, in one string: --slurm-args="--partition=gpu --gres=gpu:1"',
    )
    parser.add_argument(
        '--cfg-options', nargs='+', metavar='KEY=VALUE', help='override entries of every config'
    )
    parser.add_argument('--dry-run', action='store_true', help='say what would run, and stop')


def _slots(args: argparse.Namespace) -> Slots:
    import torch

    from ..errors import ConfigError
    from ..paper.sweep import Slots
    from ..utils.parallel import usable_cores

    if args.jobs is not None and args.jobs < 1:
        raise ConfigError(f'--jobs must be at least 1, got {args.jobs}')
    if args.launcher == 'slurm':
        return Slots(args.jobs or 4)
    gpus, cores = range(torch.cuda.device_count()), usable_cores()
    jobs = args.jobs or len(gpus) or (cores if args.demo else 1)
    return Slots(jobs, list(gpus), max(1, cores // jobs))


def _print_plan(jobs: list[Job], args: argparse.Namespace) -> None:
    from ..paper.jobs import slurm_command

    for job in jobs:
        if job.done:
            print(f'# {job.name}: has its scores')
        elif job.conflict():
            print(f'# {job.conflict()}')
        else:
            slurm = args.launcher == 'slurm'
            command = slurm_command(job, shlex.split(args.slurm_args)) if slurm else job.command
            print(shlex.join(command))


def _run_jobs(jobs: list[Job], args: argparse.Namespace) -> list[Outcome]:
    from tqdm import tqdm

    from ..paper.jobs import slurm_command
    from ..paper.sweep import Sweep

    def wrap(job: Job) -> list[str]:
        return slurm_command(job, shlex.split(args.slurm_args))

    def terminated(*_) -> None:
        raise KeyboardInterrupt

    sweep = Sweep(jobs, _slots(args), wrap if args.launcher == 'slurm' else None, tqdm.write)
    # Ended by a scheduler, it must end its jobs too.
    previous = signal.signal(signal.SIGTERM, terminated)
    try:
        with tqdm(total=len(jobs), unit='row') as bar:
            return sweep.run(bar.update)
    finally:
        signal.signal(signal.SIGTERM, previous)


def run(args: argparse.Namespace) -> int:
    """Sweep."""
    from ..config import parse_options
    from ..paper.jobs import plan
    from ..paper.rows import rows_of, tables_of

    tables = tables_of(args.tables)
    jobs = plan(
        rows_of(tables),
        work_dirs_of(args),
        demo=args.demo,
        options=parse_options(args.cfg_options),
        option_texts=args.cfg_options or (),
    )
    if args.dry_run:
        _print_plan(jobs, args)
        return 0
    missing = [job for job in jobs if not job.done]
    print(f'{len(jobs)} rows, {len(jobs) - len(missing)} have their scores')
    failed: list[Outcome] = []
    if missing:
        if args.demo:
            from ..datasets import DemoDataset

            # Made once, before several processes want it.
            DemoDataset(split='test')
        failed = [outcome for outcome in _run_jobs(missing, args) if outcome.error]
    print_tables(argparse.Namespace(**vars(args), format='text'))
    for outcome in failed:
        print(f'salkit sweep: {outcome.job.name}: {outcome.error}', file=sys.stderr)
    return 1 if failed else 0

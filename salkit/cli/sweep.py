"""Train and test every row of the paper's tables that has no scores yet, and print the tables."""

from __future__ import annotations

import argparse
import shlex
import sys
from typing import TYPE_CHECKING

from .common import add_cfg_options
from .json_output import add_json_argument, give_json
from .tables import add_work_dirs_arguments, print_tables, work_dirs_of

if TYPE_CHECKING:
    from ..paper.sweep import Job


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
        '--features',
        nargs='?',
        const='',
        metavar='ARGS',
        help='encoders stay as they are: what they make of clips is kept below the work dirs, once '
        'for all rows with the same encoder, and decoders alone are trained. ARGS are for salkit '
        'cache, in one string: --features="--every 16 --dtype float16"',
    )
    add_cfg_options(parser, 'every config')
    parser.add_argument('--dry-run', action='store_true', help='say what would run, and stop')
    add_json_argument(parser)


def _environments(args: argparse.Namespace) -> list[dict[str, str]]:
    import torch

    from ..errors import ConfigError
    from ..paper.sweep import slots
    from ..utils.parallel import usable_cores

    if args.jobs is not None and args.jobs < 1:
        raise ConfigError(f'--jobs must be at least 1, got {args.jobs}')
    if args.launcher == 'slurm':
        return slots(args.jobs or 4)
    gpus, cores = range(torch.cuda.device_count()), usable_cores()
    jobs = args.jobs or len(gpus) or (cores if args.demo else 1)
    return slots(jobs, gpus, max(1, cores // jobs))


def _run_jobs(jobs: list[Job], args: argparse.Namespace) -> dict[str, str | None]:
    from tqdm import tqdm

    from ..paper.sweep import run_jobs

    environments = _environments(args)
    if args.demo:
        from ..datasets import DemoDataset

        # Made once, before several processes want it.
        DemoDataset(split='test')
    with tqdm(total=len(jobs), unit='row') as bar:

        def on_end(line: str) -> None:
            tqdm.write(line)
            bar.update()

        return run_jobs(jobs, environments, on_end)


def run(args: argparse.Namespace) -> int:
    """Sweep."""
    from ..paper.rows import rows_of, tables_of

    rows, work_dirs = rows_of(tables_of(args.tables)), work_dirs_of(args)
    from ..paper.sweep import first_with_features, keep_features, plan

    srun = ['srun', '--kill-on-bad-exit=1', *shlex.split(args.slurm_args)]
    jobs = plan(
        rows,
        work_dirs,
        demo=args.demo,
        option_texts=args.cfg_options or (),
        launcher=srun if args.launcher == 'slurm' else (),
        features=None if args.features is None else shlex.split(args.features),
    )
    if args.dry_run:
        for job in first_with_features([job for job in jobs if not job.done]).values():
            print(shlex.join(job.features))
        for job in jobs:
            job.check_work_dir()
            print(f'# {job.name}: has its scores' if job.done else shlex.join(job.command))
        plans = [dict(name=job.name, done=job.done, command=job.command) for job in jobs]
        give_json(args, dict(rows=plans))
        return 0
    missing = [job for job in jobs if not job.done]
    print(f'{len(jobs)} rows, {len(jobs) - len(missing)} have their scores')
    keep_features(missing)
    errors = _run_jobs(missing, args) if missing else {}
    tables = print_tables(args.tables, work_dirs)
    failed = {name: error for name, error in errors.items() if error}
    for name, error in failed.items():
        print(f'salkit sweep: {name}: {error}', file=sys.stderr)
    give_json(args, dict(trained=list(errors), failed=failed, tables=tables))
    return 1 if failed else 0

"""Print the paper's tables: its scores, exact parameter counts, and the scores of your own runs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..utils.folders import check_folder, check_folder_place
from .json_output import add_json_argument, give_json

WORK_DIRS = 'work_dirs'
DEMO_WORK_DIRS = 'work_dirs/sweep_demo'


def add_work_dirs_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the runs of the rows lie."""
    parser.add_argument(
        '--work-dirs',
        metavar='DIR',
        help=f'folder of the work dirs, one a row, named as the config (default: {WORK_DIRS}; '
        f'{DEMO_WORK_DIRS} with --demo)',
    )
    parser.add_argument(
        '--demo', action='store_true', help='the runs with tiny encoders on the demo data'
    )


def work_dirs_of(args: argparse.Namespace) -> Path:
    """The folder that the arguments name.

    Raises:
        ConfigError: it is a file.
    """
    folder = Path(args.work_dirs or (DEMO_WORK_DIRS if args.demo else WORK_DIRS))
    check_folder_place('--work-dirs', folder)
    return folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `salkit tables`."""
    parser.add_argument('tables', nargs='*', metavar='1-4', help='which (default: all)')
    add_work_dirs_arguments(parser)
    parser.add_argument(
        '--format', choices=['text', 'markdown'], default='text', help='default: text'
    )
    add_json_argument(parser)


def print_tables(
    names: Sequence[str], work_dirs: Path, format: str = 'text'
) -> list[dict[str, object]]:
    """Print tables with the scores of the runs in `work_dirs`, and give them as plain values."""
    from ..paper.rows import rows_of, tables_of
    from ..paper.tables import find_results, format_sources, format_table, table_json

    tables = tables_of(names)
    results = find_results(work_dirs, rows_of(tables))
    blocks = [format_table(table, results, format == 'markdown') for table in tables]
    print('\n\n'.join(filter(None, [*blocks, format_sources(results)])))
    return [table_json(table, results) for table in tables]


def run(args: argparse.Namespace) -> int:
    """Print them."""
    work_dirs = work_dirs_of(args)
    if args.work_dirs:
        check_folder(work_dirs, 'the folder of work dirs')
    give_json(args, dict(tables=print_tables(args.tables, work_dirs, args.format)))
    return 0

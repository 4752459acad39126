"""List the installed plugins: what they offer, what failed and why."""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from typing import TYPE_CHECKING

from .json_output import add_json_argument, give_json

if TYPE_CHECKING:
    from ..plugin import PluginRecord


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `salkit plugins`."""
    parser.add_argument(
        '--verbose',
        '-v',
        action='store_true',
        help='also folders, smoke arguments, and where a failure comes from',
    )
    add_json_argument(parser)


def _status(record: PluginRecord) -> str:
    if not record.chosen:
        return 'left out'
    return 'failed' if record.error else 'loaded'


def to_json(record: PluginRecord) -> dict[str, object]:
    """All that is known of a plugin, as plain values."""
    return dict(
        name=record.name,
        distribution=record.package,
        version=record.version,
        module=record.module,
        location=record.location,
        status=_status(record),
        registers=[
            dict(registry=registry, name=name, smoke=smoke)
            for registry, name, smoke in record.registered
        ],
        configs=[f'{record.name}::{name}' for name in record.config_files()],
        error=record.error,
    )


def describe(record: PluginRecord, verbose: bool) -> str:
    """A plugin as lines of text."""
    status = _status(record)
    if not record.chosen:
        status += ' by SALKIT_PLUGINS'
    lines = [f'{record.package} {record.version} ({record.name}): {status}']
    if record.error:
        lines.append(f'  {record.error}')
    for registry, name, smoke in record.registered:
        lines.append(f'  {registry:<10} {name}')
        if verbose:
            arguments = 'none, so that the suites skip it' if smoke is None else repr(smoke)
            lines.append(f'{"":13}smoke arguments: {arguments}')
    configs = list(record.config_files())
    if verbose:
        lines += [f'  {"config":<10} {record.name}::{name}' for name in configs]
        lines.append(f'  module {record.module}, installed in {record.location}')
        lines += [f'  | {line}' for line in record.traceback.splitlines()]
    elif configs:
        lines.append(f'  {len(configs)} configs, such as {record.name}::{configs[0]}')
    return '\n'.join(lines)


def run(args: argparse.Namespace) -> int:
    """List plugins; status 1 where one failed and SALKIT_STRICT_PLUGINS is set."""
    from ..errors import PluginError, PluginWarning
    from ..plugin import installed_plugins, load_plugins

    with warnings.catch_warnings():
        # The list says it all.
        warnings.simplefilter('ignore', PluginWarning)
        records = installed_plugins()
    # Smoke arguments may be of any type.
    give_json(args, json.loads(json.dumps(list(map(to_json, records)), default=str)))
    if not records:
        print('no plugins are installed')
    else:
        print('\n'.join(describe(record, args.verbose) for record in records))
    try:
        load_plugins()
    except PluginError as error:
        print(f'salkit plugins: {error}', file=sys.stderr)
        return 1
    return 0

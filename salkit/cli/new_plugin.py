"""Write the package of a new plugin: small, complete and tested, there to be changed."""

from __future__ import annotations

import argparse
import shlex

# Written out, so that help needs nothing heavy.
ROLES = (
    'encoder',
    'decoder',
    'branch',
    'loss',
    'metric',
    'dataset',
    'transform',
    'hook',
    'protocol',
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `salkit new-plugin`."""
    parser.add_argument(
        'name', metavar='NAME', help="the plugin's name: my-vfm makes the package salkit-my-vfm"
    )
    parser.add_argument(
        '--role', choices=ROLES, default='encoder', help='what it brings (default: encoder)'
    )
    parser.add_argument(
        '--out',
        default='.',
        metavar='DIR',
        help='where the folder of the package is made (default: the current folder)',
    )


def run(args: argparse.Namespace) -> int:
    """Write the package and print what to do next."""
    from ..plugin.scaffold import scaffold
    from ..utils.folders import check_folder_place

    check_folder_place('--out', args.out)
    names, folder = scaffold(args.name, args.role, args.out)
    data = ' --cfg-options data_root=FOLDER' if args.role == 'dataset' else ''
    print(f'{folder}: the package {names.distribution}, with the {names.role} {names.label}')
    print('Next:')
    for command in (
        f'cd {shlex.quote(str(folder))}',
        "pip install -e '.[test]'",
        'pytest',
        'salkit plugins',
        f'salkit train {names.config}{data}',
    ):
        print(f'  {command}')
    return 0

"""`python -m salkit_peft merge CONFIG CHECKPOINT OUT.safetensors`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from salkit.errors import SalkitError, one_line


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is 2 where the user can mend what went wrong."""
    parser = argparse.ArgumentParser(prog='python -m salkit_peft', description=__doc__)
    commands = parser.add_subparsers(dest='command', required=True)
    merge = commands.add_parser('merge', help='fold the adapters of a checkpoint into its weights')
    merge.add_argument('config', help='config that the checkpoint was trained with')
    merge.add_argument('checkpoint', help='checkpoint or work dir')
    merge.add_argument('out', help='the .safetensors file to write, for the wrapped encoder')
    merge.add_argument(
        '--cfg-options', nargs='+', metavar='KEY=VALUE', help='overrides of the config'
    )
    args = parser.parse_args(arguments)

    from salkit.config import parse_options

    from .merging import merge_checkpoint

    try:
        options = parse_options(args.cfg_options)
        encoder = merge_checkpoint(args.config, args.checkpoint, args.out, options)
    except (SalkitError, OSError) as error:
        print(f'error: {one_line(error)}', file=sys.stderr)
        return 2
    print(f'{args.out}: a model whose encoder is {encoder}')
    return 0


if __name__ == '__main__':
    sys.exit(main())

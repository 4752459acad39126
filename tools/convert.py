"""Convert weights: `python tools/convert.py SRC DST`, the same as `salkit convert`."""

import sys

from salkit.cli import run_command

if __name__ == '__main__':
    sys.exit(run_command('convert', sys.argv[1:], 'convert.py'))

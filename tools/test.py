"""Score a checkpoint: `python tools/test.py CONFIG CHECKPOINT`, the same as `salkit test`."""

import sys

from salkit.cli import run_command

if __name__ == '__main__':
    sys.exit(run_command('test', sys.argv[1:], 'test.py'))

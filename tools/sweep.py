"""Train and test the paper's rows: `python tools/sweep.py table3`, the same as `salkit sweep`."""

import sys

from salkit.cli import run_command

if __name__ == '__main__':
    sys.exit(run_command('sweep', sys.argv[1:], 'sweep.py'))

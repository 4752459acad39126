"""Train the model of a config: `python tools/train.py CONFIG`, the same as `salkit train`."""

import sys

from salkit.cli import run_command

if __name__ == '__main__':
    sys.exit(run_command('train', sys.argv[1:], 'train.py'))

"""Count and measure: `python tools/profile.py CONFIG ...`, the same as `salkit profile`."""

import sys

from salkit.cli import run_command

if __name__ == '__main__':
    sys.exit(run_command('profile', sys.argv[1:], 'profile.py'))

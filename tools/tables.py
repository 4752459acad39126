"""Print the paper's tables: `python tools/tables.py`, the same as `salkit tables`."""

import sys

from salkit.cli import run_command

if __name__ == '__main__':
    sys.exit(run_command('tables', sys.argv[1:], 'tables.py'))

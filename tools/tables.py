"""Print the paper's tables: `python tools/tables.py`, the same as `salkit tables`."""

from salkit.cli import run_script

if __name__ == '__main__':
    run_script(__file__)

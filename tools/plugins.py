"""List the installed plugins: `python tools/plugins.py`, the same as `salkit plugins`."""

from salkit.cli import run_script

if __name__ == '__main__':
    run_script(__file__)

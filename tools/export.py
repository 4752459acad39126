"""Export a model: `python tools/export.py CONFIG ...`, the same as `salkit export`."""

from salkit.cli import run_script

if __name__ == '__main__':
    run_script(__file__)

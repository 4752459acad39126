"""Draw what a model will see: `python tools/browse.py CONFIG`, the same as `salkit browse`."""

from salkit.cli import run_script

if __name__ == '__main__':
    run_script(__file__)

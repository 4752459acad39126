"""Find what is wrong with a data set: `python tools/check.py ROOT`, as `salkit check`."""

from salkit.cli import run_script

if __name__ == '__main__':
    run_script(__file__)

"""Train and test the paper's rows: `python tools/sweep.py table3`, the same as `salkit sweep`."""

from salkit.cli import run_script

if __name__ == '__main__':
    run_script(__file__)

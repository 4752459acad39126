"""Train the model of a config: `python tools/train.py CONFIG`, the same as `salkit train`."""

from salkit.cli import run_script

if __name__ == '__main__':
    run_script(__file__)

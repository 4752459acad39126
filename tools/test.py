"""Score a checkpoint: `python tools/test.py CONFIG CHECKPOINT`, the same as `salkit test`."""

from salkit.cli import run_script

if __name__ == '__main__':
    run_script(__file__)

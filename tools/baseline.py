"""Write a baseline: `python tools/baseline.py center ...`, the same as `salkit baseline`."""

from salkit.cli import run_script

if __name__ == '__main__':
    run_script(__file__)

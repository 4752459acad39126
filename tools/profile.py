"""Count and measure: `python tools/profile.py CONFIG ...`, the same as `salkit profile`."""

from salkit.cli import run_script

if __name__ == '__main__':
    run_script(__file__)

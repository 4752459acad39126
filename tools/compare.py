"""Compare score files: `python tools/compare.py A.json B.json`, the same as `salkit compare`."""

from salkit.cli import run_script

if __name__ == '__main__':
    run_script(__file__)

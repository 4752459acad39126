"""Time and memory: `python tools/benchmark.py infer CONFIG`, the same as `salkit benchmark`."""

from salkit.cli import run_script

if __name__ == '__main__':
    run_script(__file__)

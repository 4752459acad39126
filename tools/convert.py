"""Convert weights: `python tools/convert.py SRC DST`, the same as `salkit convert`."""

from salkit.cli import run_script

if __name__ == '__main__':
    run_script(__file__)

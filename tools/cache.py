"""Keep resized clips on disk: `python tools/cache.py CONFIG`, the same as `salkit cache`."""

from salkit.cli import run_script

if __name__ == '__main__':
    run_script(__file__)

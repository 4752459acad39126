"""Attention on regions of videos: `python tools/regions.py INPUT ... --regions FILE --out DIR`."""

from salkit.cli import run_script

if __name__ == '__main__':
    run_script(__file__)

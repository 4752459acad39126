"""Predict on videos and pictures: `python tools/predict.py INPUT ... --out DIR`."""

from salkit.cli import run_script

if __name__ == '__main__':
    run_script(__file__)

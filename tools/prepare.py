"""Bring a data set into salkit's layout: `python tools/prepare.py KIND SOURCE DESTINATION`."""

from salkit.cli import run_script

if __name__ == '__main__':
    run_script(__file__)

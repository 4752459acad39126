"""Make density maps from fixations or gaze: `python tools/density.py FIXATIONS --recipe NAME`."""

from salkit.cli import run_script

if __name__ == '__main__':
    run_script(__file__)

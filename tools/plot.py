"""Draw curves of trainings: `python tools/plot.py RUN... --out FILE.png`, as `salkit plot`."""

from salkit.cli import run_script

if __name__ == '__main__':
    run_script(__file__)

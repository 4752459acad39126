"""Score anybody's maps: `python tools/score.py PREDICTIONS GROUND_TRUTH`, as `salkit score`."""

from salkit.cli import run_script

if __name__ == '__main__':
    run_script(__file__)

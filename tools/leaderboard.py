"""Make a leaderboard: `python tools/leaderboard.py A.json B.json`, as `salkit leaderboard` does."""

from salkit.cli import run_script

if __name__ == '__main__':
    run_script(__file__)

"""Open the web page: `python tools/serve.py`, the same as `salkit serve`."""

from salkit.cli import run_script

if __name__ == '__main__':
    run_script(__file__)

"""Cut a video to another aspect: `python tools/reframe.py clip.mp4`, as `salkit reframe`."""

from salkit.cli import run_script

if __name__ == '__main__':
    run_script(__file__)

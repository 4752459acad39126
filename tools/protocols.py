"""Tell what scoring protocols do: `python tools/protocols.py [NAME]`, as `salkit protocols`."""

from salkit.cli import run_script

if __name__ == '__main__':
    run_script(__file__)

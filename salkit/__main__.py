"""`python -m salkit`, the same as the installed command `salkit`."""

import sys

from .cli import main

if __name__ == '__main__':
    sys.exit(main())

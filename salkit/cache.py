"""Where salkit keeps what it generates or downloads."""

import os
from pathlib import Path


def cache_dir() -> Path:
    """$SALKIT_CACHE, or `salkit` in the user's cache folder."""
    own = os.environ.get('SALKIT_CACHE')
    if own:
        return Path(own)
    return Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'salkit'

"""Videos of every kind, each encoded once."""

import numpy as np
import pytest
from make_video import decode_all
from video_kinds import KINDS


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """A cache folder for each test: no index comes from another one."""
    monkeypatch.setenv('SALKIT_CACHE', str(tmp_path / 'cache'))
    return tmp_path / 'cache'


@pytest.fixture(scope='session')
def videos(tmp_path_factory):
    """Function from the name of a kind to its path and all frames by a plain sequential decode."""
    folder, made = tmp_path_factory.mktemp('videos'), {}

    def video(kind):
        if kind not in made:
            suffix, make = KINDS[kind]
            path = make(folder / f'{kind}.{suffix}')
            frames = np.stack(decode_all(path))
            frames.setflags(write=False)
            made[kind] = path, frames
        return made[kind]

    return video

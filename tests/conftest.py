"""Fixtures that need files: the golden scores beside the tests, the real sample sequence."""

import gc
import json
import os
import shutil
import signal
from pathlib import Path
from unittest import mock

import hypothesis
import numpy as np
import pytest
from nursery import Nursery
from PIL import Image

from salkit.utils.allocator import keep_freed_memory

# The first example pays for imports and caches, and a shared machine has its own pace.
hypothesis.settings.register_profile('salkit', deadline=None, max_examples=25)
hypothesis.settings.load_profile('salkit')

# A shell that runs this in the background has it ignore Ctrl-C, and children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

DATA = Path(__file__).parent / 'data'
BROWSERS = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable')


def pytest_collection_finish():
    """What is imported by now stays: no search for garbage looks at it, and forks share it."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items):
    """Files with slow tests first, so that no process is left alone with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker('slow')}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True)
def _environment_of_one_test():
    """What a command sets for its own process is gone after the test that ran it in this one."""
    with mock.patch.dict(os.environ):
        yield


@pytest.fixture(scope='module', autouse=True)
def _process_of_one_file():
    """What the fixtures of a file set, and memory that prediction keeps, is given back, too."""
    with mock.patch.dict(os.environ):
        yield
    keep_freed_memory(False)


@pytest.fixture(scope='session')
def nursery():
    """Starts commands in processes of their own that need not import anything."""
    with Nursery() as nursery:
        yield nursery


@pytest.fixture(scope='module')
def browser():
    """Headless Chromium."""
    playwright = pytest.importorskip('playwright.sync_api', reason='playwright is not installed')
    found = [path for path in map(shutil.which, BROWSERS) if path]
    if not found:
        pytest.skip(f'no browser found: none of {", ".join(BROWSERS)} is in PATH')
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=found[0],
            # Its own calls home are no concern of the page.
            args=['--no-sandbox', '--disable-background-networking', '--disable-sync'],
        )
        yield browser
        browser.close()


@pytest.fixture(scope='session')
def sample_gaze():
    """Folder of real gaze: `osie`, `crowd` and `scene` as published, and films in `xu_video`."""
    root = os.environ.get('SALKIT_SAMPLE_DATA')
    if not root or not Path(root, 'gaze').is_dir():
        pytest.skip('SALKIT_SAMPLE_DATA is unset, or holds no gaze')
    return Path(root, 'gaze')


@pytest.fixture(scope='session')
def sample_sequence():
    """Folder of one real sequence, with `maps` and `fixation` PNGs, a frame a file."""
    root = os.environ.get('SALKIT_SAMPLE_DATA')
    if not root:
        pytest.skip('SALKIT_SAMPLE_DATA is unset: it names the folder that holds ucf_sports')
    return Path(root) / 'ucf_sports' / 'testing' / 'Diving-Side-001'


@pytest.fixture(scope='session')
def golden_scores():
    """Scores of the reference codes: GNU Octave on the MIT benchmark's, and others."""
    return json.loads((DATA / 'metrics_golden.json').read_text())


@pytest.fixture(scope='session')
def golden_predictions():
    """Function from a key such as 'a_001' (kind and frame) to the prediction that was scored."""
    with np.load(DATA / 'metrics_golden.npz') as stored:
        quarter, frames, maps = stored['pred_a_quarter'], stored['pred_d_frames'], stored['pred_d']
    # The centre Gaussian is the same left and right, above and below; both sides are even.
    half = np.concatenate([quarter, quarter[::-1]])
    stored = {'a': np.concatenate([half, half[:, ::-1]], axis=1)}
    stored |= {f'd_{frame:03d}': frame_map for frame, frame_map in zip(frames, maps, strict=True)}

    def prediction(key):
        return stored['a'] if key.startswith('a_') else stored[key]

    return prediction


@pytest.fixture(scope='session')
def sample_targets(sample_sequence):
    """Function from a frame number (from 1) to its density map in [0, 1] and its fixation map."""
    folders = [sorted((sample_sequence / name).glob('*.png')) for name in ('maps', 'fixation')]

    def targets(frame):
        density, fixations = (np.asarray(Image.open(files[frame - 1])) for files in folders)
        return density / 255, fixations > 0

    return targets

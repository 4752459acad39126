"""No reader of pictures, maps and lists waits for what is no regular file."""

import os
import subprocess
import sys

READ = """
import sys
from pathlib import Path

from salkit.datasets.clip_cache import open_cached
from salkit.datasets.transforms.load_targets import LoadTargets
from salkit.datasets.truth_video import PointLists
from salkit.errors import DataError
from salkit.inference import open_stimulus
from salkit.media.images import image_size, read_image
from salkit.media.map_stacks import open_stack
from salkit.media.maps import read_fixation_map, read_map
from salkit.prepare.check import check_dataset
from salkit.prepare.stimulus import Pictures, link_all
from salkit.datasets.predictions import find_predictions
from salkit.scoring.score_files import read_scores

root = Path(sys.argv[1])
pipes = {path.suffix[1:]: str(path) for path in (root / 'v' / 'images').iterdir()}
paths = {suffix: Path(path) for suffix, path in pipes.items()}
readers = [
    lambda: read_image(pipes['png']),
    lambda: image_size(pipes['png']),
    lambda: read_map(pipes['png']),
    lambda: read_map(pipes['npy']),
    lambda: read_map(pipes['npz']),
    lambda: read_fixation_map(pipes['png']),
    lambda: read_fixation_map(pipes['mat']),
    lambda: len(open_stack(paths['npy'])),
    lambda: len(open_stack(paths['npz'])),
    lambda: len(*find_predictions(pipes['npy']).values()),
    lambda: PointLists(paths['json']),
    lambda: read_scores(pipes['json'], 'a'),
    lambda: open_cached(paths['npy'], 0),
    lambda: open_stimulus(root / 'v'),
    lambda: Pictures(root / 'v' / 'images'),
    lambda: link_all([pipes['png']], root / 'linked', copy=False),
    lambda: LoadTargets().transform(dict(size=(9, 9), density_path=pipes['png'])),
]
for number, read in enumerate(readers):
    try:
        read()
        print('read:', number)
    except DataError as error:
        if 'expected a regular file' not in str(error):
            print(number, error)
(fault,) = check_dataset(root / 'v', workers=1).errors[:1]
print(fault.kind, fault.found)
"""


def test_pipes_are_refused(tmp_path):
    for part in ('images', 'maps', 'fixation'):
        (tmp_path / 'v' / part).mkdir(parents=True)
        for suffix in ('png', 'npy', 'npz', 'mat', 'json'):
            os.mkfifo(tmp_path / 'v' / part / f'a.{suffix}')
    done = subprocess.run(
        [sys.executable, '-c', READ, tmp_path], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == (
        'unreadable is a pipe, expected a regular file, 0 bytes\n',
        '',
    )

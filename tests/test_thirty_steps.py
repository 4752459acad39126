"""Every registered encoder learns on the demo data through `tools/train.py`.

Where plugins are installed, theirs are tested; salkit's own where there are none.
"""

import json
import pprint
import subprocess
import sys
from math import ceil
from pathlib import Path

import pytest

import salkit
from salkit.builder import build
from salkit.cli import run_command
from salkit.datasets import DemoDataset
from salkit.registry import ENCODERS
from salkit.testing.smoke import registered_parts

ROOT = Path(salkit.__file__).parents[1]
PARTS = [part for part in registered_parts() if part.registry == 'encoder']
OF_PLUGINS = [part for part in PARTS if part.owner != 'salkit']
CASES = [
    pytest.param(dict(smoke, type=part.cls.__name__), id=f'{part.cls.__name__}-{number}')
    for part in OF_PLUGINS or PARTS
    # Two kinds of what one class makes are enough; the suites of encoders look at all of them.
    for number, smoke in enumerate(part.variants[:2])
]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / 'tools').is_dir(), reason='the tests run without a checkout'),
]
CONFIG = """
_base_ = 'salkit::demo/umt-tiny_cc-kl'

_size = {size}
_pipeline = [
    dict(type='LoadClip', size=_size, cache_frames=16384),
    dict(type='LoadTargets', size=_size),
    dict(type='PackClip'),
]
model = dict(encoder=dict(_delete_=True, **{encoder}))
# The same clips again and again, so that the losses of two epochs can be compared.
train_dataloader = dict(batch_size={batch_size}, dataset=dict(
    split='val', sampling='strided', stride=16, clip_len={clip_len}, pipeline=_pipeline))
val_dataloader = None
train_cfg = dict(max_epochs=5)
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(save_best=None))
log_processor = dict(window_size=1)
"""


@pytest.mark.parametrize('encoder', CASES)
def test_the_loss_falls_within_thirty_steps(encoder, tmp_path, request):
    built = build(ENCODERS, encoder)
    divisor = built.size_divisor
    # About 32 x 48, as small as the encoder takes.
    size = built.fixed_size or tuple(max(1, side // divisor) * divisor for side in (32, 48))
    clips = DemoDataset(split='val', sampling='strided', stride=16, clip_len=built.clip_len)
    config = tmp_path / 'config.py'
    config.write_text(
        CONFIG.format(
            encoder=pprint.pformat(encoder),
            size=size,
            clip_len=built.clip_len,
            batch_size=ceil(len(clips) / 6),
        )
    )
    arguments = [str(config), '--work-dir', str(tmp_path / 'run')]
    if request.node.callspec.id == CASES[0].id:
        script = [sys.executable, ROOT / 'tools' / 'train.py', *arguments]
        done = subprocess.run(script, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
    else:
        # What the script does, without importing everything anew.
        assert run_command('train', arguments, 'train.py') == 0
    (log,) = tmp_path.glob('run/*/vis_data/scalars.json')
    losses = [json.loads(line)['loss'] for line in log.read_text().splitlines() if 'loss' in line]
    assert len(losses) == 30
    first, last = sum(losses[:6]) / 6, sum(losses[-6:]) / 6
    assert last < 0.9 * first, losses

"""Small models to export: `salkit export` itself, configs with other parts, their weights."""

import numpy as np
import torch
from mmengine.config import Config
from small_models import filled

from salkit.cli import main
from salkit.models.load import build_model

CLIP_LEN, SIZE = 4, (32, 48)


def export(small, out, *options):
    """Run `salkit export` for the fixture `small` and give its exit status."""
    argv = ['export', str(small.config), '--checkpoint', str(small.checkpoint), '--out', str(out)]
    return main([*argv, *map(str, options)])


def write_config(folder, encoder, branches, clip_len=CLIP_LEN, size=SIZE):
    """The file of a config whose test set has clips of this length and size."""
    dataset = dict(clip_len=clip_len, pipeline=[dict(type='LoadClip', size=size)])
    fusion = dict(type='ConvFusion', width=0.125)
    decoder = dict(type='MultiBranchDecoder', branches=branches, fusion=fusion)
    model = dict(type='SaliencyModel', encoder=encoder, decoder=decoder)
    path = folder / 'other.py'
    Config(dict(model=model, test_dataloader=dict(dataset=dataset))).dump(path)
    return path


def write_weights(config, path):
    """A checkpoint with which maps vary."""
    weights = filled(build_model(config))
    for key, value in weights.items():
        if key.endswith('running_var'):
            weights[key] = 0.5 + value.abs()
    torch.save(dict(state_dict=weights), path)
    return path


def assert_agrees(model, run, batches=(1, 2, 3), tolerance=1e-4, clip_len=CLIP_LEN, size=SIZE):
    """`run` maps clips that no export looked at as `model` does, to maps that vary."""
    for batch in batches:
        random = np.random.default_rng(batch)
        clip = random.standard_normal((batch, 3, clip_len, *size), np.float32)
        with torch.no_grad():
            wanted = model(torch.from_numpy(clip)).numpy()
        assert np.ptp(wanted) > 0.05
        np.testing.assert_allclose(run(clip), wanted, atol=tolerance, rtol=0)

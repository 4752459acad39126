"""Small models to export: `salkit export`, configs with other parts, weights, and damage."""

import numpy as np
import onnx
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


# What is wrong with a file ------------------------------------------------------------------------


def remade(onnx_file, path, change):
    """A copy of the file whose graph was changed."""
    model = onnx.load(onnx_file)
    change(model)
    onnx.save(model, path)
    return path


def external(location):
    def change(model):
        weight = next(w for w in model.graph.initializer if w.data_type == onnx.TensorProto.FLOAT)
        weight.ClearField('raw_data')
        weight.data_location = onnx.TensorProto.EXTERNAL
        weight.external_data.add(key='location', value=location)

    return change


def output_renamed(model):
    model.graph.output[0].name = next(iter(model.graph.node)).output[0]


def longer_clip(model):
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 10**9


def of_another_domain(model):
    model.graph.node[0].domain, model.graph.node[0].op_type = 'com.stranger', 'Run'

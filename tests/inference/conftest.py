import os
from types import SimpleNamespace

import pytest
from export_models import CLIP_LEN, SIZE, export
from tiny_model import write_tiny_model

from salkit import SaliencyPredictor
from salkit.models.load import build_model


@pytest.fixture(scope='session')
def tiny(tmp_path_factory):
    """Paths of a tiny model's config and checkpoint: clips of 4 frames of 32 x 48 pixels."""
    return write_tiny_model(tmp_path_factory.mktemp('tiny'))


@pytest.fixture(scope='session')
def predictor(tiny):
    return SaliencyPredictor(*tiny)


@pytest.fixture(scope='session')
def small(tmp_path_factory):
    """`config` and `checkpoint` of a tiny SalFoM, and its `model`."""
    folder = tmp_path_factory.mktemp('small')
    config, checkpoint = write_tiny_model(folder, CLIP_LEN, SIZE, head='reverse-time')
    model = build_model(config, checkpoint).requires_grad_(False)
    return SimpleNamespace(config=config, checkpoint=checkpoint, model=model)


@pytest.fixture(scope='session')
def onnx_file(small, tmp_path_factory):
    """The model as .onnx, for any number of clips."""
    path = tmp_path_factory.mktemp('onnx') / 'model.onnx'
    assert export(small, path, '--dynamic-batch') == 0
    assert os.listdir(path.parent) == ['model.onnx']
    return path

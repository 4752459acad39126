import os
from types import SimpleNamespace

import pytest
from export_models import CLIP_LEN, SIZE, export
from tiny_model import write_tiny_model

from salkit.models.load import build_model


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


@pytest.fixture(scope='session')
def program_file(small, tmp_path_factory):
    """The model as .pt2, for any number of clips."""
    path = tmp_path_factory.mktemp('pt2') / 'model.pt2'
    assert export(small, path, '--dynamic-batch') == 0
    assert os.listdir(path.parent) == ['model.pt2']
    return path

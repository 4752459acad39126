import pytest
from tiny_model import write_tiny_model

from salkit import SaliencyPredictor


@pytest.fixture(scope='session')
def tiny(tmp_path_factory):
    """Paths of a tiny model's config and checkpoint: clips of 4 frames of 32 x 48 pixels."""
    return write_tiny_model(tmp_path_factory.mktemp('tiny'))


@pytest.fixture(scope='session')
def predictor(tiny):
    return SaliencyPredictor(*tiny)

"""TinyEncoder keeps the contract of encoders, and its config builds."""

from salkit_tiny.encoder import TinyEncoder

from salkit import build_model
from salkit.testing import EncoderSuite


class TestTinyEncoder(EncoderSuite):
    part = TinyEncoder


def test_the_config_builds():
    assert isinstance(build_model('salkit_tiny::tiny_demo').encoder, TinyEncoder)

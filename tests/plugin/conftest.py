"""Fixtures of the tests that install plugins."""

import pytest
from make_env import make_env


@pytest.fixture
def fresh_env(tmp_path):
    """A virtual environment (`make_env.Env`) with salkit and without any plugin."""
    return make_env(tmp_path / 'env')

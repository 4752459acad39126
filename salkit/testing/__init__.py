"""The conformance kit: test classes that whoever writes a part of salkit inherits from.

    from salkit.testing import EncoderSuite
    from salkit_tiny import TinyEncoder

    class TestTinyEncoder(EncoderSuite):
        part = TinyEncoder

pytest runs every check of the suite on the part. `pytest --pyargs salkit.testing --installed` runs
the suites on everything that is installed, salkit's own parts and those of plugins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..utils.lazy import on_first_use

if TYPE_CHECKING:
    from .datasets import DatasetSuite as DatasetSuite
    from .decoders import DecoderSuite as DecoderSuite
    from .encoders import EncoderSuite as EncoderSuite
    from .losses import LossSuite as LossSuite
    from .metrics import MetricSuite as MetricSuite
    from .published import PublishedSuite as PublishedSuite
    from .suite import Suite as Suite

# Public name -> where it lives. Imported on first use: pytest loads this package in every session,
# for the sake of its option `--installed`.
_HOMES = {
    'DatasetSuite': 'datasets',
    'DecoderSuite': 'decoders',
    'EncoderSuite': 'encoders',
    'LossSuite': 'losses',
    'MetricSuite': 'metrics',
    'PublishedSuite': 'published',
    'Suite': 'suite',
}
__all__ = [*_HOMES]

__getattr__, __dir__ = on_first_use(__name__, _HOMES)

"""Times by part, memory, and what is compiled."""

import numpy as np
import pytest
import torch
from small_models import MODEL
from torch import nn

from salkit.builder import build
from salkit.errors import ConfigError
from salkit.models.measuring import (
    MatrixProduct,
    PartTimes,
    PeakMemory,
    Timing,
    largest_product,
    median_parts,
)
from salkit.models.parts import compile_parts, model_parts
from salkit.registry import MODELS


def test_parts_are_timed_by_name_in_order_and_taken_once():
    first, second = nn.Identity(), nn.Identity()
    times = PartTimes('cpu')
    times.watch(dict(a=first, b=second))
    with times.part('all'):
        second(first(first(torch.zeros(1))))
    found = times.take()
    assert list(found) == ['a', 'b', 'all'] and min(found.values()) > 0
    assert found['a'] + found['b'] <= found['all']
    assert times.take() == {}


def test_medians():
    assert Timing.of([3.0, 1.0, 2.0]) == Timing(2.0, 1.0, 3.0, 3)
    assert median_parts([dict(a=1, b=5), dict(a=2, b=9), dict(a=9, b=7)]) == dict(a=2, b=7)


def test_peak_memory_is_seen_after_it_is_gone():
    peak = PeakMemory('cpu')
    if peak.mib() is None:
        pytest.skip('this system does not let the mark of the peak be reset')
    before = peak.mib()
    held = np.ones(2**25)
    assert held.sum() > 0
    del held
    # 256 MiB.
    assert peak.mib() > before + 200
    assert PeakMemory('cpu').mib() < 100


def test_the_largest_product_is_longest_on_its_shortest_side():
    # The linear layer, 16 x 6 by 6 x 500, has more to compute.
    layers = nn.Sequential(nn.Conv2d(3, 8, 2, stride=2), nn.Flatten(2), nn.Linear(6, 500))
    layers.to('meta')

    def run():
        layers(torch.zeros(2, 3, 4, 6, device='meta'))

    # 2 x 2 x 3 places, 3 x 2 x 2 values in, 8 out.
    assert largest_product(layers, run) == MatrixProduct(12, 12, 8)
    assert MatrixProduct(12, 12, 8).flops == 2 * 12 * 12 * 8
    run()
    with pytest.raises(ConfigError, match='Identity: expected a linear layer'):
        largest_product(nn.Identity(), run)


def test_every_part_of_a_model_is_compiled(monkeypatch):
    class Compiled(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

    monkeypatch.setattr(torch, 'compile', Compiled)
    model = build(MODELS, MODEL)
    before = model_parts(model)
    assert list(before) == ['encoder', 'swin3d', 'dfd', 'sfd', 'fusion']
    compile_parts(model)
    after = model_parts(model)
    assert {name: part.inner for name, part in after.items()} == before

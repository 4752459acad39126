"""The strategy of a config, where nothing has to be started."""

import pytest
import torch
from mmengine.config import Config
from small_models import MODEL
from torch import nn

from salkit.builder import build
from salkit.engine import FSDP2
from salkit.engine.sharding import strategy_of
from salkit.errors import ConfigError
from salkit.registry import MODELS


@pytest.mark.parametrize(
    ('strategy', 'message'),
    [
        ('FSDP2', r"strategy: expected dict\(type='FSDP2'"),
        (dict(type='FSDP'), "strategy: type must be one of FSDP2, got 'FSDP'"),
        (dict(type='FSDP2', shard=1), "FSDP2 has no argument 'shard'"),
        (dict(type='FSDP2', checkpoint='half'), 'checkpoint must be one of whole, sharded'),
        (dict(type='FSDP2', mixed_precision='int8'), 'mixed_precision must be one of bfloat16'),
        (dict(type='FSDP2', shard_modules='all'), 'shard_modules must be one of auto'),
    ],
)
def test_a_strategy_that_cannot_be(strategy, message):
    with pytest.raises(ConfigError, match=message):
        strategy_of(Config(dict(strategy=strategy)))


def test_the_blocks_of_an_encoder_are_found():
    model = build(MODELS, MODEL)
    assert FSDP2()._blocks(model) == list(model.encoder.blocks)
    named = FSDP2(shard_modules=['UMTBlock', 'Swin3DStage'])._blocks(model)
    assert len(named) == 3 + 3
    with pytest.raises(ConfigError, match="got 'Block'"):
        FSDP2(shard_modules=['Block'])._blocks(model)


def test_blocks_in_stages_are_found_without_what_they_are_made_of():
    stages = [nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), nn.LayerNorm(2))]
    encoder = nn.ModuleDict(dict(stages=nn.ModuleList(stages), head=nn.Linear(2, 2)))
    blocks = FSDP2()._blocks(nn.ModuleDict(dict(encoder=encoder)).requires_grad_(False))
    assert [type(block) for block in blocks] == [nn.Linear, nn.LayerNorm]


def test_a_parameter_without_axes_cannot_be_sharded():
    model = nn.Linear(2, 2)
    model.scale = nn.Parameter(torch.tensor(1.0))
    with pytest.raises(ConfigError, match='at least one axis, scale are single numbers'):
        FSDP2().wrap(model)

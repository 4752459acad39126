"""Every config that comes with salkit: it loads, builds and names what exists."""

import copy

import pytest
import torch
from golden import official_entries

from salkit.builder import build, check
from salkit.checkpoints.official import salkit_key
from salkit.config import DATALOADERS, config_names, dataset_configs, load_config
from salkit.engine.runner import check_components
from salkit.registry import DATASETS, MODELS, TRANSFORMS


def build_on_meta(cfg):
    with torch.device('meta'):
        return build(MODELS, copy.deepcopy(cfg.model))


@pytest.mark.parametrize('name', config_names())
def test_config_is_whole(name):
    cfg = load_config(name)
    assert build_on_meta(cfg).encoder.clip_len
    check_components(cfg)
    for loader in DATALOADERS:
        for dataset in dataset_configs(cfg[loader].dataset):
            check(DATASETS, dataset)
            for transform in dataset.pipeline:
                check(TRANSFORMS, transform)
            assert dataset.clip_len == cfg.model.encoder.clip_len


def test_the_default_is_the_papers_recipe():
    cfg = load_config('salfom/umt-l16_cc-kl')
    assert cfg.optim_wrapper.optimizer == dict(type='Adam', lr=1e-5)
    assert cfg.train_dataloader.batch_size == 1
    assert cfg.train_dataloader.dataset.type == 'DHF1KDataset'
    assert set(cfg.model.losses) == {'cc', 'kl'}
    assert cfg.default_hooks.checkpoint.save_best == 'CC'
    assert cfg.train_cfg.val_interval == 3 and cfg.train_cfg.max_epochs == 300
    assert cfg.val_dataloader.dataset.stride == 32


def test_the_default_has_every_parameter_of_the_official_state_dict():
    own = {k: tuple(v.shape) for k, v in build_on_meta(load_config('salfom/umt-l16_cc-kl'))
           .state_dict().items()}  # fmt: skip
    counted, used = 0, {}
    for key, shape, kind in official_entries():
        if kind == 'parameter':
            counted += torch.Size(shape).numel()
        target = salkit_key(key)
        if target is not None:
            used[target] = shape
    assert used == own
    assert counted == 402_945_443


def count(cfg):
    """Parameters as the paper counts them: ours and the official checkpoint's dead entries."""
    model = build_on_meta(cfg)
    dim = model.encoder.features[0].channels
    dead = 2 * dim + 400 * dim + 400  # fc_norm, head
    dead += 2 * (256 + 64 + 16)  # the stages' final norms
    dead += 64 * 64 * 3 + 64 + 3  # conv_t3_3, final_map
    return sum(p.numel() for p in model.parameters()) + dead


@pytest.mark.parametrize(
    ('expected', 'changes'),
    [
        (402_945_443, {}),
        (399_572_931, {'decoder.branches.swin3d.depth': 2}),
        (406_317_955, {'decoder.branches.swin3d.depth': 10}),
        (396_102_755, {'decoder.branches.dfd.separable': True}),
        (406_090_403, {'decoder.branches.dfd.layers': 'extra'}),
        (400_429_475, {'decoder.branches.dfd.layers': 'fewer'}),
        (396_816_467, {'decoder.branches.sfd.separable': True}),
        (403_574_435, {'decoder.branches.sfd.layers': 'extra'}),
        (402_316_451, {'decoder.branches.sfd.layers': 'fewer'}),
        (92_158_531, {'encoder.arch': 'base', 'encoder.clip_len': 8, '+encoder.depth': 6}),
        (134_681_155, {'encoder.arch': 'base', 'encoder.clip_len': 8}),
        (379_417_923, {'encoder.clip_len': 8}),
        (176_231_843, {'+encoder.depth': 6}),
    ],
)
def test_parameter_counts_of_the_papers_rows(expected, changes):
    options = {
        ('+model.' if key[0] == '+' else 'model.') + key.removeprefix('+'): value
        for key, value in changes.items()
    }
    assert count(load_config('salfom/umt-l16_cc-kl', options)) == expected

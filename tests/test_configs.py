"""Every config that comes with salkit: it loads, builds and names what exists."""

import pytest
import torch
from golden import official_entries

from salkit.builder import build_on_meta, check
from salkit.checkpoints.official import salkit_key
from salkit.checkpoints.stored_config import read_plain_config
from salkit.config import dataset_configs, load_config
from salkit.config.find import config_names, config_root
from salkit.config.options import DATALOADERS
from salkit.datasets.published import published_datasets
from salkit.engine.building import check_components
from salkit.models.profile import profile
from salkit.registry import DATASETS, MODELS, TRANSFORMS


def model_of(cfg):
    return build_on_meta(MODELS, cfg.model)


@pytest.mark.parametrize('name', config_names())
def test_config_is_whole(name):
    cfg = load_config(name)
    assert model_of(cfg).encoder.clip_len
    check_components(cfg)
    for loader in DATALOADERS:
        for dataset in dataset_configs(cfg[loader].dataset):
            check(DATASETS, dataset)
            for transform in dataset.pipeline:
                check(TRANSFORMS, transform)
            assert dataset.clip_len == cfg.model.encoder.clip_len


@pytest.mark.parametrize(
    'name', ['lite/lite0_cc-kl', 'salfom/umt-l16_cc-kl', 'demo/umt-tiny_cc-kl']
)
def test_a_config_is_read_back_from_a_checkpoint(name):
    cfg = load_config(name)
    stored = read_plain_config(cfg.pretty_text, name)
    assert stored == {key: value for key, value in cfg.to_dict().items() if key in stored}
    assert {'model', 'optim_wrapper', 'train_dataloader'} <= stored.keys()


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
    own = {
        k: tuple(v.shape)
        for k, v in model_of(load_config('salfom/umt-l16_cc-kl')).state_dict().items()
    }
    counted, used = 0, {}
    for key, shape, kind in official_entries():
        if kind == 'parameter':
            counted += torch.Size(shape).numel()
        target = salkit_key(key)
        if target is not None:
            used[target] = shape
    assert used == own
    assert counted == 402_945_443


PAPER_ROWS = {
    'umt-l16_swin3d-d2_cc-kl': 399_572_931,
    'umt-l16_swin3d-d4_cc-kl': 401_259_187,
    'umt-l16_cc-kl': 402_945_443,
    'umt-l16_swin3d-d8_cc-kl': 404_631_699,
    'umt-l16_swin3d-d10_cc-kl': 406_317_955,
    'umt-l16_dfd-depthwise_cc-kl': 396_102_755,
    'umt-l16_dfd-extra_cc-kl': 406_090_403,
    'umt-l16_dfd-fewer_cc-kl': 400_429_475,
    'umt-l16_sfd-depthwise_cc-kl': 396_816_467,
    'umt-l16_sfd-extra_cc-kl': 403_574_435,
    'umt-l16_sfd-fewer_cc-kl': 402_316_451,
    'umt-b8-d6_cc-kl': 92_158_531,
    'umt-b8_cc-kl': 134_681_155,
    'umt-l8-d6_cc-kl': 152_704_323,
    'umt-l8-d12_cc-kl': 228_275_523,
    'umt-l8-d18_cc-kl': 303_846_723,
    'umt-l8_cc-kl': 379_417_923,
    'umt-l16-d6_cc-kl': 176_231_843,
    'umt-l16-d12_cc-kl': 251_803_043,
    'umt-l16-d18_cc-kl': 327_374_243,
}


@pytest.mark.parametrize(('name', 'expected'), PAPER_ROWS.items())
def test_parameter_counts_of_the_papers_rows(name, expected):
    """Ours and the entries of the official checkpoint that nothing reads, counted here by hand."""
    cfg = load_config(f'salfom/{name}')
    model = model_of(cfg)
    dim = {'base': 768, 'large': 1024}[cfg.model.encoder.arch]
    dead = 2 * dim + 400 * dim + 400  # fc_norm, head
    dead += 2 * (256 + 64 + 16)  # the stages' final norms
    dead += 64 * 64 * 3 + 64 + 3  # conv_t3_3, final_map
    assert sum(p.numel() for p in model.parameters()) + dead == expected
    counted = profile(cfg, with_flops=False)
    assert counted.params_paper == expected
    assert counted.params_trainable + counted.params_constant + dead == expected


@pytest.mark.parametrize(
    ('name', 'losses'),
    [
        ('cc', {'cc'}),
        ('kl', {'kl'}),
        ('sim', {'sim'}),
        ('nss', {'nss'}),
        ('cc-kl-sim', {'cc', 'kl', 'sim'}),
        ('cc-kl-sim-nss', {'cc', 'kl', 'sim', 'nss'}),
    ],
)
def test_the_losses_of_table_4(name, losses):
    model = model_of(load_config(f'salfom/umt-l16_{name}'))
    assert set(model.losses) == losses
    assert all(loss.weight == 1.0 for loss in model.losses.values())


@pytest.mark.parametrize('branch', ['swin3d', 'dfd', 'sfd'])
def test_branch_ablations(branch):
    every = {'swin3d', 'dfd', 'sfd'}
    without = model_of(load_config(f'salfom/umt-l16_no-{branch}_cc-kl'))
    alone = model_of(load_config(f'salfom/umt-l16_only-{branch}_cc-kl'))
    assert set(without.decoder.branches) == every - {branch}
    assert set(alone.decoder.branches) == {branch}


def test_the_wide_input_is_the_same_in_every_split():
    cfg = load_config('salfom/umt-l16_cc-kl_224x384')
    for name in DATALOADERS:
        for transform in cfg[name].dataset.pipeline:
            if transform.type == 'LoadClip':
                assert transform.size == (224, 384)
    # Scores are taken at the frame's own size.
    assert 'size' not in cfg.test_dataloader.dataset.pipeline[1]
    assert profile(cfg, with_flops=False).clip == (16, 224, 384)


@pytest.mark.parametrize(
    ('name', 'dataset'),
    [
        (name, published.dataset_type)
        for name, published in published_datasets().items()
        # Pictures and sets to test with have none.
        if (config_root() / f'salfom/umt-l16_cc-kl_{name}.py').is_file()
    ],
)
def test_other_data_sets_start_from_dhf1k(name, dataset):
    cfg = load_config(f'salfom/umt-l16_cc-kl_{name}')
    assert {cfg[loader].dataset.type for loader in DATALOADERS} == {dataset}
    assert {cfg[loader].dataset.data_root for loader in DATALOADERS} == {cfg.data_root}
    assert cfg.load_from == 'work_dirs/umt-l16_cc-kl'


def test_leaves_say_only_what_differs():
    for path in (config_root() / 'salfom').glob('*.py'):
        lines = [line for line in path.read_text().splitlines() if not line.startswith('#')]
        assert len(lines) <= 16, path
        assert 'import' not in path.read_text()

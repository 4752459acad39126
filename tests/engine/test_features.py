"""Training and testing on kept features: what the frozen encoder would have given."""

import json
import shutil

import numpy as np
import pytest
import torch
from make_data import write_dataset
from ranks import run_ranks

from salkit import SaliencyPredictor
from salkit.builder import build
from salkit.checkpoints import find_best_checkpoint, read_checkpoint
from salkit.cli import main
from salkit.config import load_config
from salkit.encoders import UMTEncoder
from salkit.engine import FSDP2, SaliencyRunner
from salkit.engine.building import open_dataloader
from salkit.engine.feature_build import FeatureOptions, build_features
from salkit.engine.features import check_frozen, fingerprint, use_features
from salkit.errors import ConfigError, DataError
from salkit.models import build_model
from salkit.registry import DATASETS

CONFIG = """
_base_ = 'salkit::demo/umt-tiny_cc-kl'
data_root = r'{root}'
model = dict(
    encoder=dict(
        arch=dict(_delete_=True, embed_dim=16, depth=2, num_heads=2),
        clip_len=4,
        frozen_stages={frozen},
        drop_path=0.3,
    )
)
_train = [
    dict(type='LoadClip', size=(32, 48)),
    dict(type='LoadTargets', size=(32, 48)),
    dict(type='PackClip'),
]
_test = [dict(type='LoadClip', size=(32, 48)), dict(type='LoadTargets'), dict(type='PackClip')]
train_dataloader = dict(
    batch_size=2, dataset=dict(_delete_=True, clip_len=4, every=2, split='train', pipeline=_train)
)
val_dataloader = dict(dataset=dict(clip_len=4, pipeline=_test))
test_dataloader = dict(dataset=dict(clip_len=4, pipeline=_test))
train_cfg = dict(max_epochs=2, val_interval=2)
default_hooks = dict(validation_panel=None)
"""


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """A data set, a config with a frozen encoder, and features for it."""
    folder = tmp_path_factory.mktemp('features')
    root = write_dataset(folder / 'data', frames=7, size=(40, 60))
    (folder / 'frozen.py').write_text(CONFIG.format(root=root, frozen=2))
    (folder / 'trained.py').write_text(CONFIG.format(root=root, frozen=1))
    argv = ['cache', str(folder / 'frozen.py'), '--features', '--every', '2', '--dir']
    assert main([*argv, str(folder / 'kept')]) == 0
    return folder


def train(place, work_dir, *extra):
    argv = ['train', place / 'frozen.py', '--work-dir', work_dir, '--test', *extra]
    assert main([str(item) for item in argv]) == 0
    scores = json.loads((work_dir / 'scores.json').read_text())
    return read_checkpoint(work_dir / 'epoch_2.pth').weights, scores


def test_training_and_testing_is_the_same_with_and_without_features(place, tmp_path, monkeypatch):
    weights, scores = train(place, tmp_path / 'pixels')
    with monkeypatch.context() as patch:
        # The encoder computes nothing.
        patch.setattr(UMTEncoder, 'forward', None)
        kept, kept_scores = train(place, tmp_path / 'kept', '--features', place / 'kept')
    assert kept.keys() == weights.keys()
    for name, value in weights.items():
        torch.testing.assert_close(kept[name], value, atol=1e-5, rtol=0, msg=name)
    # The checkpoint is the ordinary model's: on pixels it predicts and scores as on features.
    frames = np.random.default_rng(0).integers(0, 256, (5, 40, 60, 3), np.uint8)
    best = find_best_checkpoint(tmp_path / 'kept')
    maps = [
        np.asarray(SaliencyPredictor(*model, device='cpu').predict(frames))
        for model in ((tmp_path / 'kept',), (place / 'frozen.py', best))
    ]
    np.testing.assert_array_equal(*maps)
    argv = ['test', place / 'frozen.py', tmp_path / 'kept' / 'epoch_2.pth', '--out']
    assert main([str(item) for item in [*argv, tmp_path / 'scores.json']]) == 0
    on_pixels = json.loads((tmp_path / 'scores.json').read_text())
    for one, other in ((scores, kept_scores), (kept_scores, on_pixels)):
        assert one['scores'] == pytest.approx(other['scores'], abs=1e-4, nan_ok=True)


@pytest.mark.parametrize(
    ('dtype', 'bound'), [('float32', 1e-5), ('float16', 1e-3), ('bfloat16', 1e-2)]
)
def test_maps_from_features_are_those_from_pixels(place, tmp_path, dtype, bound):
    cfg = load_config(place / 'frozen.py')
    build_features(cfg, tmp_path, FeatureOptions(dtype=dtype, splits=('test',)), 'cpu')
    torch.manual_seed(0)
    model = build_model(cfg)
    maps = []
    for kept in (False, True):
        if kept:
            use_features(cfg, tmp_path)
        loader = SaliencyRunner.build_dataloader(open_dataloader(cfg, 'test_dataloader'))
        batch = model.data_preprocessor(next(iter(loader)))
        with torch.no_grad():
            maps.append(model(batch['clip']))
    assert not torch.equal(maps[0][0], maps[0][1])
    torch.testing.assert_close(maps[1], maps[0], atol=bound, rtol=0)


def test_what_is_there_is_kept_and_what_changed_is_made_anew(place, tmp_path, capsys):
    root = shutil.copytree(place / 'data', tmp_path / 'data')
    config = tmp_path / 'frozen.py'
    config.write_text(CONFIG.format(root=root, frozen=2))
    argv = ['cache', str(config), '--features', '--every', '2', '--dir', str(tmp_path / 'kept')]
    for changed, told in (
        (None, '7 videos kept'),
        (None, '0 videos kept, 0 bytes (7 were there already)'),
        ('0004.png', '1 videos kept'),
    ):
        if changed:
            (root / 'train' / 'train000' / 'images' / changed).touch()
            cfg = load_config(config)
            use_features(cfg, tmp_path / 'kept')
            dataset = build(DATASETS, cfg.train_dataloader.dataset)
            with pytest.raises(DataError, match=r'train000: .* was made from other files'):
                dataset[0]
        assert main(argv) == 0
        assert told in capsys.readouterr().out
    with pytest.raises(ConfigError, match=r'holds other features .every 1 / 2'):
        build_features(load_config(config), tmp_path / 'kept', FeatureOptions(every=1), 'cpu')


def _kept_of(cfg, folder):
    """What the test clips of a config read from a folder, and how many were computed for it."""
    report = build_features(cfg, folder, FeatureOptions(splits=('test',)), 'cpu')
    use_features(cfg, folder)
    dataset = build(DATASETS, cfg.test_dataloader.dataset)
    return [dataset[n]['features'][0] for n in range(len(dataset))], report.clips


def test_files_of_another_encoder_are_not_taken(place, tmp_path):
    first, count = _kept_of(load_config(place / 'frozen.py'), tmp_path)
    cfg = load_config(place / 'frozen.py')
    use_features(cfg, tmp_path)
    (tmp_path / 'features.json').unlink()
    other, again = _kept_of(load_config(place / 'frozen.py', {'randomness.seed': 1}), tmp_path)
    assert again == count and not torch.equal(first[0], other[0])
    for written in tmp_path.rglob('*.npy'):
        damaged = np.load(written)
        damaged['maker'] += 1
        np.save(written, damaged)
    with pytest.raises(DataError, match='was made by another encoder'):
        build(DATASETS, cfg.test_dataloader.dataset)[0]


def test_configs_share_a_folder(place, tmp_path):
    def config(stride):
        options = {'test_dataloader.dataset.clip_stride': stride}
        return load_config(place / 'frozen.py', {f'+{k}': v for k, v in options.items()})

    alone = [_kept_of(config(stride), tmp_path / str(stride))[0] for stride in (1, 2)]
    for stride, all_new in ((1, True), (2, True), (1, False), (2, False)):
        found, count = _kept_of(config(stride), tmp_path / 'both')
        assert bool(count) == all_new
        torch.testing.assert_close(found, alone[stride - 1], atol=1e-6, rtol=0)


def test_features_of_another_encoder_are_refused(place, tmp_path, capsys):
    argv = ['train', str(place / 'frozen.py'), '--work-dir', str(tmp_path), '--features']
    argv += [str(place / 'kept'), '--cfg-options']
    for option, told in (
        ('randomness.seed=1', 'another weights'),
        ('model.encoder.arch.num_heads=4', 'another config'),
        ('model.encoder.frozen_stages=1', 'trains blocks.1.norm1.weight'),
    ):
        assert main([*argv, option]) == 2
        assert told in capsys.readouterr().err


def test_clips_that_change_are_refused(place, tmp_path):
    cfg = load_config('demo/umt-tiny_cc-kl', {'model.encoder.clip_len': 4})
    with pytest.raises(ConfigError, match='train_dataloader: FlipClip changes clips'):
        build_features(cfg, tmp_path / 'none', device='cpu')
    with pytest.raises(DataError, match='holds no features'):
        use_features(load_config(place / 'frozen.py'), tmp_path / 'none')
    with pytest.raises(ConfigError, match=r'trains blocks\.1'):
        check_frozen(build_model(load_config(place / 'trained.py')).encoder)


def test_a_precision_of_the_encoder_that_is_left_out_is_refused(place, tmp_path, capsys):
    argv = ['test', place / 'frozen.py', tmp_path / 'none.pth', '--precision', 'bf16']
    assert main([str(item) for item in [*argv, '--features', place / 'kept']]) == 2
    assert '--precision does not go with --features' in capsys.readouterr().err


def test_an_encoder_that_draws_is_refused(place, tmp_path, monkeypatch):
    cfg = load_config(place / 'frozen.py')
    tokens = UMTEncoder.forward

    def forward(encoder, clip):
        return tuple(torch.nn.functional.dropout(each, 0.1) for each in tokens(encoder, clip))

    monkeypatch.setattr(UMTEncoder, 'forward', forward)
    with pytest.raises(ConfigError, match='UMTEncoder draws random numbers in training'):
        build_features(cfg, tmp_path / 'none', device='cpu')
    assert not (tmp_path / 'none').exists()


def _compare_fingerprints(config):
    torch.distributed.init_process_group('gloo')
    torch.manual_seed(0)
    model = build_model(load_config(config))
    whole = fingerprint(model.encoder)
    FSDP2().wrap(model)
    assert fingerprint(model.encoder) == whole


def test_an_encoder_in_shards_has_the_fingerprint_of_the_whole(place, tmp_path):
    run_ranks(_compare_fingerprints, tmp_path, place / 'frozen.py')

"""The recipe to begin with, end to end on a tiny data set: its average of weights above all."""

import pytest
import torch
from make_data import write_dataset
from small_models import assert_same

from salkit.checkpoints import read_checkpoint
from salkit.cli import main
from salkit.config import load_config
from salkit.config.find import config_names
from salkit.engine import build_runner

CONFIG = 'demo/umt-tiny_cc-kl_modern'
CLIPS = [f'{name}_dataloader.dataset' for name in ('train', 'val', 'test')]
OPTIONS = {
    'model.encoder.clip_len': 4,
    **{f'{key}.clip_len': 4 for key in CLIPS},
    **{f'{key}.pipeline.0.size': (16, 32) for key in CLIPS},
    'train_dataloader.dataset.pipeline.1.size': (16, 32),
    'train_dataloader.batch_size': 1,
    'train_cfg.val_interval': 1,
    'train_cfg.max_epochs': 3,
    'optim_wrapper.accumulative_counts': 2,
    'default_hooks.ema.interval': 2,
    'default_hooks.ema.momentum': 0.5,
}


@pytest.mark.parametrize(
    'name', [n for n in config_names() if n.startswith('salfom/') and '_modern' in n]
)
def test_a_step_is_of_16_clips_whatever_the_memory(name):
    cfg = load_config(name)
    batches = cfg.optim_wrapper.accumulative_counts
    assert cfg.train_dataloader.batch_size * batches == 16
    assert cfg.default_hooks.ema.interval == batches
    # An epoch ends with a whole step, whatever the number of videos.
    assert cfg.train_dataloader.dataset.clips_per_video % 16 == 0


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp('data') / 'set')


def train(root, work_dir, *extra):
    options = [f'{key}={value}'.replace(' ', '') for key, value in OPTIONS.items()]
    argv = ['train', CONFIG, '--work-dir', str(work_dir), *extra, '--cfg-options']
    assert main([*argv, f'data_root={root}', *options]) == 0


@pytest.fixture(scope='module')
def finished(root, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('finished')
    train(root, work_dir)
    return work_dir


@pytest.mark.slow
def test_a_resumed_run_has_the_same_average_to_the_last_bit(finished, root, tmp_path):
    train(root, tmp_path, '--resume', str(finished / 'epoch_2.pth'))
    one, two = (read_checkpoint(path / 'epoch_3.pth') for path in (finished, tmp_path))
    assert_same(one.weights, two.weights)
    assert_same(one.rest['ema_state_dict'], two.rest['ema_state_dict'])
    assert one.rest['ema_state_dict']['steps'] == 12
    first, second = (each.rest['optimizer']['state'] for each in (one, two))
    for key, state in first.items():
        assert torch.equal(state['exp_avg_sq'], second[key]['exp_avg_sq'])


@pytest.mark.slow
def test_what_is_validated_kept_and_predicted_with_is_the_average(finished, root, tmp_path):
    last = read_checkpoint(finished / 'epoch_3.pth')
    raw = last.rest['ema_state_dict']
    key = 'decoder.fusion.layers.2.weight'
    assert not torch.equal(last.weights[key], raw[f'module.{key}'])
    (path,) = finished.glob('best_CC_*.pth')
    best = read_checkpoint(path)
    cfg = load_config(CONFIG, {**OPTIONS, 'data_root': str(root), 'load_from': str(path)})
    cfg.test_dataloader = cfg.val_dataloader
    runner = build_runner(cfg, tmp_path, ('test',))
    score = runner.test()['CC']
    assert_same(dict(runner.bare_model.state_dict()), dict(best.weights))
    noted = best.rest['message_hub']['runtime_info']['best_score']
    assert noted == pytest.approx(score, abs=1e-6)


@pytest.mark.slow
def test_weights_to_start_from_may_be_of_an_encoder_alone(finished, root, tmp_path):
    weights = read_checkpoint(finished / 'epoch_3.pth').weights
    encoder = {
        key.removeprefix('encoder.'): value
        for key, value in weights.items()
        if key.startswith('encoder.')
    }
    torch.save(encoder, tmp_path / 'encoder.pth')
    options = {**OPTIONS, 'data_root': str(root), 'load_from': str(tmp_path / 'encoder.pth')}
    options |= {'train_cfg.max_epochs': 1, 'optim_wrapper.optimizer.lr': 0.0}
    build_runner(load_config(CONFIG, options), tmp_path, ('train', 'val')).train()
    # Nothing was learned: the average is where it started.
    found = read_checkpoint(tmp_path / 'epoch_1.pth').weights
    assert_same({key: found[f'encoder.{key}'] for key in encoder}, encoder)

"""Where a model's weights come from before training: init_cfg, load_from, resuming."""

import copy

import pytest
import torch
from make_data import write_dataset
from small_models import assert_same, filled

import salkit
from salkit.builder import build
from salkit.checkpoints import read_checkpoint
from salkit.checkpoints.official import to_official
from salkit.cli import main
from salkit.config.load import plain_config
from salkit.errors import CheckpointError, ConfigError
from salkit.registry import MODELS

MODEL = dict(
    type='SaliencyModel',
    encoder=dict(type='UMTEncoder', arch=dict(embed_dim=16, depth=1, num_heads=2), clip_len=4),
    decoder=dict(
        type='MultiBranchDecoder',
        branches=dict(sfd=dict(type='SFDBranch', width=0.125)),
        fusion=dict(type='ConvFusion'),
    ),
)


def model_of(encoder=None, model=None):
    cfg = copy.deepcopy(MODEL)
    cfg['encoder']['init_cfg'], cfg['init_cfg'] = encoder, model
    return build(MODELS, cfg)


def pretrained(path):
    return dict(type='Pretrained', checkpoint=str(path))


@pytest.mark.parametrize('given', [str, pretrained, lambda path: path])
def test_an_encoder_starts_from_its_init_cfg(tmp_path, given):
    path = tmp_path / 'a.pth'
    model = model_of(encoder=given(path))
    assert model.pretrained == {'encoder': str(path)}
    before = {key: value.clone() for key, value in model.decoder.state_dict().items()}
    torch.save({**filled(model.encoder), 'head.weight': torch.ones(400, 16)}, path)
    model.init_weights()
    assert_same(model.encoder.state_dict(), filled(model.encoder))
    assert_same(model.decoder.state_dict(), before)


@pytest.mark.parametrize('given', [str, pretrained])
def test_a_model_starts_from_its_init_cfg(tmp_path, given):
    model = model_of(model=given(tmp_path / 'a.pth'))
    torch.save(dict(state_dict=filled(model)), tmp_path / 'a.pth')
    model.init_weights()
    assert_same(model.state_dict(), filled(model))


def test_a_whole_model_goes_over_its_encoder(tmp_path):
    model = model_of(encoder=tmp_path / 'a.pth', model=tmp_path / 'b.pth')
    assert list(model.pretrained) == ['encoder', 'model']
    torch.save(filled(model.encoder, 'other'), tmp_path / 'a.pth')
    torch.save(filled(model), tmp_path / 'b.pth')
    model.init_weights()
    assert_same(model.state_dict(), filled(model))


def test_a_whole_model_is_no_encoder_and_an_encoder_no_whole_model(tmp_path):
    model = model_of(model=tmp_path / 'a.pth')
    torch.save(filled(model.encoder), tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match=r'give it as model\.encoder\.init_cfg'):
        model.init_weights()
    # The encoder inside a whole model's file is found.
    model = model_of(encoder=tmp_path / 'b.pth')
    torch.save(filled(model), tmp_path / 'b.pth')
    model.init_weights()
    assert torch.equal(
        model.encoder.patch_embed.proj.weight, filled(model)['encoder.patch_embed.proj.weight']
    )


@pytest.mark.parametrize('part', ['encoder', 'model'])
@pytest.mark.parametrize(
    'wrong',
    [
        dict(type='Xavier', checkpoint='a.pth'),
        dict(type='Pretrained'),
        dict(checkpoint='a.pth'),
        dict(type='Pretrained', checkpoint='a.pth', prefix='encoder.'),
    ],
)
def test_another_init_cfg_is_refused(part, wrong):
    with pytest.raises(ConfigError, match=f'init_cfg of the {part}: expected a checkpoint or dict'):
        model_of(**{part: wrong})


def test_building_never_needs_the_file(tmp_path):
    model = model_of(encoder=tmp_path / 'no.pth', model=tmp_path / 'nor.pth')
    with pytest.raises(CheckpointError, match=r'no\.pth: the checkpoint does not exist'):
        model.init_weights()
    cfg = salkit.load_config('demo/umt-tiny_cc-kl', {'model.encoder.init_cfg': 'no.pth'})
    assert salkit.build_model(cfg).pretrained == {'encoder': 'no.pth'}


@pytest.mark.parametrize('empty', [None, '', {}])
def test_without_init_cfg_the_weights_stay(empty):
    model = model_of(encoder=empty, model=empty)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    model.init_weights()
    assert not model.pretrained
    assert_same(model.state_dict(), before)


def test_a_file_that_does_not_fit_is_refused(tmp_path):
    model = model_of(encoder=tmp_path / 'a.pth')
    state = filled(model.encoder)
    del state['blocks.0.attn.q_bias']
    torch.save(state, tmp_path / 'a.pth')
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(
        CheckpointError, match=r'1 missing entries, such as blocks\.0\.attn\.q_bias'
    ):
        model.init_weights()
    assert_same(model.state_dict(), before)


def test_configs_in_checkpoints_name_no_file():
    cfg = dict(MODEL, encoder=dict(MODEL['encoder'], init_cfg='/home/me/a.pth'), init_cfg='b.pth')
    assert plain_config(cfg) == MODEL


# Runs ---------------------------------------------------------------------------------------------

CONFIG = 'demo/umt-tiny_cc-kl'
OPTIONS = {
    'model.encoder.clip_len': 4,
    'train_dataloader.dataset.clip_len': 4,
    'val_dataloader.dataset.clip_len': 4,
    'test_dataloader.dataset.clip_len': 4,
    'train_dataloader.dataset.pipeline.0.size': '(16,32)',
    'train_dataloader.dataset.pipeline.1.size': '(16,32)',
    'val_dataloader.dataset.pipeline.0.size': '(16,32)',
    'train_dataloader.num_workers': 0,
    'val_dataloader.num_workers': 0,
    'train_cfg.max_epochs': 1,
    # The weights of the end are then those of the start.
    'optim_wrapper.optimizer.lr': 0,
    'param_scheduler': None,
}


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp('data') / 'set')


@pytest.fixture(scope='module')
def started():
    """The model of the runs with weights of its own."""
    cfg = salkit.load_config(CONFIG, {'model.encoder.clip_len': 4})
    model = build(MODELS, cfg.model)
    model.load_state_dict(filled(model))
    return model


@pytest.fixture
def train(root, tmp_path, capfd):
    """Trains for an epoch at a learning rate of 0; gives the last weights and the log."""

    def run(*extra, work_dir=tmp_path / 'run', **options):
        given = {**OPTIONS, 'data_root': root}
        given |= {key.replace('__', '.'): value for key, value in options.items()}
        argv = [
            'train',
            CONFIG,
            '--work-dir',
            work_dir,
            *extra,
            '--cfg-options',
            *(f'{key}={value}' for key, value in given.items()),
        ]
        capfd.readouterr()
        status = main([str(item) for item in argv])
        log = ''.join(capfd.readouterr())
        assert status == 0, log
        last = max(work_dir.glob('epoch_*.pth'), key=lambda path: path.stat().st_mtime_ns)
        return read_checkpoint(last).weights, log

    return run


def parts(state):
    decoder = {key: value for key, value in state.items() if key.startswith('decoder.')}
    return {key: value for key, value in state.items() if key not in decoder}, decoder


def is_same(first, second):
    return all(torch.equal(value, second[key]) for key, value in first.items())


@pytest.mark.slow
def test_training_starts_from_the_init_cfg_and_resuming_does_not_need_it(started, train, tmp_path):
    source, (encoder, decoder) = tmp_path / 'umt.pth', parts(started.state_dict())
    torch.save(dict(model=started.encoder.state_dict()), source)
    state, log = train(model__encoder__init_cfg=source)
    assert f'{source}: {len(encoder)} entries of UMT weights fill the encoder' in log
    assert 'starts from random weights' not in log
    assert is_same(encoder, state) and not is_same(decoder, state)
    # The file is not asked for again.
    source.unlink()
    again, log = train('--resume', model__encoder__init_cfg=source, train_cfg__max_epochs=2)
    assert 'resumed epoch: 1' in log and 'umt.pth' not in log.split('resumed epoch: 1')[1]
    assert (tmp_path / 'run' / 'epoch_2.pth').exists()
    assert_same(again, state)


@pytest.mark.slow
def test_a_run_without_init_cfg_says_so(train):
    assert 'The encoder starts from random weights' in train()[1]


@pytest.mark.slow
def test_load_from_an_official_file(started, train, tmp_path):
    torch.save(to_official(started.state_dict(), {}, 'test')[0], tmp_path / 'official.pth')
    state, log = train(**{'+load_from': tmp_path / 'official.pth'})
    assert 'entries of official SalFoM weights fill the model' in log
    assert 'starts anew' not in log and 'starts from random weights' not in log
    assert_same(state, started.state_dict())


@pytest.mark.slow
def test_load_from_an_encoders_file_warns_about_the_decoder(started, train, tmp_path):
    source, (encoder, decoder) = tmp_path / 'umt.pth', parts(started.state_dict())
    torch.save(started.encoder.state_dict(), source)
    state, log = train(**{'+load_from': source})
    assert f'WARNING - {source} holds an encoder alone: the decoder starts anew' in log
    assert is_same(encoder, state) and not is_same(decoder, state)


@pytest.mark.slow
def test_a_missing_init_cfg_stops_the_run_in_one_line(root, tmp_path, capsys):
    argv = [
        'train',
        CONFIG,
        '--work-dir',
        tmp_path / 'run',
        '--cfg-options',
        f'data_root={root}',
        'model.encoder.init_cfg=no.pth',
        *(f'{key}={value}' for key, value in OPTIONS.items()),
    ]
    assert main([str(item) for item in argv]) == 2
    told = capsys.readouterr().err
    assert 'Traceback' not in told
    assert 'salkit train: error: no.pth: the checkpoint does not exist' in told
    assert not list((tmp_path / 'run').glob('*.pth'))

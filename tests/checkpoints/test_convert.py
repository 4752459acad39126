"""Conversion of files on disk, by function and by command."""

import base64
import hashlib
import json
import os
import pickle
import pprint
import re
import resource

import pytest
import torch
from golden import weight
from make_data import write_dataset
from safetensors import safe_open
from safetensors.torch import load, load_file, save_file
from shipped_model import write_lite0_work_dir
from small_models import ARCH, MODEL, assert_same, filled

import salkit
from salkit.builder import build
from salkit.checkpoints import load_weights, read_checkpoint
from salkit.checkpoints.convert import UNUSED, convert
from salkit.checkpoints.official import dead_entries, to_official, why_unused
from salkit.cli import main
from salkit.encoders import UMTEncoder
from salkit.errors import CheckpointError, ConfigError
from salkit.registry import ENCODERS, MODELS

STATE = filled(build(MODELS, MODEL))
DEAD = {
    key: weight(key, shape)
    for key, shape in dead_entries({k: tuple(v.shape) for k, v in STATE.items()}).items()
}
OFFICIAL = to_official(STATE, DEAD, 'test')[0]
ENCODER = {k.removeprefix('encoder.'): v for k, v in STATE.items() if k.startswith('encoder.')}


class Harmful:
    def __reduce__(self):
        return os.mkdir, (os.environ['SALKIT_TEST_TRAP'],)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / 'small.py'
    path.write_text(f'model = {pprint.pformat(MODEL)}\n')
    return path


@pytest.fixture
def source(tmp_path):
    torch.save(OFFICIAL, tmp_path / 'official.pth')
    return tmp_path / 'official.pth'


def run(*argv):
    return main(['convert', *map(str, argv)])


def metadata(path):
    with safe_open(path, framework='pt') as file:
        return file.metadata()


def contents(folder):
    return {p: p.read_bytes() for p in folder.rglob('*') if p.is_file()}


@pytest.fixture
def refused(tmp_path, capsys, recwarn):
    """Runs a conversion that must fail: gives its one line; no file is written or changed."""

    def check(*argv, named=None):
        before = contents(tmp_path)
        capsys.readouterr()
        assert run(*argv) == 2
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1 and lines[0].startswith('salkit convert: error: ')
        assert str(named or argv[0]) in lines[0]
        assert contents(tmp_path) == before and not recwarn.list
        return lines[0]

    return check


# What is written ----------------------------------------------------------------------------------


def test_an_official_file_becomes_a_safetensors_file(tmp_path, source, config, capsys):
    out = tmp_path / 'deep' / 'out.safetensors'
    assert run(source, out, '--config', config) == 0
    assert_same(load_file(out), STATE)
    noted = metadata(out)
    assert noted['sha256'] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert (noted['config'], noted['source']) == ('small.py', 'official.pth')
    assert (noted['part'], noted['source_kind']) == ('model', 'official SalFoM')
    assert noted['salkit_version'] == salkit.__version__ and noted['format'] == 'pt'
    assert_same(load(base64.b64decode(noted[UNUSED])), DEAD)
    model = build(MODELS, json.loads(noted['model']))
    model.load_state_dict(load_file(out))
    assert type(model.losses['cc']).__name__ == 'CCLoss'
    printed = capsys.readouterr().out
    assert 'missing: none' in printed and 'unexpected: none' in printed
    assert f'used: {len(STATE)} entries\n' in printed
    assert f'wrote {out}: {len(STATE)} entries, config small.py' in printed
    assert os.listdir(out.parent) == ['out.safetensors']


def test_a_converted_file_tells_its_model(tmp_path, source, config):
    once, twice = tmp_path / 'once.safetensors', tmp_path / 'twice.safetensors'
    convert(source, once, config=str(config))
    config.unlink()
    convert(once, twice)
    assert_same(load_file(twice), STATE)
    first, second = metadata(once), metadata(twice)
    assert second['source_kind'] == 'salkit' and second['source'] == 'once.safetensors'
    for key in ('model', 'config', 'part', UNUSED):
        assert first[key] == second[key]


@pytest.mark.parametrize('suffix', ['.pth', '.pt', '.safetensors'])
def test_there_and_back_gives_every_official_entry_again(tmp_path, source, config, suffix):
    middle, back = tmp_path / 'middle.safetensors', tmp_path / f'back{suffix}'
    assert run(source, middle, '--config', config) == 0
    assert run(middle, back, '--to', 'official') == 0
    if suffix == '.safetensors':
        assert_same(load_file(back), OFFICIAL)
    else:
        assert_same(torch.load(back, weights_only=True), OFFICIAL)


def test_an_official_file_may_be_written_anew(tmp_path, source, config):
    done = convert(source, tmp_path / 'a.pth', to='official', config=str(config))
    assert_same(torch.load(tmp_path / 'a.pth', weights_only=True), OFFICIAL)
    assert not done.invented and done.entries == len(OFFICIAL)


def test_dead_entries_that_no_source_held_are_named(tmp_path, config, capsys):
    torch.save(dict(state_dict=STATE), tmp_path / 'own.pth')
    assert (
        run(tmp_path / 'own.pth', tmp_path / 'a.pth', '--to', 'official', '--config', config) == 0
    )
    printed = capsys.readouterr().out
    assert f'made anew: {len(DEAD)} entries that no forward pass reads' in printed
    assert all(f'\n  {key}\n' in printed for key in DEAD)
    written = torch.load(tmp_path / 'a.pth', weights_only=True)
    assert written.keys() == OFFICIAL.keys()
    assert_same(
        {k: v for k, v in written.items() if k not in DEAD},
        {k: v for k, v in OFFICIAL.items() if k not in DEAD},
    )
    assert not written['final_map.weight'].any()


def test_a_umt_file_becomes_an_encoders_file(tmp_path):
    encoder = UMTEncoder(arch='tiny', depth=2)
    state = filled(encoder)
    head = {'fc_norm.weight': torch.ones(24), 'head.bias': torch.ones(400)}
    torch.save(dict(model={**state, **head}, epoch=7), tmp_path / 'umt.pth')
    done = convert(tmp_path / 'umt.pth', tmp_path / 'a.safetensors')
    assert_same(load_file(tmp_path / 'a.safetensors'), state)
    assert done.report.part == 'encoder' and done.beside == ['epoch']
    noted = metadata(tmp_path / 'a.safetensors')
    cfg = dict(type='UMTEncoder', arch='tiny', clip_len=16, depth=2)
    assert json.loads(noted['config']) == json.loads(noted['model']) == cfg
    assert UNUSED not in noted
    # What was written is a source too.
    load_weights(encoder, tmp_path / 'a.safetensors')
    assert_same(encoder.state_dict(), state)
    again = convert(tmp_path / 'a.safetensors', tmp_path / 'b.safetensors')
    assert json.loads(again.config) == cfg


def test_a_umt_file_that_tells_no_encoder(tmp_path, refused):
    torch.save(ENCODER, tmp_path / 'umt.pth')
    line = refused(tmp_path / 'umt.pth', tmp_path / 'a.safetensors')
    assert 'no published UMT has 24 channels; name the config of this model (--config)' in line
    deep = {f'blocks.{i}.attn.q_bias': torch.ones(128) for i in range(5)}
    deep['patch_embed.proj.weight'] = torch.ones(128, 3, 1, 16, 16)
    torch.save(deep, tmp_path / 'deep.pth')
    assert '5 blocks, but UMT-tiny has 4' in refused(
        tmp_path / 'deep.pth', tmp_path / 'a.safetensors'
    )
    del deep['patch_embed.proj.weight']
    torch.save(deep, tmp_path / 'part.pth')
    line = refused(tmp_path / 'part.pth', tmp_path / 'a.safetensors')
    assert 'has no usable patch_embed.proj.weight' in line


def test_a_config_says_how_much_of_a_umt_file_is_kept(tmp_path, config):
    torch.save(ENCODER, tmp_path / 'umt.pth')
    options = {'model.encoder.arch.depth': 2, 'model.encoder.clip_len': 8}
    done = convert(
        tmp_path / 'umt.pth', tmp_path / 'a.safetensors', config=str(config), options=options
    )
    expected = build(ENCODERS, dict(MODEL['encoder'], arch=dict(ARCH, depth=2), clip_len=8))
    assert load_file(tmp_path / 'a.safetensors').keys() == expected.state_dict().keys()
    assert len(done.report.reasons()['the encoder keeps the first 2 blocks']) == 13
    cfg = json.loads(metadata(tmp_path / 'a.safetensors')['model'])
    assert cfg['type'] == 'UMTEncoder' and cfg['clip_len'] == 8


def test_half_precision_is_cast(tmp_path, config, capsys):
    torch.save({k: v.half() for k, v in STATE.items()}, tmp_path / 'a.pth')
    assert run(tmp_path / 'a.pth', tmp_path / 'a.safetensors', '--config', config) == 0
    assert f'{len(STATE)} of another precision' in capsys.readouterr().out
    assert_same(
        load_file(tmp_path / 'a.safetensors'), {k: v.half().float() for k, v in STATE.items()}
    )


def test_entries_that_share_memory_are_written_one_by_one(tmp_path, config):
    state = dict(STATE)
    state['encoder.blocks.0.norm2.weight'] = state['encoder.blocks.0.norm1.weight']
    state['encoder.blocks.1.mlp.fc1.weight'] = weight('t', (24, 96)).t()
    torch.save(state, tmp_path / 'a.pth')
    convert(tmp_path / 'a.pth', tmp_path / 'a.safetensors', config=str(config))
    assert_same(load_file(tmp_path / 'a.safetensors'), state)


def test_what_lies_beside_the_weights_does_not_matter(tmp_path, config):
    for beside in ({'meta': 'text', 1: 2, 'args': None}, dict(meta=None), dict(metadata=[1])):
        torch.save({'state_dict': STATE, **beside}, tmp_path / 'a.pth')
        done = convert(tmp_path / 'a.pth', tmp_path / 'a.safetensors', config=str(config))
        assert set(done.beside) == {str(key) for key in beside}
        assert_same(load_file(tmp_path / 'a.safetensors'), STATE)


# The report ---------------------------------------------------------------------------------------


def test_the_report_as_json(tmp_path, source, config):
    out, report = tmp_path / 'a.safetensors', tmp_path / 'deep' / 'report.json'
    assert run(source, out, '--config', config, '--report', report) == 0
    content = json.loads(report.read_text())
    assert content['source'] == str(source) and content['destination'] == str(out)
    assert (content['kind'], content['part']) == ('official SalFoM', 'model')
    assert content['config'] == 'small.py' and content['entries'] == len(STATE)
    assert content['used'].keys() == STATE.keys()
    assert content['used']['decoder.fusion.layers.2.weight'] == 'conv_9.weight'
    assert content['dropped'] == {k: why_unused(k) for k in OFFICIAL if why_unused(k)}
    for key in ('missing', 'unexpected', 'wrong', 'derived', 'cast', 'beside', 'invented'):
        assert not content[key]


def test_the_report_of_a_refusal(tmp_path, config, capsys):
    state = {k: v for k, v in OFFICIAL.items() if k != 'conv_9.weight'}
    state['conv_1.weight'] = torch.zeros(1)
    torch.save(dict(state, more=torch.zeros(1)), tmp_path / 'a.pth')
    argv = [tmp_path / 'a.pth', tmp_path / 'a.safetensors', '--config', config]
    assert run(*argv, '--report', tmp_path / 'report.json', '--verbose') == 2
    content = json.loads((tmp_path / 'report.json').read_text())
    assert content['missing'] == ['decoder.fusion.layers.2.weight']
    assert content['unexpected'] == ['more'] and content['destination'] is None
    assert list(content['wrong']) == ['decoder.branches.dfd.layers.0.0.conv.weight']
    assert not (tmp_path / 'a.safetensors').exists()
    printed = capsys.readouterr().out
    assert 'missing: 1\n  decoder.fusion.layers.2.weight\n' in printed
    assert 'unexpected: 1\n  more\n' in printed and 'wrong: decoder.branches.dfd' in printed


def test_every_entry_is_listed_on_request(tmp_path, source, config, capsys):
    assert run(source, tmp_path / 'a.safetensors', '--config', config, '--verbose') == 0
    lines = capsys.readouterr().out.splitlines()
    assert '  conv_9.weight -> decoder.fusion.layers.2.weight' in lines
    assert '  encoder.patch_embed.proj.bias' in lines and '  final_map.bias' in lines


# Refusals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
@pytest.mark.parametrize('part', [0, 0.01, 0.5, 0.999])
def test_truncated_files(tmp_path, refused, config, suffix, part):
    path = tmp_path / f'a{suffix}'
    (torch.save if suffix == '.pth' else save_file)(OFFICIAL, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(part * len(whole))])
    refused(path, tmp_path / 'out.safetensors', '--config', config)


HARM = {
    'one missing entry': lambda s: {k: v for k, v in s.items() if k != 'conv_5.weight'},
    'one wrong shape': lambda s: {**s, 'conv_5.weight': s['conv_5.weight'][1:]},
    'one unknown entry': lambda s: {**s, 'decoder.branches.dfd.layers.4.more': torch.ones(1)},
}


@pytest.mark.parametrize('harm', HARM)
@pytest.mark.parametrize('to', ['salkit', 'official'])
def test_files_that_do_not_fit(tmp_path, refused, config, harm, to):
    torch.save(HARM[harm](dict(OFFICIAL)), tmp_path / 'a.pth')
    line = refused(tmp_path / 'a.pth', tmp_path / 'out.safetensors', '--config', config, '--to', to)
    assert 'decoder.branches.dfd.layers.4' in line


def test_files_that_would_run_code(tmp_path, refused, config, monkeypatch):
    trap = tmp_path / 'trap'
    monkeypatch.setenv('SALKIT_TEST_TRAP', str(trap))
    torch.save(dict(state_dict=OFFICIAL, args=Harmful()), tmp_path / 'a.pth')
    (tmp_path / 'b.pth').write_bytes(pickle.dumps(Harmful()))
    (tmp_path / 'c.safetensors').write_bytes(pickle.dumps(Harmful()))
    for name in ('a.pth', 'b.pth', 'c.safetensors'):
        refused(tmp_path / name, tmp_path / 'out.safetensors', '--config', config)
        assert not trap.exists()


@pytest.mark.parametrize('where', ['top', 'encoder', 'losses', 'type'])
def test_the_config_in_a_file_runs_no_code(tmp_path, refused, where):
    call = dict(type='os.mkdir', path=str(tmp_path / 'trap'))
    cfg = {
        'top': call,
        'encoder': dict(MODEL, encoder=call),
        'losses': dict(MODEL, losses=dict(a=call)),
        'type': dict(MODEL, type=['os.mkdir']),
    }[where]
    save_file(STATE, tmp_path / 'a.safetensors', dict(model=json.dumps(cfg)))
    line = refused(tmp_path / 'a.safetensors', tmp_path / 'out.safetensors')
    assert 'os.mkdir' in line and 'name the config (--config)' in line
    assert not (tmp_path / 'trap').exists()


@pytest.mark.parametrize(
    'text',
    [
        '{',
        '[' * 100_000,
        '{"a": 1}',
        '{"type": "CCLoss"}',
        '{"type": "SaliencyModel"}',
        '{"type": "SaliencyModel", "encoder": 3, "decoder": {}}',
    ],
)
def test_a_config_in_a_file_that_does_not_build(tmp_path, refused, text):
    save_file(STATE, tmp_path / 'a.safetensors', dict(model=text))
    refused(tmp_path / 'a.safetensors', tmp_path / 'out.safetensors')


def test_unused_entries_that_are_broken(tmp_path, refused, source, config):
    convert(source, tmp_path / 'a.safetensors', config=str(config))
    broken = dict(metadata(tmp_path / 'a.safetensors'), **{UNUSED: 'AAAA'})
    save_file(STATE, tmp_path / 'b.safetensors', broken)
    line = refused(tmp_path / 'b.safetensors', tmp_path / 'out.pth', '--to', 'official')
    assert f'its entry "{UNUSED}" is broken' in line


def test_what_is_no_checkpoint(tmp_path, refused, config):
    (tmp_path / 'text.pth').write_text('hello\nworld\n')
    (tmp_path / 'folder').mkdir()
    for name in ('text.pth', 'folder', 'missing.pth'):
        refused(tmp_path / name, tmp_path / 'out.safetensors', '--config', config)


@pytest.mark.parametrize('name', ['a.pth', 'a.bin', 'a', '.safetensors'])
def test_destinations_of_another_kind(tmp_path, refused, source, config, name):
    out = tmp_path / 'new' / name
    line = refused(source, out, '--config', config, named=out)
    assert 'ends in .safetensors' in line


def test_official_destinations_of_another_kind(tmp_path, refused, source, config):
    out = tmp_path / 'a.bin'
    line = refused(source, out, '--config', config, '--to', 'official', named=out)
    assert 'ends in .safetensors, .pth, .pt' in line


def test_a_file_is_never_converted_into_itself(tmp_path, refused, config):
    path = tmp_path / 'a.safetensors'
    save_file(OFFICIAL, path)
    (tmp_path / 'link.safetensors').symlink_to(path)
    (tmp_path / 'x').mkdir()
    for other in (path, tmp_path / 'link.safetensors', tmp_path / 'x' / '..' / 'a.safetensors'):
        line = refused(path, other, '--config', config, named=other)
        assert 'is the source itself' in line


def test_a_file_that_tells_no_model(tmp_path, refused, source):
    torch.save(dict(state_dict=STATE), tmp_path / 'own.pth')
    out = tmp_path / 'out.safetensors'
    assert 'does not say which model it holds' in refused(tmp_path / 'own.pth', out)
    assert 'no published UMT has 24 channels' in refused(source, out)


def test_configs_that_do_not_help(tmp_path, refused, source, config):
    out = tmp_path / 'out.safetensors'
    refused(source, out, '--config', 'no/such', named='no/such')
    (tmp_path / 'empty.py').write_text('custom_hooks = []\n')
    refused(source, out, '--config', tmp_path / 'empty.py', named='has no model')
    refused(source, out, '--cfg-options', 'model.encoder.clip_len=8', named='--config')
    with pytest.raises(ConfigError, match='--config'):
        convert(source, out, options={'model.encoder.clip_len': 8})


def test_an_encoder_has_no_official_file(tmp_path, refused):
    torch.save(UMTEncoder(arch='tiny').state_dict(), tmp_path / 'umt.pth')
    line = refused(tmp_path / 'umt.pth', tmp_path / 'out.pth', '--to', 'official')
    assert 'holds an encoder alone' in line


def test_a_variant_has_no_official_file(tmp_path, refused, config):
    options = {'model.decoder.branches.sfd': None}
    cfg = salkit.load_config(config, options)
    torch.save(build(MODELS, cfg.model).state_dict(), tmp_path / 'a.pth')
    line = refused(
        tmp_path / 'a.pth',
        tmp_path / 'out.pth',
        '--to',
        'official',
        '--config',
        config,
        '--cfg-options',
        'model.decoder.branches.sfd=None',
    )
    assert 'another variant' in line


@pytest.mark.parametrize(('to', 'name'), [('salkit', 'a.safetensors'), ('official', 'a.pth')])
def test_a_full_disk_leaves_the_old_file(tmp_path, refused, source, config, to, name):
    out = tmp_path / name
    out.write_bytes(b'old')
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        line = refused(source, out, '--config', config, '--to', to, named=out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert 'cannot be written' in line and 'File too large' in line
    assert out.read_bytes() == b'old'


def test_a_destination_below_a_file(tmp_path, refused, source, config):
    (tmp_path / 'file').write_text('')
    out = tmp_path / 'file' / 'a.safetensors'
    refused(source, out, '--config', config, named=tmp_path / 'file')


# Whole runs and sizes -----------------------------------------------------------------------------

SHORT = [
    'model.encoder.clip_len=4',
    'train_dataloader.dataset.clip_len=4',
    'val_dataloader.dataset.clip_len=4',
    'test_dataloader.dataset.clip_len=4',
    'train_dataloader.dataset.pipeline.0.size=(16,32)',
    'train_dataloader.dataset.pipeline.1.size=(16,32)',
    'val_dataloader.dataset.pipeline.0.size=(16,32)',
    'train_dataloader.num_workers=0',
    'val_dataloader.num_workers=0',
    'train_cfg.max_epochs=1',
]


@pytest.mark.slow
def test_a_training_checkpoint_is_slimmed(tmp_path, capsys):
    root = write_dataset(tmp_path / 'set')
    argv = [
        'train',
        'demo/umt-tiny_cc-kl',
        '--work-dir',
        tmp_path / 'run',
        '--cfg-options',
        f'data_root={root}',
        *SHORT,
    ]
    assert main([str(item) for item in argv]) == 0
    checkpoint, out = tmp_path / 'run' / 'epoch_1.pth', tmp_path / 'out.safetensors'
    capsys.readouterr()
    assert run(checkpoint, out) == 0
    printed = capsys.readouterr().out
    assert 'left out beside the weights: message_hub, meta, optimizer, param_schedulers' in printed
    assert 3 * out.stat().st_size < 1.1 * checkpoint.stat().st_size
    noted = metadata(out)
    assert noted['config'] == 'demo/umt-tiny_cc-kl'
    assert json.loads(noted['model'])['encoder']['clip_len'] == 4
    cfg = salkit.load_config('demo/umt-tiny_cc-kl', {'model.encoder.clip_len': 4})
    model = salkit.build_model(cfg, out)
    assert_same(model.state_dict(), read_checkpoint(checkpoint).weights)
    # A work dir stands for its best checkpoint.
    assert run(tmp_path / 'run', tmp_path / 'best.safetensors') == 0
    assert metadata(tmp_path / 'best.safetensors')['source'].startswith('best_CC_')
    cfg.model.decoder.branches.dfd.layers = 'fewer'
    with pytest.raises(CheckpointError, match='does not fit'):
        salkit.build_model(cfg, out)


@pytest.mark.slow
def test_a_file_of_the_size_of_umt_b(tmp_path):
    with torch.device('meta'):
        whole = UMTEncoder(arch='base', clip_len=8).state_dict()
    state = {key: weight(key, value.shape) for key, value in whole.items()}
    head = {
        'fc_norm.weight': (768,),
        'fc_norm.bias': (768,),
        'head.weight': (400, 768),
        'head.bias': (400,),
    }
    source, out = tmp_path / 'umt.pth', tmp_path / 'out.safetensors'
    torch.save({**state, **{key: weight(key, shape) for key, shape in head.items()}}, source)
    try:
        assert source.stat().st_size > 340e6
        done = convert(source, out)
        assert json.loads(metadata(out)['model']) == dict(
            type='UMTEncoder', arch='base', clip_len=8
        )
        assert len(done.report.used) == len(state) and list(done.report.dropped) == list(head)
        assert_same(load_file(out), state)
        out.unlink()
        done = convert(source, out, config='salfom/umt-b8-d6_cc-kl')
        assert metadata(out)['config'] == 'salfom/umt-b8-d6_cc-kl'
        kept = {k: v for k, v in state.items() if not re.match(r'blocks\.([6-9]|1\d)\.', k)}
        assert_same(load_file(out), kept)
        assert len(done.report.reasons()['the encoder keeps the first 6 blocks']) == 6 * 13
    finally:
        # Too large to be kept with the other temporary files.
        source.unlink()
        out.unlink(missing_ok=True)


def test_half_the_size_and_the_same_maps(tmp_path):
    model = write_lite0_work_dir(tmp_path / 'run')
    (tmp_path / 'about.json').write_text('{"trained_on": "noise"}')
    for name, more in (('whole', []), ('half', ['--half', '--about', tmp_path / 'about.json'])):
        assert run(tmp_path / 'run', tmp_path / f'{name}.safetensors', *more) == 0
    sizes = [(tmp_path / f'{name}.safetensors').stat().st_size for name in ('half', 'whole')]
    assert 0.5 < sizes[0] / sizes[1] < 0.55
    assert metadata(tmp_path / 'half.safetensors').items() >= {
        ('trained_on', 'noise'),
        ('seed', '0'),
        ('epoch', '1'),
    }
    clip = torch.randn(2, 3, 1, 96, 128, generator=torch.Generator().manual_seed(0))
    half = salkit.build_model(tmp_path / 'half.safetensors')
    with torch.no_grad():
        wanted, found = model(clip), half(clip)
    assert found.dtype == torch.float32 and wanted.std() > 0.01
    assert 0 < (found - wanted).abs().max() < 1e-3


def test_what_half_cannot_hold_and_what_files_cannot_say(tmp_path, source, config, refused):
    target = tmp_path / 'a.safetensors'
    about = tmp_path / 'about.json'
    for content, expected in (
        ('{"model": "x"}', 'model is what the conversion itself notes'),
        ('{"scores": 3}', 'expected texts by name'),
        ('[]', 'expected texts by name'),
        ('x', 'cannot be read as JSON'),
    ):
        about.write_text(content)
        named = target if 'notes' in expected else about
        line = refused(source, target, '--config', config, '--about', about, named=named)
        assert expected in line
    key = max(OFFICIAL, key=lambda key: OFFICIAL[key].numel())
    large = {**OFFICIAL, key: torch.full_like(OFFICIAL[key], 1e6)}
    torch.save(large, source)
    assert 'float16 cannot' in refused(source, target, '--config', config, '--half')

"""Files that were made to hang, to crash or to fill the memory: a line each, soon.

All are opened by one child process, which may take neither long nor much memory.
"""

import json
import os
import struct
import subprocess
import sys
import zipfile

import pytest
import torch
from safetensors.torch import save

from salkit import load_config
from salkit.config import plain_config

CONFIG = 'demo/umt-tiny_cc-kl'
CHILD = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (12 << 30, 12 << 30))
from salkit.errors import CheckpointError
from salkit.checkpoints import read_checkpoint
for path in sys.argv[1:]:
    try:
        read = read_checkpoint(path)
        read.plugins, read.config()
        told = 'read'
    except CheckpointError as error:
        told = str(error)
    except Exception as error:
        told = f'traceback: {error!r}'
    print(json.dumps([path, told]), flush=True)
"""


def pairs(count):
    """A list of two that are one list of two, and so on."""
    value = []
    for _ in range(count):
        value = [value, value]
    return value


def dict_of_key(pickled_key):
    return b'\x80\x02})' + pickled_key + b'Ns.'


# Tuples of a tuple, and of two that are one tuple: this process could not look them up either.
DEEP_KEY = dict_of_key(b'\x85' * 10**6)
WIDE_KEY = dict_of_key(b'q\0h\0\x86' * 60)


def itself():
    content = {}
    content['model'] = content
    return content


class Zeros:
    def __reduce__(self):
        return bytearray, (2**33,)


class Encoded:
    def __reduce__(self):
        import codecs

        return codecs.encode, (''.join(map(chr, range(0x4E00, 0x9FFF))) * 20, 'punycode')


def zipped(path, pickled, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, 'w', compression) as archive:
        archive.writestr('a/data.pkl', pickled)
        archive.writestr('a/version', '3\n')
        archive.writestr('a/byteorder', 'little')


def safetensors(path, header, declared=None):
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack('<Q', declared or len(text)) + text + bytes(16))


def tensor(offsets, shape=(2,)):
    return dict(dtype='F32', shape=list(shape), data_offsets=list(offsets))


def old_format(path, storage_values):
    """PyTorch's format before zip archives, with a storage that is said to have so many values."""
    torch.save(dict(w=torch.zeros(77)), path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    assert content.count(b'K\x4d') >= 1
    path.write_bytes(content.replace(b'K\x4d', b'J' + struct.pack('<i', storage_values)))


def of_a_model(change=None, cfg=None, **meta):
    """A training checkpoint whose model's config is changed by `change`, and so is the rest."""
    told = load_config(CONFIG)
    plain = plain_config(told.model)
    if change:
        change(plain)
    noted = dict(model=json.dumps(plain), config_name=CONFIG, cfg=cfg or 'test_cfg = dict()')
    return dict(state_dict=dict(w=torch.zeros(1)), meta={**noted, **meta})


def asking(**options):
    return of_a_model(lambda model: model['encoder'].update(options))


SAVED = {
    'a-dict-in-itself': itself,
    'lists-that-refer-to-each-other': lambda: of_a_model(plugins=dict(a=pairs(60))),
    'an-array-by-number': lambda: dict(w=Zeros()),
    'another-encoding': lambda: dict(w=Encoded()),
    'a-tensor-of-one-value-repeated': lambda: dict(w=torch.zeros(1).expand(10**11)),
    'a-tensor-without-values': lambda: dict(w=torch.empty(2**50, device='meta')),
    'a-sparse-tensor': lambda: dict(w=torch.zeros(2, 2).to_sparse()),
    'a-long-name': lambda: {'module.' * 200_000: torch.zeros(1)},
    'a-depth-of-a-million': lambda: asking(arch=dict(embed_dim=128, depth=60_000, num_heads=4)),
    'a-width-of-a-billion': lambda: asking(arch=dict(embed_dim=10**9, depth=4, num_heads=4)),
    'a-wide-table': lambda: asking(arch=dict(embed_dim=60_000, depth=1, num_heads=4)),
    'frames-without-end': lambda: asking(clip_len=10**8),
    'many-frames': lambda: asking(clip_len=60_000),
    'another-type': lambda: asking(type='os.system'),
    'a-type-that-is-none': lambda: asking(type=[1]),
    'a-blur-without-end': lambda: of_a_model(lambda model: model.update(blur_kernel=10**9)),
    'a-deep-model': lambda: of_a_model(model='[' * 100_000),
    'a-model-in-a-list': lambda: of_a_model(model='[1]'),
    'a-long-config': lambda: of_a_model(cfg='a = 1\n' * 500_000),
    'a-deep-config': lambda: of_a_model(cfg='a = ' + '-' * 500_000 + '1'),
    'a-chain-in-a-config': lambda: of_a_model(cfg='a = 1' + ' + 1' * 200_000),
    'a-config-with-unhashable-keys': lambda: of_a_model(cfg='a = {{}: 1}'),
    'no-loader': lambda: of_a_model(cfg='test_dataloader = 3'),
    'a-pipeline-of-numbers': lambda: of_a_model(
        cfg='test_dataloader = dict(dataset=dict(type="x", pipeline=[1, 2]))'
    ),
    'a-size-that-is-none': lambda: of_a_model(
        cfg='test_dataloader = dict(dataset=dict(pipeline=[dict(type="LoadClip", size="ab")]))'
    ),
    'a-size-without-end': lambda: of_a_model(
        cfg='test_dataloader=dict(dataset=dict(pipeline=[dict(type="LoadClip",size=(10**9,9))]))'
    ),
    'a-stride-without-end': lambda: of_a_model(
        cfg='test_dataloader = dict(dataset=dict(clip_stride=1000000000))'
    ),
    'a-head-that-is-none': lambda: of_a_model(cfg='test_dataloader=dict(dataset=dict(head=[]))'),
    'a-name-outside': lambda: of_a_model(config_name='salkit::../setup'),
    'a-path-for-a-name': lambda: of_a_model(config_name='salkit::/etc/passwd'),
}
RAW = {
    'keys-too-deep.pth': lambda path: zipped(path, DEEP_KEY),
    'an-old-file-of-deep-keys.pth': lambda path: path.write_bytes(DEEP_KEY),
    'keys-that-refer-to-each-other.pth': lambda path: zipped(path, WIDE_KEY),
    'lists-without-end.pth': lambda path: zipped(path, b'\x80\x02' + b']' * 3 * 10**6),
    'packed.pth': lambda path: zipped(path, bytes(10**8), zipfile.ZIP_DEFLATED),
    'an-old-file-of-a-huge-storage.pth': lambda path: old_format(path, 2**31 - 1),
    'a-pipe.pth': os.mkfifo,
    'a-pipe.safetensors': os.mkfifo,
    'a-device.pth': lambda path: path.symlink_to('/dev/zero'),
    'a-device.safetensors': lambda path: path.symlink_to('/dev/zero'),
    'a-long-header.safetensors': lambda path: safetensors(path, {}, 2**63),
    'one-tensor-over-another.safetensors': lambda path: safetensors(
        path, dict(a=tensor((0, 8)), b=tensor((4, 12)), c=tensor((8, 16)))
    ),
    'a-tensor-outside.safetensors': lambda path: safetensors(path, dict(a=tensor((0, 64), (16,)))),
    'a-shape-without-end.safetensors': lambda path: safetensors(
        path, dict(a=tensor((0, 16), (2**40, 2**40)))
    ),
    'entries-without-end.safetensors': lambda path: safetensors(
        path, {f'x{number}': tensor((0, 0), (0,)) for number in range(10_001)}
    ),
    'cut-off.safetensors': lambda path: path.write_bytes(save(dict(a=torch.zeros(99)))[:-9]),
}
# What does no harm is read.
HARMLESS = {
    'a-name-of-nothing': lambda: of_a_model(config_name='no config'),
    'a-null-byte-in-the-name': lambda: of_a_model(config_name='salkit::\0'),
    'a-name-of-a-megabyte': lambda: of_a_model(config_name='salkit::' + 'x' * 10**6),
    'plugins-that-are-none': lambda: of_a_model(plugins={'x; rm -r ~': '1', 3: 4}),
    'files-in-the-model': lambda: asking(init_cfg='/etc/passwd'),
}


@pytest.fixture(scope='module')
def told(tmp_path_factory):
    """What is said about each file, by its name."""
    folder = tmp_path_factory.mktemp('hostile')
    for name, content in {**SAVED, **HARMLESS}.items():
        torch.save(content(), folder / f'{name}.pth')
    for name, write in RAW.items():
        write(folder / name)
    # What hangs comes last.
    paths = sorted(map(str, folder.iterdir()))
    argv = [sys.executable, '-c', CHILD, *paths]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120).stdout
    except subprocess.TimeoutExpired as error:
        done = (error.stdout or b'').decode()
    lines = [json.loads(line) for line in done.splitlines()]
    return {os.path.basename(path): (path, text) for path, text in lines}


@pytest.mark.parametrize('name', [*(f'{name}.pth' for name in SAVED), *RAW])
def test_it_is_refused_in_a_line_that_names_it(told, name):
    assert name in told, 'the process hung or crashed before this file, or at it'
    path, text = told[name]
    assert text.startswith(f'{path}: ') and '\n' not in text and len(text) < 1000


@pytest.mark.parametrize('name', HARMLESS)
def test_what_does_no_harm_is_read(told, name):
    assert told[f'{name}.pth'][1] == 'read'

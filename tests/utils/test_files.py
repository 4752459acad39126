"""Files that are complete or not there, hashes, locks, order."""

import errno
import hashlib
import json
import os
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salkit.errors import ConfigError, DataError
from salkit.utils import files
from salkit.utils.files import (
    cache_dir,
    frame_names,
    is_disk_full,
    locked_folder,
    natural_key,
    sha256_of,
    whole_file,
    write_json,
)


def test_a_file_is_complete_or_as_it_was(tmp_path):
    path = tmp_path / 'deep' / 'a.txt'
    with whole_file(path) as temporary:
        temporary.write_text('first')
        assert not path.exists()
    with pytest.raises(OSError, match='full'), whole_file(path) as temporary:
        temporary.write_text('half')
        raise OSError('the disk is full')
    assert path.read_text() == 'first'
    assert [item.name for item in path.parent.iterdir()] == ['a.txt']


def test_errors_name_the_file_that_is_meant(tmp_path):
    path = tmp_path / 'a.txt'
    with pytest.raises(FileNotFoundError) as caught, whole_file(path) as temporary:
        temporary.read_text()
    assert caught.value.filename == str(path)


def test_nothing_but_files_is_replaced(tmp_path):
    os.mkfifo(tmp_path / 'pipe')
    (tmp_path / 'link').symlink_to('/dev/null')
    (tmp_path / 'folder').mkdir()
    for name, kind in (('pipe', 'a pipe'), ('link', 'a device'), ('folder', 'a folder')):
        with pytest.raises(OSError, match=f'{name}: is {kind}'), whole_file(tmp_path / name):
            pass
        with pytest.raises(ConfigError, match=f'{name}: is {kind}'):
            write_json({}, tmp_path / name)
    assert (tmp_path / 'link').is_symlink() and (tmp_path / 'pipe').is_fifo()


def test_json(tmp_path):
    write_json({'a': [1, 2]}, tmp_path / 'a.json')
    text = (tmp_path / 'a.json').read_text()
    assert json.loads(text) == {'a': [1, 2]} and text.endswith('}\n')
    with pytest.raises(TypeError):
        write_json({'a': object()}, tmp_path / 'a.json')
    assert (tmp_path / 'a.json').read_text() == text
    write_json({'a': [float('nan'), (1.5, float('-inf'))], 'b': np.float64('nan')}, tmp_path / 'b')
    assert json.loads((tmp_path / 'b').read_text()) == {'a': [None, [1.5, None]], 'b': None}


def test_hashes(tmp_path):
    content = bytes(range(256)) * 5000
    (tmp_path / 'a').write_bytes(content)
    assert sha256_of(tmp_path / 'a') == hashlib.sha256(content).hexdigest()


def test_one_run_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(files, 'PATIENCE_SECONDS', 0.05)
    with locked_folder(tmp_path, '.lock', 'salkit cache'):
        with (
            pytest.raises(ConfigError, match='another run of salkit cache'),
            locked_folder(tmp_path, '.lock', 'salkit cache'),
        ):
            pass
        with locked_folder(tmp_path, '.other', 'salkit cache'):
            pass
    with locked_folder(tmp_path, '.lock', 'salkit cache', patience=0):
        pass


def test_full_disks():
    assert is_disk_full(OSError(errno.ENOSPC, '')) and is_disk_full(OSError(errno.EDQUOT, ''))
    assert not is_disk_full(OSError(errno.ENOENT, ''))


def test_natural_order():
    names = ['frame_10', 'frame_9', 'frame_09', 'a2b10', 'a2b9', '7']
    assert sorted(names, key=natural_key) == [
        '7',
        'a2b9',
        'a2b10',
        'frame_09',
        'frame_9',
        'frame_10',
    ]


# Not all digits are numbers to int().
NAMES = st.lists(st.text(st.sampled_from('07a²①٣४Ⅷ½'), max_size=3) | st.text(max_size=9))


@given(NAMES, st.randoms())
def test_any_names_have_an_order(names, random):
    found = sorted(names, key=natural_key)
    random.shuffle(names)
    assert sorted(names, key=natural_key) == found


@given(st.lists(st.integers(0, 10**30)), st.text(st.characters(exclude_categories=['Nd'])))
def test_numbers_sort_as_numbers(numbers, text):
    names = [f'{text}{number}{text}.png' for number in numbers]
    expected = [f'{text}{number}{text}.png' for number in sorted(numbers)]
    assert sorted(names, key=natural_key) == expected
    assert natural_key('9' * 10_000) > natural_key('8' * 10_000)


def test_a_name_as_long_as_names_can_be(tmp_path):
    path = tmp_path / ('n' * 255)
    with whole_file(path) as temporary:
        temporary.write_text('whole')
        # Whoever clears up can tell whether its writer lives.
        assert re.fullmatch(rf'\.n+\w+\.{os.getpid()}-\d+@.+\.unfinished', temporary.name)
        with whole_file(path) as other:
            assert other != temporary
            other.write_text('other')
    assert path.read_text() == 'whole' and os.listdir(tmp_path) == [path.name]


def test_a_frame_has_one_file():
    assert frame_names('v', ['a.1.png', 'b.jpg']) == ['a.1', 'b']
    with pytest.raises(DataError, match=r'v: two files for frame b: b\.jpg and b\.png'):
        frame_names('v', ['a.png', 'b.jpg', 'b.png', 'c.png', 'c.jpg'])
    with pytest.raises(DataError, match=r'v: two files for frame a01: a01\.png and a1\.png'):
        frame_names('v', ['a01.png', 'a1.png'])
    others = ['0.png', '1.png', '10.png', '100.png', '1001.png', '1_01.png', '101.png']
    assert len(frame_names('v', others)) == len(others)


@pytest.mark.parametrize('content', ['', '{"a": 1}', '[1]', 'a video'])
def test_json_replaces_json_alone(tmp_path, content):
    path = tmp_path / 'there'
    path.write_text(content)
    if content == 'a video':
        with pytest.raises(ConfigError, match=r'there: is there and holds no JSON'):
            write_json([], path)
        assert path.read_text() == content
    else:
        write_json([], path)
        assert path.read_text() == '[]\n'


def test_where_the_cache_is(tmp_path, monkeypatch):
    monkeypatch.delenv('SALKIT_CACHE', raising=False)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert cache_dir() == tmp_path / 'salkit'
    monkeypatch.setenv('SALKIT_CACHE', str(tmp_path / 'own'))
    assert cache_dir() == tmp_path / 'own'

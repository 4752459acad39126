"""Regular files only, of a size known before they are read."""

import json
import os
import socket

import pytest

from salkit.errors import CheckpointError, DataError, one_line, printable
from salkit.utils.input_files import (
    check_input_file,
    open_input_file,
    read_input_json,
    read_input_text,
)


def a_pipe(path):
    os.mkfifo(path)
    return path


def a_socket(path):
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(str(path))
    return path


def a_folder(path):
    path.mkdir()
    return path


def a_link_to_a_device(path):
    path.symlink_to('/dev/zero')
    return path


@pytest.mark.parametrize('read', [check_input_file, open_input_file, read_input_text])
@pytest.mark.parametrize(
    ('make', 'kind'),
    [
        (a_pipe, 'a pipe'),
        (a_socket, 'a socket'),
        (a_folder, 'a folder'),
        (a_link_to_a_device, 'a device'),
    ],
)
def test_only_regular_files_are_opened(tmp_path, make, kind, read):
    path = make(tmp_path / 'x')
    with pytest.raises(DataError, match=f'x: is {kind}, expected a regular file'):
        read(path)


@pytest.mark.parametrize('path', ['gone', 'file/gone', 'n' * 300, 'zero\0'])
def test_what_is_not_there_is_said(tmp_path, path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(CheckpointError, match=r'does not exist|cannot be opened'):
        check_input_file(f'{tmp_path}/{path}', CheckpointError)


def test_a_link_to_a_file_is_a_file(tmp_path):
    (tmp_path / 'file').write_text('[1]')
    (tmp_path / 'link').symlink_to('file')
    assert read_input_json(tmp_path / 'link') == [1]


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    with open(tmp_path / 'large', 'wb') as file:
        file.truncate(10**12)
    with pytest.raises(DataError, match=r'large: has 1\.0 TB, expected at most 64 MB'):
        read_input_text(tmp_path / 'large')


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'ab\xff', 'expected text in UTF-8, got the byte 0xff at 2'),
        (b'{', 'cannot be read as JSON'),
        (b'[' * 100_000, 'cannot be read as JSON'),
    ],
)
def test_other_content_is_said(tmp_path, content, message):
    (tmp_path / 'x.json').write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_input_json(tmp_path / 'x.json')


def test_a_byte_order_mark_is_no_text(tmp_path):
    (tmp_path / 'x.json').write_bytes(b'\xef\xbb\xbf' + json.dumps({'a': 1}).encode())
    assert read_input_json(tmp_path / 'x.json') == {'a': 1}


def test_control_characters_are_shown_as_text():
    assert printable('a\x1b[31mb\u202ec\x07 \u3000é') == r'a\x1b[31mb\u202ec\x07 ' + '\u3000é'
    assert one_line(DataError('x\x1b]0;title\x07.png: broken')) == r'x\x1b]0;title\x07.png: broken'

"""A folder is complete or as it was."""

import os
import subprocess

import pytest

from salkit.utils.folders import whole_folder


def test_a_folder_appears_as_a_whole(tmp_path):
    place = tmp_path / 'deep' / 'clip'
    with whole_folder(place) as folder:
        (folder / 'a').touch()
        assert not place.exists()
    assert os.listdir(place) == ['a'] and os.listdir(place.parent) == ['clip']


def test_an_error_leaves_no_folders(tmp_path):
    (tmp_path / 'kept').mkdir()
    with pytest.raises(KeyError), whole_folder(tmp_path / 'kept' / 'a' / 'b' / 'clip') as folder:
        (folder / 'a').touch()
        raise KeyError
    assert os.listdir(tmp_path) == ['kept'] and not os.listdir(tmp_path / 'kept')


def test_it_replaces_a_folder_or_a_file(tmp_path):
    for earlier in ('folder', 'file'):
        place = tmp_path / earlier
        if earlier == 'folder':
            place.mkdir()
            (place / 'old').touch()
        else:
            place.touch()
        with whole_folder(place) as folder:
            (folder / 'new').touch()
        assert os.listdir(place) == ['new']
    assert sorted(os.listdir(tmp_path)) == ['file', 'folder']


@pytest.mark.parametrize('letter', ['n', 'ü'])
def test_a_name_as_long_as_names_can_be(tmp_path, letter):
    place = tmp_path / (letter * (255 // len(letter.encode())))
    process = subprocess.Popen(['true'])
    process.wait()
    with whole_folder(place) as folder:
        (folder / 'a').touch()
        # What a killed run would have left.
        temporary = folder.parent.name.replace(str(os.getpid()), str(process.pid))
    (tmp_path / temporary).mkdir()
    with whole_folder(place) as folder:
        (folder / 'b').touch()
    assert os.listdir(tmp_path) == [place.name] and os.listdir(place) == ['b']


@pytest.mark.parametrize('error', [ValueError, KeyboardInterrupt])
def test_after_an_error_the_earlier_stays(tmp_path, error):
    place = tmp_path / 'clip'
    with whole_folder(place) as folder:
        (folder / 'old').touch()
    with pytest.raises(error), whole_folder(place) as folder:
        (folder / 'half').touch()
        raise error
    assert os.listdir(place) == ['old'] and os.listdir(tmp_path) == ['clip']


def test_a_path_without_a_name(tmp_path, monkeypatch):
    (tmp_path / 'clip').mkdir()
    (tmp_path / 'other').mkdir()
    monkeypatch.chdir(tmp_path / 'other')
    with whole_folder('../clip') as folder:
        (folder / 'new').touch()
    assert os.listdir(tmp_path / 'clip') == ['new']

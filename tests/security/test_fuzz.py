"""Readers of files: they read what is whole, and refuse in one line what is not."""

import json

import pytest
from bounded import run_bounded
from readers import READERS, read_mutants, seeds_of


@pytest.fixture(scope='module')
def valid_files(tmp_path_factory):
    made = {}

    def files(name):
        make = READERS[name][0]
        if make not in made:
            made[make] = tmp_path_factory.mktemp(make.__name__)
            make(made[make])
        return made[make]

    return files


@pytest.mark.parametrize('name', READERS)
def test_whole_files_are_read(name, valid_files, monkeypatch, tmp_path):
    monkeypatch.setenv('SALKIT_CACHE', str(tmp_path))
    for path in seeds_of(valid_files(name)):
        READERS[name][1](path)


@pytest.mark.parametrize('name', READERS)
def test_faults_are_refused_in_one_line(name, valid_files, tmp_path):
    folder, work = valid_files(name), tmp_path / 'work'
    work.mkdir()
    child = run_bounded(read_mutants, name, folder, 'tests', range(24), work, folder=tmp_path)
    assert child.status == 0, child.err[-2000:]
    ends = [line for line in map(json.loads, child.out.splitlines()) if 'ended' in line]
    assert len(ends) == 24
    assert [end for end in ends if end['ended'] not in ('read', 'refused')] == []

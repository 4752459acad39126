"""Structs in .mat files of version 7.3; the two files were written by h5py in MATLAB's layout."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salkit.errors import DataError
from salkit.media.mat_cells import read_mat_struct
from salkit.media.mat_files import read_mat_variable
from salkit.media.mat_hdf5 import read_hdf5_struct

DATA = Path(__file__).parents[1] / 'data'
PLAIN, PACKED = DATA / 'mat73_plain.mat', DATA / 'mat73_packed.mat'
ROWS = [
    (1, 0, 30, 40, 24),
    (1, 30, 20, 60, 25),
    (1, 50, 70, 60, 10),
    (1, 120, 0, 40, 24),
    (1, 160, 400, 80, 10),
    (2, 0, 40, 10, 40),
    (2, 350, 500, 60, 10),
    (3, 20, 500, 41, 23),
]


@pytest.mark.parametrize('path', [PLAIN, PACKED])
def test_matrices_of_a_struct(path):
    found = read_mat_struct(path, 'Data')
    assert {*found} == {'VideoName', 'VideoFrameRate', 'VideoFrames', 'VideoSize', 'fixdata'}
    np.testing.assert_array_equal(found['fixdata'], ROWS)
    np.testing.assert_array_equal(found['VideoSize'], [[80, 48]])
    assert ''.join(map(chr, found['VideoName'].ravel())) == 'animal_bat01'
    assert found['VideoName'].dtype == np.uint16 and found['VideoFrames'] == 10


def test_what_is_no_struct_in_it():
    with pytest.raises(DataError, match='expected a variable Other with a struct, found Data'):
        read_mat_struct(PLAIN, 'Other')
    # One matrix in a file stays as it was.
    with pytest.raises(DataError, match=r'got version 7\.3; save it with -v7'):
        read_mat_variable(PLAIN, 'Data')


@pytest.mark.parametrize('path', [PLAIN, PACKED])
def test_matrices_that_are_too_large(path):
    with pytest.raises(DataError, match='its matrices are larger than expected'):
        read_hdf5_struct(path, 'Data', 10**6, 200)


@pytest.mark.parametrize('address', [2**64 - 1, 2**63, 10**6])
def test_an_address_that_leads_nowhere(tmp_path, address):
    content = bytearray(PLAIN.read_bytes())
    # Of the root.
    content[512 + 64 : 512 + 72] = address.to_bytes(8, 'little')
    (tmp_path / 'a.mat').write_bytes(content)
    with pytest.raises(DataError, match='cannot be read as a'):
        read_mat_struct(tmp_path / 'a.mat', 'Data')


@pytest.fixture(scope='module')
def damaged(tmp_path_factory):
    return tmp_path_factory.mktemp('mat') / 'a.mat'


@settings(max_examples=150, deadline=None)
@given(
    packed=st.booleans(),
    places=st.lists(st.tuples(st.integers(512, 8000), st.integers(0, 255)), max_size=6),
    end=st.integers(0, 9000) | st.none(),
)
def test_damaged_files_are_refused_in_a_line(damaged, packed, places, end):
    content = bytearray((PACKED if packed else PLAIN).read_bytes())
    for place, value in places:
        content[place % len(content)] = value
    damaged.write_bytes(content[:end])
    try:
        found = read_mat_struct(damaged, 'Data')
    except DataError as error:
        assert str(error).startswith(f'{damaged}: ') and '\n' not in str(error)
    else:
        assert all(matrix.ndim == 2 for matrix in found.values())

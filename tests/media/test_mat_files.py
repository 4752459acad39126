"""Matrices in .mat files are those that scipy reads, and damaged files are refused."""

import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.io import loadmat, savemat
from scipy.sparse import csc_array

from salkit.errors import DataError
from salkit.media.maps import read_fixation_map
from salkit.media.mat_files import read_mat_variable

MATRICES = npst.arrays(
    st.sampled_from([np.dtype(code) for code in 'bBhHiIqQfd?']),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
POINTS = np.eye(4, 6, dtype=np.uint8)


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    return tmp_path_factory.mktemp('mat') / 'a.mat'


@given(MATRICES, st.booleans(), st.booleans())
def test_matrices_are_those_that_scipy_reads(path, matrix, packed, among_others):
    content = {'I': matrix}
    if among_others:
        others = {'a_longer_name': np.zeros((2, 3, 4)), 's': {'x': 'text'}, 'p': csc_array(POINTS)}
        content = {**others, **content, 'z': 1}
    savemat(path, content, do_compression=packed)
    found = read_mat_variable(path, 'I')
    np.testing.assert_array_equal(found, loadmat(path)['I'])
    np.testing.assert_array_equal(found, matrix)


def a_file(order, shape=POINTS.shape, content=None, packed=False):
    """What MATLAB writes of a double whose numbers fit into bytes."""

    def element(kind, data):
        return struct.pack(f'{order}II', kind, len(data)) + data + bytes(-len(data) % 8)

    matrix = element(
        14,
        element(6, struct.pack(f'{order}II', 6, 0))
        + element(5, struct.pack(f'{order}{len(shape)}i', *shape))
        + element(1, b'I')
        + element(2, POINTS.tobytes('F') if content is None else content),
    )
    if packed:
        stream = zlib.compress(matrix)
        matrix = struct.pack(f'{order}II', 15, len(stream)) + stream
    mark = struct.pack(f'{order}H', 0x4D49)
    return b'MATLAB 5.0 MAT-file'.ljust(124) + struct.pack(f'{order}H', 0x100) + mark + matrix


@pytest.mark.parametrize('packed', [False, True])
@pytest.mark.parametrize('order', '<>')
def test_files_of_matlab(path, order, packed):
    path.write_bytes(a_file(order, packed=packed))
    np.testing.assert_array_equal(loadmat(path)['I'], POINTS)
    np.testing.assert_array_equal(read_mat_variable(path, 'I'), POINTS)
    np.testing.assert_array_equal(read_fixation_map(path), POINTS > 0)


@pytest.mark.parametrize('packed', [False, True])
@given(places=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=8), cut=...)
def test_damaged_files_are_read_or_refused(path, packed, places: list, cut: bool):
    savemat(path, {'other': np.eye(3), 'I': POINTS}, do_compression=packed)
    content = bytearray(path.read_bytes())
    for place, value in places:
        content[place % len(content)] = value
    path.write_bytes(content[: len(content) * 2 // 3] if cut else content)
    try:
        assert read_mat_variable(path, 'I').ndim == 2
    except DataError as error:
        assert str(error).startswith(f'{path}: ')


@pytest.mark.parametrize(
    ('content', 'told'),
    [
        (csc_array(POINTS), 'I is a sparse matrix, expected a full matrix'),
        ({'x': 1}, 'I is a struct'),
        (np.array([1, 'a'], object), 'I is a cell array'),
        ('text', 'I is text'),
        (1j * POINTS, 'I is of complex numbers'),
        (np.zeros((2, 3, 4)), r'I is an array of shape \(2, 3, 4\)'),
        (np.zeros((0, 3)), r'I is an array of shape \(0, 3\)'),
    ],
)
def test_what_is_no_matrix_is_named(path, content, told):
    savemat(path, {'I': content})
    with pytest.raises(DataError, match=rf'a\.mat: the variable {told}'):
        read_fixation_map(path)


def test_other_versions_are_named(path):
    savemat(path, {'I': POINTS}, format='4')
    with pytest.raises(DataError, match='expected one of version 5 to 7, got none'):
        read_fixation_map(path)
    path.write_bytes(b'MATLAB 7.3 MAT-file'.ljust(124) + b'\0\2IM' + bytes(384) + b'\x89HDF')
    with pytest.raises(DataError, match=r'got version 7\.3; save it with -v7'):
        read_fixation_map(path)


@pytest.mark.parametrize('packed', [False, True])
@pytest.mark.parametrize('shape', [(60_000, 60_000), (2**31 - 1, 2**31 - 1), (4, 7), (-4, -6)])
def test_shapes_are_compared_with_what_is_there(path, shape, packed):
    path.write_bytes(a_file('<', shape, packed=packed))
    with pytest.raises(DataError, match=r'a\.mat: (has .* pixels|cannot be read|the variable I)'):
        read_fixation_map(path)


def test_a_bomb_is_not_unpacked(path):
    path.write_bytes(a_file('<', content=bytes(5 * 10**7), packed=True))
    assert path.stat().st_size < 100_000
    tracemalloc.start()
    with pytest.raises(DataError, match='goes beyond what is there'):
        read_fixation_map(path)
    assert tracemalloc.get_traced_memory()[1] < 10**6
    tracemalloc.stop()


def test_many_variables(path):
    others = {f'x{number}': 1 for number in range(1200)}
    savemat(path, {'I': POINTS, **others})
    np.testing.assert_array_equal(read_mat_variable(path, 'I'), POINTS)
    savemat(path, {**others, 'I': POINTS})
    with pytest.raises(DataError, match=r'more than 1000 variables'):
        read_mat_variable(path, 'I')

"""Cells and structs in .mat files are those that scipy wrote, and damaged files are refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.io import savemat
from scipy.sparse import csc_array

from salkit.errors import DataError
from salkit.media import mat_cells
from salkit.media.mat_cells import described, read_mat_cells

MATRICES = npst.arrays(
    st.sampled_from([np.dtype(code) for code in 'bBhHiIqQfd']),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
)
TEXTS = st.text(st.characters(codec='latin-1', exclude_characters='\0'), max_size=9).filter(
    lambda text: text == text.rstrip()
)
LEAVES = TEXTS | MATRICES | npst.arrays(np.float64, (0, 0))


def cells(children):
    def array(values):
        found = np.empty((len(values), 1), object)
        for index, value in enumerate(values):
            found[index, 0] = value
        return found

    return st.lists(children, min_size=1, max_size=3).map(array)


VALUES = st.recursive(
    LEAVES,
    lambda children: (
        cells(children)
        | st.dictionaries(st.sampled_from(['img', 'fix_x', 's']), children, min_size=1)
    ),
    max_leaves=8,
)


def same(found, value):
    if isinstance(value, dict):
        return found.keys() == value.keys() and all(same(found[k], value[k]) for k in value)
    if isinstance(value, str):
        return found == value or (not value and not len(found))
    if value.dtype == object:
        return found.shape == value.shape and all(map(same, found.flat, value.flat))
    return np.array_equal(found, value, equal_nan=value.dtype.kind == 'f')


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    return tmp_path_factory.mktemp('mat') / 'a.mat'


@given(cells(VALUES), st.booleans())
def test_values_are_those_that_were_written(path, value, packed):
    savemat(path, {'other': np.eye(3), 'fixations': value}, do_compression=packed)
    assert same(read_mat_cells(path, 'fixations'), value)


def test_arrays_of_structs(path):
    structs = np.zeros((2, 2), dtype=[('a', object), ('b', object)])
    for index in np.ndindex(2, 2):
        structs[index] = (f'{index}', np.array([index]))
    savemat(path, {'fixations': structs})
    found = read_mat_cells(path, 'fixations')
    assert found.shape == (2, 2) and found[0, 1]['a'] == '(0, 1)'
    assert found[1, 0]['b'].tolist() == [[1, 0]]


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (dict(fixations=np.eye(3)), 'the variable fixations is a matrix of 3 x 3, expected a cell'),
        (dict(fixations='text'), "the variable fixations is the text 'text', expected a cell"),
        (dict(I=np.eye(3)), 'expected a variable fixations with a cell array or a struct, found I'),
        (dict(fixations=[csc_array(np.eye(2)), 1]), 'is no matrix of real numbers'),
        (dict(fixations=[{'a': np.array([1j])}, 1]), 'is no matrix of real numbers'),
    ],
)
def test_other_values(path, content, message):
    if isinstance(content.get('fixations'), list):
        value = np.empty(2, object)
        value[:] = content['fixations']
        content = dict(fixations=value)
    savemat(path, content)
    with pytest.raises(DataError, match=message) as error:
        read_mat_cells(path, 'fixations')
    assert str(error.value).startswith(str(path))


@pytest.mark.parametrize('packed', [False, True])
def test_files_that_end_early_or_are_damaged(path, packed):
    value = np.empty((2, 1), object)
    value[:, 0] = [{'img': 'a.jpg', 'x': np.arange(4.0)}, np.zeros((0, 0))]
    savemat(path, dict(fixations=value), do_compression=packed)
    content = path.read_bytes()
    for end in range(len(content)):
        path.write_bytes(content[:end])
        with pytest.raises(DataError):
            read_mat_cells(path, 'fixations')
    for at in range(128, len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x81]) + content[at + 1 :])
        try:
            read_mat_cells(path, 'fixations')
        except DataError:
            continue


def test_more_than_a_file_may_have(path, monkeypatch):
    value = np.empty((1, 1), object)
    value[0, 0] = 'x'
    for _ in range(40):
        outer = np.empty((1, 1), object)
        outer[0, 0] = value
        value = outer
    savemat(path, dict(fixations=value))
    with pytest.raises(DataError, match='16 in each other'):
        read_mat_cells(path, 'fixations')
    value = np.empty((50, 1), object)
    value[:, 0] = 'x'
    savemat(path, dict(fixations=value), do_compression=True)
    monkeypatch.setattr(mat_cells, '_MOST_ARRAYS', 40)
    with pytest.raises(DataError, match='at most 40 arrays'):
        read_mat_cells(path, 'fixations')
    monkeypatch.undo()
    monkeypatch.setattr(mat_cells, '_MOST_BYTES', 1000)
    with pytest.raises(DataError, match='goes beyond what is there'):
        read_mat_cells(path, 'fixations')


def test_words_for_values():
    assert described({'a': 1, 'b': 2}) == 'a struct with a, b'
    assert described(np.empty((2, 3), object)) == 'a cell array of 2 x 3'

"""Array files: what a header declares is compared with what is there."""

import io
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib import format as npy

from salkit.datasets.predictions import find_predictions
from salkit.errors import DataError
from salkit.media.array_files import load_array
from salkit.media.map_stacks import open_stack
from salkit.media.maps import read_map

MAPS = np.random.default_rng(0).random((3, 8, 9), dtype=np.float32)


def array_bytes(values):
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def declaring(shape, descr='<f4', version=(1, 0)):
    """A header without numbers."""
    file = io.BytesIO()
    npy.write_array_header_1_0(file, dict(shape=shape, fortran_order=False, descr=descr))
    return b'\x93NUMPY' + bytes(version) + file.getvalue()[8:] + bytes(64)


def zipped(path, content, how=zipfile.ZIP_DEFLATED, count=1):
    with zipfile.ZipFile(path, 'w', how) as file:
        for number in range(count):
            file.writestr(f'{number}.npy', content)


def read_in_every_way(path):
    """The error of each reader; None where it reads."""
    found = []
    for read in (
        read_map,
        load_array,
        lambda path: list(open_stack(path).read(range(min(3, len(open_stack(path)))))),
    ):
        try:
            read(path)
            found.append(None)
        except DataError as error:
            assert str(error).startswith(f'{path}')
            found.append(str(error))
    return found


@pytest.mark.parametrize('fortran', [False, True])
@pytest.mark.parametrize('mapped', [False, True])
@given(
    st.sampled_from('?bBhHiIqQefd'), st.lists(st.integers(1, 5), min_size=1, max_size=3), st.data()
)
def test_arrays_come_back(tmp_path_factory, fortran, mapped, code, shape, data):
    path = tmp_path_factory.mktemp('arrays') / data.draw(st.sampled_from(['a.npy', 'a.npz']))
    values = np.arange(np.prod(shape)).reshape(shape).astype(code)
    values = np.asfortranarray(values) if fortran else values
    (np.save if path.suffix == '.npy' else np.savez)(path, values)
    found = load_array(path, mapped)
    assert found.dtype == values.dtype
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize('name', ['a.npy', 'a.npz', 'packed.npz', 'frames.npz'])
@given(places=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=8), cut=...)
def test_damaged_files_are_read_or_refused(tmp_path_factory, name, places: list, cut: bool):
    path = tmp_path_factory.mktemp('damaged') / name
    save = {'a.npy': np.save, 'a.npz': np.savez}.get(name, np.savez_compressed)
    save(path, **{f'x{i}': values for i, values in enumerate(MAPS)}) if 'frames' in name else save(
        path, MAPS
    )
    content = bytearray(path.read_bytes())
    for place, value in places:
        content[place % len(content)] = value
    path.write_bytes(content[: len(content) * 2 // 3] if cut else content)
    read_in_every_way(path)


@pytest.mark.parametrize('descr', ['<f4', '|O', '<U9', '<c8', '|V0', '<M8[s]'])
@pytest.mark.parametrize(
    'shape', [(10**6, 10**6), (10**12, 1, 1), (10**5, 10**5, 10**5), (0, 3), (2**62, 4), (3, 8, 9)]
)
def test_headers_that_declare_more_than_there_is(tmp_path, shape, descr):
    (tmp_path / 'a.npy').write_bytes(declaring(shape, descr))
    zipped(tmp_path / 'a.npz', declaring(shape, descr))
    zipped(tmp_path / 'frames.npz', declaring(shape, descr), count=2)
    for name in ('a.npy', 'a.npz', 'frames.npz'):
        assert None not in read_in_every_way(tmp_path / name), name


@pytest.mark.parametrize(
    'header',
    [
        b"{'descr': '<f4', 'shape': (3, 8",
        b'{' * 5000,
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (-3, -8, 9), }",
        b"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3, 8, 9), }",
        b"{'descr': '<f4', 'fortran_order': 3, 'shape': None, }",
    ],
)
@pytest.mark.parametrize('version', [(1, 0), (2, 0), (3, 0), (9, 9)])
def test_damaged_headers(tmp_path, header, version):
    size = struct.pack('<H' if version == (1, 0) else '<I', len(header))
    content = b'\x93NUMPY' + bytes(version) + size + header + MAPS.tobytes()
    (tmp_path / 'a.npy').write_bytes(content)
    zipped(tmp_path / 'a.npz', content)
    for name in ('a.npy', 'a.npz'):
        assert None not in read_in_every_way(tmp_path / name), name


@pytest.mark.parametrize('name', ['a.npy', 'a.npz'])
@given(ones=st.tuples(*[st.integers(0, 2)] * 3), frames=st.integers(1, 3))
def test_dimensions_of_length_1_are_taken_off(tmp_path_factory, name, ones, frames):
    path = tmp_path_factory.mktemp('shapes') / name
    before, between, after = ((1,) * count for count in ones)
    shape = (*before, *[frames] * (frames > 1), *between, 8, 9, *after)
    (np.save if path.suffix == '.npy' else np.savez)(path, MAPS[:frames].reshape(shape))
    stack = open_stack(path)
    assert len(stack) == frames
    np.testing.assert_array_equal(list(stack.read(range(frames))), MAPS[:frames])
    if frames == 1:
        np.testing.assert_array_equal(read_map(path), MAPS[0])


@pytest.mark.parametrize(
    'shape', [(8,), (2, 3, 8, 9), (1, 2, 3, 8, 9), (2, 1, 1, 9), (2, 8, 1, 9), ()]
)
def test_shapes_that_are_no_maps_are_named(tmp_path, shape):
    for save, name in ((np.save, 'a.npy'), (np.savez, 'a.npz')):
        save(tmp_path / name, np.zeros(shape))
        told = read_in_every_way(tmp_path / name)[2]
        assert told is not None and '(T, H, W)' in told and told.endswith(f'shape {shape}')


def test_an_archive_of_other_arrays_names_their_shapes(tmp_path):
    np.savez(tmp_path / 'a.npz', saliency=MAPS, fps=25, names=['a', 'b'])
    found = r'3: saliency \(3, 8, 9\), fps \(\), names: expected numbers, got <U1$'
    expected = r'a\.npz: expected one array \(T, H, W\), or an array \(H, W\) for each frame'
    with pytest.raises(DataError, match=f'{expected}, found {found}'):
        len(open_stack(tmp_path / 'a.npz'))
    with pytest.raises(DataError, match=r'a\.npz: expected one array \(H, W\), found ' + found):
        read_map(tmp_path / 'a.npz')
    with pytest.raises(DataError, match=expected):
        find_predictions(tmp_path)


def test_bombs(tmp_path, monkeypatch):
    monkeypatch.setattr('salkit.media.images.MOST_PIXELS', 10**6)
    zeros = array_bytes(np.zeros((2000, 1000), np.uint8))
    for count, name in ((1, 'a.npz'), (2, 'frames.npz')):
        zipped(tmp_path / name, zeros, count=count)
        told = read_in_every_way(tmp_path / name)[2]
        assert told is not None and 'pixels, expected at most 1 million' in told
    # More maps than anybody has, one pixel each.
    zipped(tmp_path / 'b.npz', array_bytes(np.zeros((2_000_000, 1, 1), np.uint8)))
    assert '1000000 at most, got an array of shape (2000000, 1, 1)' in str(
        read_in_every_way(tmp_path / 'b.npz')[2]
    )


def test_members_that_declare_another_size(tmp_path):
    zipped(tmp_path / 'a.npz', array_bytes(MAPS))
    content = (tmp_path / 'a.npz').read_bytes()
    size = struct.pack('<I', len(array_bytes(MAPS)))
    for other in (0, 10**9, 2**32 - 2):
        (tmp_path / 'b.npz').write_bytes(content.replace(size, struct.pack('<I', other)))
        assert None not in read_in_every_way(tmp_path / 'b.npz')


@pytest.mark.parametrize('how', [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_to_pack_are_refused(tmp_path, how):
    zipped(tmp_path / 'a.npz', array_bytes(MAPS), how)
    for told in read_in_every_way(tmp_path / 'a.npz'):
        assert 'is packed in another way than numpy does' in str(told)


@pytest.mark.parametrize(('flag', 'method'), [(1, 0), (0, 99)])
def test_encrypted_and_unknown_members(tmp_path, flag, method):
    zipped(tmp_path / 'a.npz', array_bytes(MAPS), zipfile.ZIP_STORED)
    content = bytearray((tmp_path / 'a.npz').read_bytes())
    for begin in (6, content.find(b'PK\x01\x02') + 8):
        content[begin] |= flag
        content[begin + 2] = method
    (tmp_path / 'a.npz').write_bytes(content)
    assert None not in read_in_every_way(tmp_path / 'a.npz')


def test_a_flipped_bit_is_noticed(tmp_path):
    zipped(tmp_path / 'a.npz', array_bytes(MAPS[0]), zipfile.ZIP_STORED)
    content = bytearray((tmp_path / 'a.npz').read_bytes())
    content[content.find(b'PK\x01\x02') - 9] ^= 1
    (tmp_path / 'a.npz').write_bytes(content)
    with pytest.raises(DataError, match='Bad CRC-32'):
        read_map(tmp_path / 'a.npz')


def test_a_map_has_a_limit_of_pixels(tmp_path, monkeypatch):
    monkeypatch.setattr('salkit.media.images.MOST_PIXELS', 71)
    np.save(tmp_path / 'a.npy', MAPS)
    np.savez(tmp_path / 'a.npz', MAPS)
    for name in ('a.npy', 'a.npz'):
        for told in read_in_every_way(tmp_path / name):
            assert 'pixels, expected at most' in str(told)


def test_archives_that_list_more_than_memory_holds(tmp_path):
    with open(tmp_path / 'a.npz', 'wb') as file:
        file.write(b'PK\3\4')
        file.truncate(10**9)
        file.seek(10**9)
        file.write(b'PK\5\6' + struct.pack('<HHHHIIH', 0, 0, 1, 1, 10**9 - 10, 10, 0))
    errors = read_in_every_way(tmp_path / 'a.npz')
    assert all('a.npz: lists too many contents' in error for error in errors)


def test_headers_that_are_longer_than_memory(tmp_path):
    with open(tmp_path / 'a.npy', 'wb') as file:
        file.write(b'\x93NUMPY\2\0' + struct.pack('<I', 10**9))
        file.truncate(2 * 10**9)
    assert all('its header is too long' in error for error in read_in_every_way(tmp_path / 'a.npy'))


def test_two_arrays_of_one_frame(tmp_path):
    with zipfile.ZipFile(tmp_path / 'a.npz', 'w') as file:
        for name in ('1.npy', '1'):
            file.writestr(name, array_bytes(MAPS[0]))
    with pytest.raises(DataError, match=r'a\.npz: two files for frame 1'):
        open_stack(tmp_path / 'a.npz').names  # noqa: B018
    zipfile.ZipFile(tmp_path / 'none.npz', 'w').close()
    with pytest.raises(DataError, match=r'none\.npz: holds no arrays'):
        len(open_stack(tmp_path / 'none.npz'))

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salkit.datasets.file_list import FileList, Numbering, list_files
from salkit.utils.files import natural_key

names = st.lists(
    st.from_regex(r'[a-c%_0]{0,3}[0-9]{0,3}\.(png|jpg)', fullmatch=True), unique=True, max_size=8
)


def spelled(prefix, numbers, width, suffix):
    return [f'{prefix}{number:0{width}d}{suffix}' for number in numbers]


@given(names)
def test_any_names_come_back_in_natural_order(found):
    listed = FileList.of_names('/set', list(found))
    expected = [f'/set/{name}' for name in sorted(sorted(found), key=natural_key)]
    assert list(listed) == expected and len(listed) == len(found)


@given(
    st.sampled_from(['', 'f', 'v_001_', 'a%d']),
    st.integers(0, 1200),
    st.integers(1, 6),
    st.integers(1, 30),
    st.randoms(),
)
def test_numbered_names_are_kept_in_short(prefix, first, width, count, random):
    spelling = spelled(prefix, range(first, first + count), width, '.png')
    shuffled = list(spelling)
    random.shuffle(shuffled)
    listed = FileList.of_names('/set', shuffled)
    assert [path.removeprefix('/set/') for path in listed] == spelling
    assert isinstance(listed.names, Numbering)
    assert listed.stems() == [name.removesuffix('.png') for name in spelling]
    assert listed[-1] == listed[count - 1] and listed[:2] == [*listed][:2]
    with pytest.raises(IndexError):
        listed[count]


@pytest.mark.parametrize(
    'found',
    [
        ['1.png', '3.png'],
        ['1.png', '2.jpg'],
        ['01.png', '2.png'],
        ['a1.png', 'b2.png'],
        ['a.png', 'b.png'],
    ],
)
def test_what_does_not_count_up_is_listed(found):
    listed = FileList.of_names('/set', list(found))
    assert not isinstance(listed.names, Numbering)
    assert list(listed) == [f'/set/{name}' for name in sorted(found, key=natural_key)]


def test_a_million_frames_take_no_memory():
    listed = FileList('/set', Numbering('frame', 1, 7, '.png', 1_000_000))
    assert listed[999_999] == '/set/frame1000000.png' and sys.getsizeof(listed) < 500


def test_hidden_and_other_files_are_left_out(tmp_path):
    for name in ('1.png', '2.PNG', '.3.png', 'notes.txt', '.hidden1.png'):
        (tmp_path / name).touch()
    assert [path.rsplit('/', 1)[1] for path in list_files(tmp_path, ('.png',))] == [
        '1.png',
        '2.PNG',
    ]
    for name in ('1.png', '2.PNG', 'notes.txt'):
        (tmp_path / name).unlink()
    # Both hidden files would count up.
    (tmp_path / '.hidden2.png').touch()
    (tmp_path / '.3.png').unlink()
    assert list(list_files(tmp_path, ('.png',))) == []

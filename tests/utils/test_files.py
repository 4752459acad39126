import pytest

from salkit.utils.files import whole_file


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

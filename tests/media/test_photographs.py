import pytest

from salkit.errors import DataError
from salkit.media.photographs import read_photograph


def test_photographs_of_scikit_image():
    assert read_photograph('chelsea.png').shape == (300, 451, 3)
    # Gray ones have three channels, too.
    assert read_photograph('camera.png').shape == (512, 512, 3)
    with pytest.raises(DataError, match=r'lacks its photograph none\.png: reinstall'):
        read_photograph('none.png')

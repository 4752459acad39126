import numpy as np
import pytest
from score_data import predicted, write_predictions

from salkit.datasets.predictions import find_predictions
from salkit.errors import DataError

MAPS = predicted(5)


def paths_of(found):
    return {name: stack.path for name, stack in found.items()}


def test_array_files_of_whole_videos(tmp_path):
    np.save(tmp_path / 'a.npy', MAPS)
    np.savez(tmp_path / 'b.npz', MAPS)
    assert list(find_predictions(tmp_path)) == ['a', 'b']


def test_a_lone_folder_is_opened(tmp_path):
    write_predictions(tmp_path / 'my-model' / 'results' / '0701' / 'maps', MAPS)
    write_predictions(tmp_path / 'my-model' / 'results' / '0702' / 'maps', MAPS)
    assert list(find_predictions(tmp_path)) == ['0701', '0702']


@pytest.mark.parametrize('kind', ['png', 'npy', 'npz'])
def test_a_single_video(tmp_path, kind):
    folder = write_predictions(tmp_path / 'v', MAPS, kind=kind)
    assert paths_of(find_predictions(folder)) == {'v': folder}


def test_an_empty_video_beside_others_is_listed(tmp_path):
    write_predictions(tmp_path / '0701', MAPS)
    (tmp_path / '0702').mkdir()
    assert list(find_predictions(tmp_path)) == ['0701', '0702']
    assert len(find_predictions(tmp_path)['0702']) == 0


def test_nothing_to_find(tmp_path):
    with pytest.raises(DataError, match='does not exist'):
        find_predictions(tmp_path / 'nowhere')
    with pytest.raises(DataError, match='holds no predictions; expected a folder of maps'):
        find_predictions(tmp_path)
    write_predictions(tmp_path / 'v', MAPS)
    np.save(tmp_path / 'v.npy', MAPS)
    with pytest.raises(DataError, match=r'two predictions of one video.*v.*v\.npy'):
        find_predictions(tmp_path)

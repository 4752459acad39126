"""Data sets are objects that say where their videos lie."""

import json

import numpy as np
import pytest
from PIL import Image
from trees import write_dhf1k

from salkit.datasets.published import (
    LAYOUT,
    PublishedDataset,
    PublishedVideo,
    dataset_at,
    density_recipes,
    get_published,
    published_datasets,
    recognize,
)
from salkit.errors import ConfigError, DataError
from salkit.prepare import PrepareOptions, prepare
from salkit.prepare.fixations import density_map
from salkit.registry import PUBLISHED
from salkit.testing.samples import write_dataset, write_video

AUDIO_VISUAL = ['avad', 'coutrot1', 'coutrot2', 'diem', 'etmd', 'summe']


def labels(dataset, root):
    return [f'{video.split}/{video.name}' for video in dataset.find_videos(root)]


def test_names_and_recipes():
    gaze = ['crowd', 'osie', 'scene', 'xu-video', 'ledov']
    maps = ['avimos', 'dhf1k', 'hollywood2', 'ucf-sports', 'davsod', *AUDIO_VISUAL]
    assert {*published_datasets()} == {*maps, *gaze}
    assert {*density_recipes()} == {'dhf1k', 'dhf1k-published', 'ucf-hollywood2', *gaze}
    assert get_published('dhf1k').counts['train'] == (600, 346_140)
    with pytest.raises(ConfigError, match="unknown public data set 'dhf1'; did you mean dhf1k"):
        get_published('dhf1')


def test_data_sets_are_recognized_by_names_of_videos():
    assert recognize(['0001', '601']).name == 'dhf1k'
    assert recognize(['actioncliptest00001_1', 'actionclipautotrain00012_3']).name == 'hollywood2'
    assert recognize(['Diving-Side-001', 'SkateBoarding-Front-012']).name == 'ucf-sports'
    assert recognize(['select_0001', 'select_0590_3']).name == 'davsod'
    assert recognize(['animal_bear05', 'manmade_suv15']).name == 'ledov'
    assert recognize(['0001', 'Diving-Side-001']) is None and recognize([]) is None


def test_differences_from_what_was_published():
    counts = dict(train=dict(videos=600, frames=10), val=dict(videos=3, frames=9), other={})
    counts['other'] = dict(videos=1, frames=1)
    assert get_published('dhf1k').differences(counts) == [
        ('train', '10 frames', '346,140 frames'),
        ('val', 'a part of the split: 3 videos', '100 videos'),
    ]
    avimos = get_published('avimos').differences(dict(train=dict(videos=3, frames=9)))
    assert avimos == [('', '3 videos', '1,500 or 2,000 videos')]


def test_a_root_a_split_a_video_and_a_folder_above(tmp_path):
    root = write_dataset(tmp_path / 'above' / 'set', videos=1)
    everything = ['train/001', 'val/001', 'test/001']
    assert sorted(labels(LAYOUT, root)) == sorted(everything)
    assert sorted(labels(LAYOUT, tmp_path / 'above')) == sorted(everything)
    assert labels(LAYOUT, root / 'val') == ['val/001']
    assert labels(LAYOUT, root / 'val' / '001') == ['all/001']
    write_dataset(tmp_path / 'above' / 'other', videos=1)
    with pytest.raises(DataError, match='expected one data set, found other, set'):
        LAYOUT.find_videos(tmp_path / 'above')


def test_splits_of_other_names(tmp_path):
    for split in ('Training', 'fold 2'):
        write_video(tmp_path / split / 'a', frames=2)
    assert labels(LAYOUT, tmp_path) == ['train/a', 'fold 2/a']


def test_several_video_files_are_a_problem(tmp_path):
    folder = tmp_path / 'train' / 'a'
    folder.mkdir(parents=True)
    for name in ('one.mp4', 'two.AVI', '.hidden.mp4'):
        (folder / name).touch()
    (video,) = LAYOUT.find_videos(tmp_path)
    assert video.problem == 'expected one video file, found one.mp4, two.AVI'
    assert not video.is_annotated


def test_which_data_set_a_folder_is(tmp_path):
    assert dataset_at(write_dataset(tmp_path / 'set', videos=1)) is LAYOUT
    dhf1k = get_published('dhf1k')
    root = write_dhf1k(tmp_path / 'dhf1k', (1, 701), 2)
    assert dataset_at(root) is dhf1k
    assert labels(dhf1k, root) == ['train/0001', 'test/0701']
    assert [video.is_annotated for video in dhf1k.find_videos(root)] == [True, False]
    (root / 'video' / '001.AVI').unlink()
    first = dhf1k.find_videos(root)[0]
    assert first.stimulus == root / 'video' / '001.AVI' and not first.has_stimulus


class Stills(PublishedDataset):
    """Photographs, and a list of fixations for each."""

    def find_videos(self, root):
        return [
            PublishedVideo(
                path.stem, 'test', root, path, None, root / 'fixations' / f'{path.stem}.json'
            )
            for path in sorted((root / 'stimuli').iterdir())
        ]


def test_still_pictures_become_videos_of_one_frame(tmp_path, monkeypatch):
    stills = Stills('stills', 'Stills', recipes={'stills': dict(sigma_px=3.0)})
    monkeypatch.setitem(PUBLISHED.module_dict, 'stills', stills)
    root, size = tmp_path / 'published', (20, 30)
    for part in ('stimuli', 'fixations'):
        (root / part).mkdir(parents=True)
    for number in (1001, 1002):
        Image.new('RGB', size[::-1]).save(root / 'stimuli' / f'{number}.jpg')
        points = [[[number - 1000, 7], [12, 20]]]
        (root / 'fixations' / f'{number}.json').write_text(json.dumps(points))
    report = prepare('stills', root, tmp_path / 'out', PrepareOptions(workers=1, map_bits=16))
    assert not report.failed and report.splits['test']['frames'] == 2
    folder = tmp_path / 'out' / 'test' / '1002'
    assert (folder / 'images' / '1002.jpg').samefile(root / 'stimuli' / '1002.jpg')
    fixated = np.asarray(Image.open(folder / 'fixation' / '1002.png'))
    assert np.argwhere(fixated).tolist() == [[2, 7], [12, 20]]
    density = np.asarray(Image.open(folder / 'maps' / '1002.png')) / 65535
    expected = density_map([(2, 7), (12, 20)], size, sigma_px=3.0)
    np.testing.assert_allclose(density, expected, atol=1e-5)

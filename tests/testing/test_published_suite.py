from dataclasses import dataclass, replace

import pytest
from run_suite import failures
from score_data import SIZE
from trees import write_avimos, write_dhf1k, write_shots

from salkit.datasets.published import PublishedDataset, get_published
from salkit.registry import PUBLISHED
from salkit.testing import PublishedSuite
from salkit.testing.samples import write_video


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv('SALKIT_CACHE', str(tmp_path / 'cache'))


class TestDHF1K(PublishedSuite):
    part = get_published('dhf1k')

    def write_files(self, folder):
        write_dhf1k(folder, (1, 2, 601, 701), 3, SIZE)


class TestHollywood2(PublishedSuite):
    part = get_published('hollywood2')

    def write_files(self, folder):
        write_shots(folder, frames=3, size=SIZE)


class TestUCFSports(PublishedSuite):
    part = get_published('ucf-sports')

    def write_files(self, folder):
        for name in ('training/Lifting-001', 'training/Run-Side_002', 'testing/Lifting-003'):
            write_video(folder / name)


class TestAViMoS(PublishedSuite):
    part = get_published('avimos')

    def write_files(self, folder):
        write_avimos(folder, frames=3, size=SIZE)


def test_a_minimal_data_set_passes(tmp_path, monkeypatch):
    toy = PublishedDataset('toy', 'Toy')
    monkeypatch.setitem(PUBLISHED.module_dict, 'toy', toy)
    assert failures(type('TestToy', (PublishedSuite,), dict(part=toy)), tmp_path) == {}


@dataclass(frozen=True)
class FindsThemTwice(PublishedDataset):
    def find_videos(self, root):
        return 2 * super().find_videos(root)


@dataclass(frozen=True)
class FindsFrameless(PublishedDataset):
    def find_videos(self, root):
        return [replace(video, stimulus=root / 'none') for video in super().find_videos(root)]


@pytest.mark.parametrize(
    ('toy', 'check', 'message'),
    [
        (PublishedDataset('My Toy', 'Toy'), 'test_inherits_the_contract', 'expected a name of'),
        (PublishedDataset('toy', ''), 'test_inherits_the_contract', 'has no title'),
        (
            PublishedDataset('toy', 'Toy', dataset_type='ToyDataset'),
            'test_is_registered',
            "'ToyDataset', which is not a registered data set",
        ),
        (PublishedDataset('toy', 'Toy', recipes={'a': {}}), 'test_recipes', 'recipe a fails: Conf'),
        (
            PublishedDataset('toy', 'Toy', recipes={'dhf1k': dict(sigma_px=1.0)}),
            'test_recipes',
            'recipe dhf1k is another one of dhf1k',
        ),
        (
            PublishedDataset('toy', 'Toy', video_names='x'),
            'test_finds_its_videos',
            'taken for those of',
        ),
        (FindsThemTwice('toy', 'Toy'), 'test_finds_its_videos', "('train', '001') 2 times"),
        (FindsFrameless('toy', 'Toy'), 'test_finds_its_videos', 'finds no whole video'),
        (FindsFrameless('toy', 'Toy'), 'test_scores', 'is_at() leaves the folder to layout'),
    ],
)
def test_a_fault_fails_its_check(toy, check, message, tmp_path, monkeypatch):
    monkeypatch.setitem(PUBLISHED.module_dict, toy.name, toy)
    suite = type('TestToy', (PublishedSuite,), dict(part=toy))
    said = failures(suite, tmp_path, only=[check])
    assert message in said[check] and said[check].startswith(f'{toy.name}: ')


def test_a_data_set_that_is_not_registered(tmp_path):
    suite = type('TestToy', (PublishedSuite,), dict(part=PublishedDataset('toy', 'Toy')))
    assert failures(suite, tmp_path, only=['test_is_registered']) == {
        'test_is_registered': 'toy: is not registered'
    }

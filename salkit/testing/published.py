"""The suite of public data sets."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np

from ..builder import build, known_names
from ..datasets import VideoSaliencyDataset
from ..datasets.published import (
    PublishedDataset,
    dataset_at,
    find_ground_truth,
    get_published,
    published_datasets,
    recognize,
)
from ..prepare import PrepareOptions, prepare
from ..prepare.check import check_dataset
from ..prepare.fixations import density_map
from ..registry import DATASETS
from .samples import write_dataset
from .suite import Suite


class PublishedSuite(Suite):
    """What every public data set must do (see `salkit.datasets.published.PublishedDataset`).

        class TestMyDataset(PublishedSuite):
            part = MY_DATASET

            def write_files(self, folder):
                ...  # a few short videos, as the data set is published

    The files are those of `VideoSaliencyDataset` unless `write_files` is overridden.

    Attributes:
        part: the data set, an object.
        fold: that is prepared, of a data set that is split several times.
    """

    part: PublishedDataset  # type: ignore[assignment]  # An object here, a class in other suites.
    fold: int | None = None
    base = PublishedDataset

    @property
    def name(self) -> str:
        """The data set's name, which every failure begins with."""
        return self.part.name

    def write_files(self, folder: Path) -> None:
        """Write a few short videos of each split into `folder`, as they are published."""
        write_dataset(folder)

    def make_root(self, tmp_path: Path) -> Path:
        """The files of one check."""
        folder = tmp_path / 'published'
        folder.mkdir()
        self.write_files(folder)
        return folder

    def test_inherits_the_contract(self) -> None:
        """The part is an object of its kind, under a name that suits the command line."""
        self.check(isinstance(self.part, PublishedDataset), 'is not a PublishedDataset')
        self.check(
            re.fullmatch('[a-z0-9]+(-[a-z0-9]+)*', self.name),
            'expected a name of lower-case letters, digits and dashes',
        )
        self.check(self.part.title, 'has no title')

    def test_is_registered(self) -> None:
        """Commands find it, and the class that reads it once it is prepared."""
        self.check(self.name in published_datasets(), 'is not registered')
        self.check(get_published(self.name) is self.part, 'is registered as another object')
        self.check(
            self.part.dataset_type in known_names(DATASETS),
            f'dataset_type is {self.part.dataset_type!r}, which is not a registered data set',
        )

    def test_recipes(self) -> None:
        """Density maps can be made by its recipes, whose names no other data set uses otherwise."""
        for name, arguments in self.part.recipes.items():
            with self.succeeds(f'recipe {name}'):
                density_map(np.zeros((4, 4), bool), **arguments)
            for other in published_datasets().values():
                same = other.recipes.get(name, arguments) == arguments
                self.check(same, f'recipe {name} is another one of {other.name}')

    def test_finds_its_videos(self, tmp_path: Path) -> None:
        """Each video is found once, in the same order, and only where there are any."""
        root = self.make_root(tmp_path)
        videos = self.part.find_videos(root)
        self.check(any(v.has_stimulus and v.is_annotated for v in videos), 'finds no whole video')
        self.check(videos == self.part.find_videos(root), 'finds other videos the second time')
        labels = Counter((video.split, video.name) for video in videos)
        for label, count in labels.items():
            self.check(count == 1, f'finds the video {label} {count} times')
        for video in videos:
            for part in filter(None, (video.densities, video.fixations, video.mats)):
                self.check(part.exists(), f'{video.name}: {part} does not exist')
        (tmp_path / 'empty').mkdir()
        self.check(not self.part.find_videos(tmp_path / 'empty'), 'finds videos in an empty folder')
        if self.part.video_names:
            found = recognize(video.name for video in videos)
            self.check(
                found is self.part, f'its videos are taken for those of {found and found.name}'
            )

    def test_prepares(self, tmp_path: Path) -> None:
        """`salkit prepare` makes a sound data set, of which its class opens every split."""
        root, destination = self.make_root(tmp_path), tmp_path / 'prepared'
        options = PrepareOptions(workers=1, fold=self.fold)
        report = prepare(self.name, root, destination, options)
        for outcome in report.failed:
            self.fail(f'{outcome.label} cannot be prepared: {outcome.note}')
        self.check(report.annotated_splits, 'nothing that is prepared has ground truth')
        errors = check_dataset(destination, workers=1, progress=False).errors
        for fault in errors:
            self.fail(f'what is prepared is faulty: {fault.path}: {fault.message}')
        cfg = dict(type=self.part.dataset_type, data_root=str(destination), clip_len=2)
        for split in report.annotated_splits:
            with self.succeeds(f'{self.part.dataset_type} of the split {split}'):
                dataset = build(DATASETS, {**cfg, 'split': split})
            self.check(isinstance(dataset, VideoSaliencyDataset) and len(dataset), 'has no clips')

    def test_scores(self, tmp_path: Path) -> None:
        """`salkit score` and `salkit check` find the same ground truth as it is published."""
        root = self.make_root(tmp_path)
        dataset = dataset_at(root)
        usual = type(self.part).find_videos is PublishedDataset.find_videos
        self.check(
            dataset is self.part or usual,
            f'finds its videos in its own way, and is_at() leaves the folder to {dataset.name}',
        )
        videos = [video for video in self.part.find_videos(root) if video.is_annotated]
        for split in {video.split for video in videos}:
            truth = find_ground_truth(root, split)
            names = {video.name for video in videos if video.split == split}
            self.check(
                {video.name for video in truth.videos} == names,
                f'the split {split} has {len(names)} videos, and {len(truth.videos)} to score',
            )
            for video in truth.videos:
                self.check(len(video.frames), f'{video.name} has no frames to score')

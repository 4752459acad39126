"""The suite of data sets."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ..datasets import VideoSaliencyDataset
from ..errors import DataError
from ..types import ClipMeta
from .files import FRAME_SIZE, write_dataset
from .smoke import Arguments
from .suite import BuiltSuite, said

_SIZE = (16, 24)


class DatasetSuite(BuiltSuite):
    """What every data set must do (see `salkit.datasets.VideoSaliencyDataset`).

        class TestMyDataset(DatasetSuite):
            part = MyDataset
            smoke = dict(clip_len=4)

            def write_files(self, folder):
                ...  # the files of a few short videos, in the layout that MyDataset reads

    Its files are written anew for each check. The layout is that of `VideoSaliencyDataset` unless
    `write_files` is overridden, or `smoke['data_root']` is a function of an empty folder, which a
    plugin can register as well.

    Attributes:
        part: the data set class; takes `data_root`.
        smoke: its arguments beside `data_root`, `split` and `pipeline`; None takes those that it
            was registered with.
        splits: the splits that it has.
        frame_size: (rows, columns) of the frames that `write_files` writes.
    """

    registry = 'dataset'
    base = Dataset
    splits: ClassVar[tuple[str, ...]] = ('train', 'val', 'test')
    frame_size: tuple[int, int] | None = None

    # Helpers -----------------------------------------------------------------------------------

    def write_files(self, folder: Path) -> Path | None:
        """Write the files of a few short videos into `folder`.

        Returns:
            The data root, where it is not `folder` itself.
        """
        root = self.arguments().get('data_root')
        return root(folder) if callable(root) else write_dataset(folder)

    def make_root(self, tmp_path: Path) -> Path:
        """The data root of the files of one check."""
        folder = tmp_path / 'data'
        folder.mkdir()
        return Path(self.write_files(folder) or folder)

    def dataset(self, root: Path, **others: object) -> VideoSaliencyDataset:
        """An instance on `root`, of that class or like one; small test clips by default."""
        pipeline = [
            dict(type='LoadClip', size=_SIZE),
            dict(type='LoadTargets'),
            dict(type='PackClip'),
        ]
        options = dict(split=self.splits[-1], sampling='all', pipeline=pipeline)
        options = {k: v for k, v in options.items() if self.takes(k)}
        arguments = {**options, **self.arguments(), **others, 'data_root': str(root)}
        try:
            return self.part(**arguments)
        except DataError as error:
            self.fail(f'cannot read the files of the suite: {error}')

    def _check_map(self, value: object, where: str, size: tuple[int, ...]) -> None:
        if value is None:
            return
        if not isinstance(value, Tensor):
            self.fail(f'{where} is a {type(value).__name__}, not a tensor')
        self.check(
            value.dtype == torch.float32, f'{where} is {value.dtype}, expected torch.float32'
        )
        self.check(value.shape == size, f'{where} is {tuple(value.shape)}, its frame {size}')
        low, high = value.min().item(), value.max().item()
        self.check(low >= 0 and high <= 1, f'{where} has values from {low:.3g} to {high:.3g}')
        if where.endswith('fixation_map'):
            binary = ((value == 0) | (value == 1)).all()
            self.check(binary, f'{where} has values other than 0 and 1')

    def _check_item(self, item: object, index: int, clip_len: int | None) -> None:
        if not isinstance(item, dict):
            self.fail(f'item {index} is a {type(item).__name__}, not a dict')
        for key in ('clip', 'density_map', 'fixation_map', 'meta'):
            self.check(key in item, f'item {index} has no {key!r}, it has {sorted(item)}')
        clip = item['clip']
        kind = getattr(clip, 'dtype', type(clip).__name__)
        self.check(kind == torch.uint8, f'item {index}: clip is {kind}, expected uint8')
        shape = tuple(clip.shape)
        self.check(
            len(shape) == 4 and shape[0] == 3,
            f'item {index}: clip is {shape}, expected (3, T, H, W)',
        )
        self.check(
            shape[1] == clip_len,
            f'item {index}: clip has {shape[1]} frames, clip_len is {clip_len}',
        )
        size = tuple(getattr(item['meta'], 'size', ()))
        for key in ('density_map', 'fixation_map'):
            self._check_map(item[key], f'item {index}: {key}', size)

    def _check_same(self, item: dict, expected: dict, what: str) -> None:
        for key, value in expected.items():
            same = (
                torch.equal(item[key], value) if isinstance(value, Tensor) else item[key] == value
            )
            self.check(same, f'{key} of {expected["meta"]} is not the same {what}')

    # Checks ------------------------------------------------------------------------------------

    def test_items(self, tmp_path: Path) -> None:
        """Every item is a clip of `clip_len` frames with its maps and where it comes from."""
        dataset = self.dataset(self.make_root(tmp_path))
        self.check(isinstance(len(dataset), int) and len(dataset), 'has no items')
        clip_len = self.arguments().get('clip_len', getattr(dataset, 'clip_len', None))
        self.check(clip_len is not None, 'has no attribute clip_len')
        for index in range(len(dataset)):
            self._check_item(dataset[index], index, clip_len)
        first = dataset[0]
        self.check(first['clip'].float().std() > 0, 'item 0: clip holds a single value')
        for key in ('density_map', 'fixation_map'):
            self.check(
                first[key] is None or first[key].max() > 0, f'item 0: {key} holds only zeros'
            )

    def test_metas(self, tmp_path: Path) -> None:
        """`meta` names data set, split, video and frame, no two alike, and the frame's size."""
        dataset = self.dataset(self.make_root(tmp_path))
        metas = [dataset[i]['meta'] for i in range(len(dataset))]
        wanted = self.frame_size or FRAME_SIZE
        for i, meta in enumerate(metas):
            self.check(
                isinstance(meta, ClipMeta), f'item {i}: meta is {meta!r}, expected a ClipMeta'
            )
            for key in ('dataset', 'split', 'video', 'frame'):
                value = getattr(meta, key)
                self.check(
                    isinstance(value, str) and value,
                    f'item {i}: meta.{key} is {value!r}, expected a name',
                )
            self.check(
                tuple(meta.size) == tuple(wanted),
                f'item {i}: meta.size is {tuple(meta.size)}, the frames are stored as {wanted}',
            )
        names = [(meta.video, meta.frame) for meta in metas]
        twice = next((name for name in names if names.count(name) > 1), None)
        self.check(
            twice is None or getattr(dataset, 'sampling', 'all') == 'random',
            f'two items are called {twice}: scores are kept by video and frame',
        )

    def test_metainfo(self, tmp_path: Path) -> None:
        """`metainfo` names data set and split, for reports and checkpoints."""
        meta = getattr(self.dataset(self.make_root(tmp_path)), 'metainfo', None)
        self.check(
            isinstance(meta, dict) and {'dataset', 'split'} <= set(meta),
            f'metainfo is {meta!r}, expected a dict with dataset and split',
        )

    def test_every_split(self, tmp_path: Path) -> None:
        """Every split has items, and training shares no video with validation or testing."""
        if not self.takes('split'):
            pytest.skip(f'{self.name} takes no argument split')
        root, videos = self.make_root(tmp_path), {}
        for split in self.splits:
            dataset = self.dataset(root, split=split)
            self.check(len(dataset), f'the split {split!r} has no items')
            found = (dataset[i] for i in range(len(dataset)))
            # Two videos of one name in two folders are told apart by their pictures.
            videos[split] = {(item['meta'].video, item['clip'].sum().item()) for item in found}
        for split in self.splits[1:]:
            shared = videos[self.splits[0]] & videos[split]
            name = sorted(video for video, _ in shared)[:1]
            self.check(not shared, f'{self.splits[0]!r} and {split!r} share the video {name}')

    def test_items_are_deterministic(self, tmp_path: Path) -> None:
        """The same item is the same each time, and in another instance."""
        root = self.make_root(tmp_path)
        dataset, other = self.dataset(root), self.dataset(root)
        for index in {0, len(dataset) // 2, len(dataset) - 1}:
            item = dataset[index]
            self._check_same(dataset[index], item, 'the second time')
            self._check_same(other[index], item, 'in another instance')

    def test_random_clips_follow_the_epoch(self, tmp_path: Path) -> None:
        """Random training clips follow from the epoch, so that a run can be repeated."""
        if not self.takes('sampling') or not hasattr(self.part, 'set_epoch'):
            pytest.skip(f'{self.name} draws no clips at random by epoch')
        dataset = self.dataset(self.make_root(tmp_path), split=self.splits[0], sampling='random')
        dataset.set_epoch(1)
        first = dataset[0]
        dataset.set_epoch(2)
        dataset[0]
        dataset.set_epoch(1)
        self._check_same(dataset[0], first, 'when its epoch comes again')

    def test_pickles(self, tmp_path: Path) -> None:
        """It survives `pickle`, as it must to reach worker processes."""
        dataset = self.dataset(self.make_root(tmp_path))
        try:
            twin = pickle.loads(pickle.dumps(dataset))
        except Exception as error:
            self.fail(f'pickle fails: {said(error)}')
        self._check_same(twin[0], dataset[0], 'after pickle')

    def test_data_loader_workers(self, tmp_path: Path) -> None:
        """Two worker processes give the same items in the same order."""
        from mmengine.dataset import pseudo_collate

        dataset = self.dataset(self.make_root(tmp_path))
        loader = DataLoader(dataset, batch_size=2, num_workers=2, collate_fn=pseudo_collate)
        try:
            batches = list(loader)
        except Exception as error:
            self.fail(f'a DataLoader with two workers fails: {said(error)}')
        count = sum(len(batch['clip']) for batch in batches)
        self.check(
            count == len(dataset), f'a DataLoader gives {count} items, len() is {len(dataset)}'
        )
        for number, batch in enumerate(batches[:2]):
            for offset in range(len(batch['clip'])):
                item = {key: values[offset] for key, values in batch.items()}
                self._check_same(item, dataset[2 * number + offset], 'in a DataLoader')

    def test_an_index_too_high_is_an_error(self, tmp_path: Path) -> None:
        """The index after the last is an IndexError, at which iteration ends."""
        dataset = self.dataset(self.make_root(tmp_path))
        item = f'item {len(dataset)} of {len(dataset)}'
        try:
            dataset[len(dataset)]
        except IndexError:
            return
        except Exception as error:
            self.fail(f'{item} raises {type(error).__name__}, expected IndexError')
        self.fail(f'gives an {item}, expected IndexError')

    def test_a_missing_root_is_an_error(self, tmp_path: Path) -> None:
        """A data root that is not there is a DataError that names it."""
        missing = tmp_path / 'nowhere'
        try:
            self.part(**self.arguments(data_root=str(missing)))
        except DataError as error:
            self.check(
                str(missing) in str(error), f'the error does not name {missing}; it says: {error}'
            )
        except Exception as error:
            self.fail(f'a missing data root raises {type(error).__name__}, expected DataError')
        else:
            self.fail('takes a data root that does not exist, expected DataError')
        self.check(not missing.exists(), 'makes the data root that it does not find')

    def config(self, tmp_path: Path) -> Arguments:
        """The arguments with the folder of a data set that was made for it."""
        return self.arguments(data_root=str(self.make_root(tmp_path)))

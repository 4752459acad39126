"""The suite of data sets."""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ..datasets import VideoSaliencyDataset
from ..errors import DataError
from ..types import ClipMeta
from .samples import FRAME_SIZE, write_dataset
from .smoke import Arguments
from .suite import BuiltSuite

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
    splits: ClassVar[tuple[str, ...]] = ('train', 'val', 'test')
    frame_size: tuple[int, int] | None = None

    def test_inherits_the_contract(self) -> None:
        """The part is a class of map-style data sets, PyTorch's `Dataset` or not."""
        super().test_inherits_the_contract()
        for name in ('__len__', '__getitem__'):
            self.check(hasattr(self.part, name), f'has no {name}')

    # Helpers -----------------------------------------------------------------------------------

    def write_files(self, folder: Path) -> Path | None:
        """Write the files of a few short videos; gives the data root if it is not `folder`."""
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

    def config(self, tmp_path: Path) -> Arguments:
        """The arguments with the folder of a data set that was made for it."""
        return self.arguments(data_root=str(self.make_root(tmp_path)))

    def _check_map(self, value: object, where: str, size: tuple[int, ...]) -> None:
        kind = getattr(value, 'dtype', type(value).__name__)
        self.check(kind == torch.float32, f'{where} is {kind}, expected torch.float32')
        assert isinstance(value, Tensor)
        self.check(value.shape == size, f'{where} is {tuple(value.shape)}, its frame {size}')
        low, high = value.min().item(), value.max().item()
        self.check(low >= 0 and high <= 1, f'{where} has values from {low:.3g} to {high:.3g}')
        if where.endswith('fixation_map'):
            binary = ((value == 0) | (value == 1)).all()
            self.check(binary, f'{where} has values other than 0 and 1')

    def _check_item(self, item: object, where: str, clip_len: int | None) -> None:
        keys = {'clip', 'density_map', 'fixation_map', 'meta'}
        if not isinstance(item, dict) or not keys <= set(item):
            self.fail(f'{where} is {item!r:.60}, expected a dict with {sorted(keys)}')
        clip = item['clip']
        kind = getattr(clip, 'dtype', type(clip).__name__)
        self.check(kind == torch.uint8, f'{where}: clip is {kind}, expected uint8')
        shape = tuple(clip.shape)
        self.check(
            len(shape) == 4 and shape[0] == 3, f'{where}: clip is {shape}, expected (3, T, H, W)'
        )
        self.check(
            shape[1] == clip_len, f'{where}: clip has {shape[1]} frames, clip_len is {clip_len}'
        )
        self._check_meta(item['meta'], where)
        for key in ('density_map', 'fixation_map'):
            if item[key] is not None:
                self._check_map(item[key], f'{where}: {key}', tuple(item['meta'].size))

    def _check_meta(self, meta: object, where: str) -> None:
        if not isinstance(meta, ClipMeta):
            self.fail(f'{where}: meta is {meta!r}, expected a ClipMeta')
        names = (meta.dataset, meta.split, meta.video, meta.frame)
        named = all(isinstance(name, str) and name for name in names)
        self.check(named, f'{where}: meta is {meta}, expected names of all but the size')
        size, wanted = tuple(meta.size), tuple(self.frame_size or FRAME_SIZE)
        self.check(
            size == wanted, f'{where}: meta.size is {size}, the frames are stored as {wanted}'
        )

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
            self._check_item(dataset[index], f'item {index}', clip_len)
        first = dataset[0]
        self.check(first['clip'].float().std() > 0, 'item 0: clip holds a single value')
        for key in ('density_map', 'fixation_map'):
            self.check(
                first[key] is None or first[key].max() > 0, f'item 0: {key} holds only zeros'
            )

    def test_metas(self, tmp_path: Path) -> None:
        """`metainfo` names data set and split; no two items are called alike."""
        dataset = self.dataset(self.make_root(tmp_path))
        metainfo = getattr(dataset, 'metainfo', None)
        self.check(
            isinstance(metainfo, dict) and {'dataset', 'split'} <= set(metainfo),
            f'metainfo is {metainfo!r}, expected a dict with dataset and split',
        )
        metas = [dataset[i]['meta'] for i in range(len(dataset))]
        (name, count), *_ = Counter((meta.video, meta.frame) for meta in metas).most_common(1)
        self.check(
            count == 1 or getattr(dataset, 'sampling', 'all') == 'random',
            f'{count} items are called {name}: scores are kept by video and frame',
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
        drawn = []
        for epoch in (1, 2, 1):
            dataset.set_epoch(epoch)
            drawn.append(dataset[0])
        self._check_same(drawn[2], drawn[0], 'when its epoch comes again')

    def test_data_loader_workers(self, tmp_path: Path) -> None:
        """Two worker processes, which it reaches by `pickle`, give the same items in order."""
        dataset = self.dataset(self.make_root(tmp_path))
        with self.succeeds('pickle'):
            twin = pickle.loads(pickle.dumps(dataset))
        with self.succeeds('a DataLoader with two workers'):
            items = list(DataLoader(twin, batch_size=None, num_workers=2))
        self.check(
            len(items) == len(dataset),
            f'a DataLoader gives {len(items)} items, len() is {len(dataset)}',
        )
        for index, item in enumerate(items[:4]):
            self._check_same(item, dataset[index], 'in a DataLoader')

    def test_an_index_too_high_is_an_error(self, tmp_path: Path) -> None:
        """The index after the last is an IndexError, at which iteration ends."""
        dataset = self.dataset(self.make_root(tmp_path))
        with self.raises(IndexError, f'item {len(dataset)} of {len(dataset)}'):
            dataset[len(dataset)]

    def test_a_missing_root_is_an_error(self, tmp_path: Path) -> None:
        """A data root that is not there is a DataError that names it."""
        missing = tmp_path / 'nowhere'
        with self.raises(DataError, f'the missing data root {missing}', missing):
            self.part(**self.arguments(data_root=str(missing)))
        self.check(not missing.exists(), 'makes the data root that it does not find')

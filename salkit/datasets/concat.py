"""Several data sets as one."""

from __future__ import annotations

from collections.abc import Sequence

from torch.utils.data import ConcatDataset as TorchConcatDataset
from torch.utils.data import Dataset

from ..builder import build
from ..errors import ConfigError
from ..registry import DATASETS
from .layout import VideoRecord


@DATASETS.register_module()
class ConcatDataset(TorchConcatDataset):
    """Data sets one after the other, for training on all of them.

    `sampler=dict(type='WeightedSampler', weights=[...])` draws from each in a given proportion,
    whatever their sizes.

    Args:
        datasets: configs of data sets, or data sets.

    Attributes:
        datasets: the data sets.
        clip_len: frames per clip, the same in all; None where the data sets name none.

    Raises:
        ConfigError: none at all, or clips of different lengths.
    """

    def __init__(self, datasets: Sequence[dict | Dataset]) -> None:
        built = [build(DATASETS, item) if isinstance(item, dict) else item for item in datasets]
        if not built:
            raise ConfigError('ConcatDataset: expected at least one data set, got none')
        lengths = {getattr(dataset, 'clip_len', None) for dataset in built}
        if len(lengths) > 1:
            found = ', '.join(f'{type(d).__name__} {getattr(d, "clip_len", None)}' for d in built)
            raise ConfigError(f'ConcatDataset: clip_len differs between the data sets: {found}')
        self.clip_len = lengths.pop()
        super().__init__(built)

    @property
    def metainfo(self) -> dict[str, str]:
        """Names that go into checkpoints and reports, those of all data sets joined by a plus."""
        infos = [getattr(dataset, 'metainfo', {}) for dataset in self.datasets]
        return {
            key: '+'.join(dict.fromkeys(str(info[key]) for info in infos if key in info))
            for key in ('dataset', 'split')
        }

    @property
    def videos(self) -> list[VideoRecord]:
        """The videos of all data sets that list theirs."""
        return [v for dataset in self.datasets for v in getattr(dataset, 'videos', ())]

    def set_epoch(self, epoch: int) -> None:
        """Let every data set draw other random clips."""
        for dataset in self.datasets:
            if hasattr(dataset, 'set_epoch'):
                dataset.set_epoch(epoch)

    def __deepcopy__(self, memo: dict) -> ConcatDataset:
        # As its parts: mmengine copies data loader configs.
        return self

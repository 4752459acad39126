"""The embedded demo data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...registry import DATASETS
from ...utils.files import cache_dir
from ..base import VideoSaliencyDataset


@DATASETS.register_module()
class DemoDataset(VideoSaliencyDataset):
    """Clips made from the photographs in scikit-image, generated on first use.

    Args:
        data_root: None for the generated data set in the cache folder; any folder in the layout of
            `VideoSaliencyDataset` to use that one instead.
        options: those of `VideoSaliencyDataset`.
    """

    def __init__(self, data_root: str | None = None, **options: Any) -> None:
        # Scores are to name what was scored.
        self._name = '' if data_root is None else Path(data_root).expanduser().absolute().name
        if data_root is None:
            from .generator import DEMO_VERSION, generate_demo_data

            data_root = str(generate_demo_data(cache_dir() / f'demo-v{DEMO_VERSION}'))
        super().__init__(data_root, **options)

    @property
    def metainfo(self) -> dict[str, Any]:
        """See `VideoSaliencyDataset`; another folder than the demo's goes by its own name."""
        info = super().metainfo
        return dict(info, dataset=self._name or info['dataset'])

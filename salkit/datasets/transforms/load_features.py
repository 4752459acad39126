"""Reads what an encoder made of a clip."""

from __future__ import annotations

from mmcv.transforms import BaseTransform

from ...registry import TRANSFORMS
from ..feature_cache import FeatureCache


@TRANSFORMS.register_module()
class LoadFeatures(BaseTransform):
    """Read the features of a clip that `salkit cache --features` has kept, in place of `LoadClip`.

    Adds `features`, a list of (C, t, h, w) tensors, `clip_size`, the (rows, columns) of the clip
    that they were made from, and `size`, those of the frames as shown.

    Args:
        folder: that holds the features.

    Raises:
        DataError: it holds none.
    """

    def __init__(self, folder: str) -> None:
        self.cache = FeatureCache(folder)

    def transform(self, results: dict) -> dict:
        """Add `features`, `clip_size` and `size` to `results`.

        Raises:
            DataError: the clip's are not kept, or its files have changed.
        """
        results['features'], results['size'] = self.cache.clip(results)
        results['clip_size'] = self.cache.index.size
        return results

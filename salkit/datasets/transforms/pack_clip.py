"""Turns a sample into the tensors that are collated."""

from __future__ import annotations

import numpy as np
import torch
from einops import rearrange
from mmcv.transforms import BaseTransform

from ...registry import TRANSFORMS
from ...types import ClipMeta


@TRANSFORMS.register_module()
class PackClip(BaseTransform):
    """Keep what the model needs.

    Gives `clip` (3, T, H, W) uint8, or the `features` and `clip_size` of `LoadFeatures`,
    `density_map` and `fixation_map` (H, W) float32 or None, and `meta`, a `ClipMeta`.
    """

    def transform(self, results: dict) -> dict:
        """Pack `results`."""
        packed: dict[str, object] = {}
        if 'features' not in results:
            clip = np.ascontiguousarray(rearrange(results['clip'], 't h w c -> c t h w'))
            packed['clip'] = torch.from_numpy(clip)
        for name in ('density_map', 'fixation_map'):
            value = results.get(name)
            packed[name] = None if value is None else torch.from_numpy(np.array(value, np.float32))
        packed['meta'] = ClipMeta(
            results['dataset'],
            results['split'],
            results['video'],
            results['frame'],
            tuple(results['size']),
        )
        # Last: what comes first is counted by its length, and these are lists of another one.
        packed |= {name: results[name] for name in ('features', 'clip_size') if name in results}
        return packed

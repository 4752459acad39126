"""A few predictions beside the ground truth, after every validation."""

from __future__ import annotations

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.utils.data import Dataset

from ...functional import cc
from ...media.panels import PanelRow, draw_panel
from ...registry import HOOKS
from ...utils.text import check_range


def spread(count: int, total: int) -> list[int]:
    """`count` numbers below `total`, evenly spread, or all where there are no more."""
    count = min(count, total)
    return [int((number + 0.5) * total / count) for number in range(count)]


@HOOKS.register_module()
class ValidationPanelHook(Hook):
    """Draws the same few validation clips after every validation, as one image `validation`.

    A row a clip: its last frame, the density map, the prediction and its CC. The Runner's
    visualizer hands the image to TensorBoard, and keeps it as a PNG under `vis_data/vis_image`.

    Args:
        videos: how many clips, spread evenly over the validation set.
    """

    # Before an EMAHook takes its averaged weights out of the model again.
    priority = 'ABOVE_NORMAL'

    def __init__(self, videos: int = 4) -> None:
        check_range('ValidationPanelHook', 'videos', videos, 1)
        self.videos = videos
        self._indices: list[int] | None = None

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Predict, which takes all processes where the model is in shards, and draw."""
        if runner.strategy is None and not is_main_process():
            return
        dataset = runner.val_dataloader.dataset
        if self._indices is None:
            self._indices = spread(self.videos, len(dataset))
        rows = [row for index in self._indices if (row := _row(runner, dataset, index))]
        if rows and is_main_process():
            runner.visualizer.add_image('validation', draw_panel(rows), runner.iter)


def _row(runner: Runner, dataset: Dataset, index: int) -> PanelRow | None:
    """One clip with its prediction; None where a pipeline gives other samples than PackClip's."""
    sample = dataset[index]
    if not isinstance(sample, dict) or not {'clip', 'meta'} <= sample.keys():
        return None
    with torch.no_grad():
        (prediction,) = runner.bare_model.val_step(pseudo_collate([sample]))
    saliency_map = prediction['saliency_map'].float().cpu()
    density_map = sample.get('density_map')
    score = ''
    if density_map is not None and density_map.shape == saliency_map.shape:
        score = f'CC {float(cc(saliency_map, density_map)):.3f}'
    meta = sample['meta']
    return PanelRow(
        f'{meta.video}, frame {meta.frame}',
        np.ascontiguousarray(sample['clip'][:, -1].permute(1, 2, 0).numpy()),
        None if density_map is None else density_map.numpy(),
        saliency_map.numpy(),
        score,
    )

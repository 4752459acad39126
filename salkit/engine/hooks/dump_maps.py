"""Predicted maps as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...media.maps import MAP_FORMATS, write_map_file
from ...registry import HOOKS
from ...utils.text import check_choice


@HOOKS.register_module()
class DumpMapsHook(Hook):
    """Writes every predicted map while testing: `<out_dir>/<video>/<frame>.<format>`.

    Args:
        out_dir: folder, made where it does not exist.
        format: 'npy' (float32, as scored), 'png16' or 'png' (the map's [0, 1] times 65535 or 255).
    """

    def __init__(self, out_dir: str, format: str = 'npy') -> None:
        check_choice('DumpMapsHook', 'format', format, MAP_FORMATS)
        self.out_dir = Path(out_dir)
        self.format = format

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: object = None,
        outputs: Sequence[dict] | None = None,
    ) -> None:
        """Write the maps of one batch."""
        for sample in outputs or ():
            stem = self.out_dir / sample['meta'].video / sample['meta'].frame
            write_map_file(sample['saliency_map'].cpu().numpy(), stem, self.format)

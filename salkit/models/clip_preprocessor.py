"""From a collated batch of the data set to what the model takes."""

from __future__ import annotations

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from ..errors import ConfigError, DataError
from ..types import EncodedClip, Targets


def _stack(maps: list[Tensor | None]) -> Tensor | list[Tensor] | None:
    """One tensor where the maps share a size, a list where they do not, None where any is None."""
    there = [item for item in maps if item is not None]
    if len(there) < len(maps):
        return None
    if len({tuple(item.shape) for item in there}) > 1:
        return there
    return torch.stack(there)


class ClipPreprocessor(BaseDataPreprocessor):
    """Stacks clips, moves them to the device and normalizes their pixels there.

    Args:
        pixel_mean: per RGB channel, for pixels scaled to [0, 1].
        pixel_std: likewise.
    """

    def __init__(
        self, pixel_mean: tuple[float, float, float], pixel_std: tuple[float, float, float]
    ) -> None:
        super().__init__()
        shape = (1, 3, 1, 1, 1)
        mean, std = torch.tensor(pixel_mean).view(shape), torch.tensor(pixel_std).view(shape)
        self.register_buffer('pixel_mean', mean, persistent=False)
        self.register_buffer('pixel_std', std, persistent=False)

    def normalize(self, clip: Tensor) -> Tensor:
        """Map (B, 3, T, H, W) uint8 RGB to normalized float32."""
        return (clip.float() / 255 - self.pixel_mean) / self.pixel_std

    # The name of 0.1.
    normalise = normalize

    def forward(self, data: dict[str, list], training: bool = False) -> dict[str, object]:
        """Prepare a batch.

        Args:
            data: lists over the batch, as `pseudo_collate` makes them: `clip` (3, T, H, W) uint8,
                or `features`, for each of them a list of (C, t, h, w), and `clip_size`;
                `density_map` and `fixation_map` (H, W) or None, and `meta`.
            training: not used; the same for training and testing.

        Returns:
            `clip` (B, 3, T, H, W) float32 or an `EncodedClip`, `targets` and `metas`, the keywords
            of `SaliencyModel.forward`.

        Raises:
            DataError: clips of different size in one batch.
            ConfigError: the data set's pipeline does not make such batches.
        """
        given = 'features' if 'features' in data else 'clip'
        lacking = {given, 'density_map', 'fixation_map', 'meta'} - set(data)
        if lacking:
            raise ConfigError(
                f'pipeline: expected LoadClip, LoadTargets and PackClip, got no {min(lacking)}'
            )
        data = self.cast_data(data)
        maps = (_stack(data[name]) for name in ('density_map', 'fixation_map'))
        # Frames of several sizes are scored one by one, for which a list will do.
        targets = Targets(*maps)  # type: ignore[arg-type]  # see above
        return dict(clip=self._clip(data), targets=targets, metas=list(data['meta']))

    def _clip(self, data: dict[str, list]) -> Tensor | EncodedClip:
        if 'features' in data:
            rows, columns = (int(sides[0]) for sides in data['clip_size'])
            features = (torch.stack(list(each)).float() for each in data['features'])
            return EncodedClip(tuple(features), (rows, columns))
        shapes = {tuple(clip.shape) for clip in data['clip']}
        if len(shapes) > 1:
            raise DataError(f'clips of one batch must have one shape, got {sorted(shapes)}')
        return self.normalize(torch.stack(list(data['clip'])))

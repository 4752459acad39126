"""Small value types that encoders, decoders, losses and metrics exchange; how scores are read.

Axis legend used all over salkit: B batch, C channels, T frames of a clip, t temporal length of a
feature, H, W rows and columns in pixels, h, w rows and columns of a feature.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


# What saliency counts as at least where logarithms of maps are averaged.
LEAST_SALIENCY = 1e-12


@dataclass(frozen=True)
class FeatureSpec:
    """What one feature of an encoder looks like, before any clip is seen.

    Attributes:
        channels: C of the feature (B, C, t, h, w).
        stride_thw: clip pixels per feature cell along time, rows and columns, so that a clip
            (T, H, W) gives (T / stride_t, H / stride_h, W / stride_w).
    """

    channels: int
    stride_thw: tuple[int, int, int]

    def length(self, clip_len: int) -> int:
        """Temporal length t of the feature for a clip of `clip_len` frames, at least 1."""
        return max(1, clip_len // self.stride_thw[0])


@dataclass
class AdaptedWeights:
    """The entries of a published file under an encoder's own names.

    Every entry of the file is named in `sources` or in `dropped`; one that is in neither, and an
    entry of the encoder that is neither in `weights` nor in `kept`, stops the loading.

    Attributes:
        kind: whose names the file uses, for reports: 'InternVideo2'.
        weights: tensors by the encoder's names.
        sources: the file's name by the encoder's name.
        dropped: why an entry of the file is not used, by its name.
        derived: how an entry was made where it is no copy (resized, split), by the encoder's name.
        kept: why an entry of the encoder keeps the value it has, by the encoder's name. An
            encoder that was built for counting has no values.
        wrong: what is wrong with an entry of the file, by the encoder's name; stops the loading.
    """

    kind: str
    weights: dict[str, Tensor]
    sources: dict[str, str] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    derived: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ClipMeta:
    """Where a clip comes from.

    Attributes:
        dataset: data set class.
        split: its split.
        video: name of the video.
        frame: name of the predicted frame, the clip's last.
        size: (rows, columns) of that frame as stored.
    """

    dataset: str
    split: str
    video: str
    frame: str
    size: tuple[int, int]


@dataclass(frozen=True)
class EncodedClip:
    """Clips as a frozen encoder gave them; a model takes them in place of (B, 3, T, H, W).

    Attributes:
        features: (B, C_i, t_i, h_i, w_i) each, deepest last.
        size: (H, W) of the clips.
    """

    features: tuple[Tensor, ...]
    size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.features[0])

    def __getitem__(self, some: slice) -> EncodedClip:
        return EncodedClip(tuple(feature[some] for feature in self.features), self.size)


@dataclass
class Targets:
    """Ground truth of the frames that a batch of clips is scored on (each clip's last frame).

    Attributes:
        density_map: (B, H, W) float >= 0, or None where a data set has none.
        fixation_map: (B, H, W) float, 1 at fixated pixels and 0 elsewhere, or None.
    """

    density_map: Tensor | None = None
    fixation_map: Tensor | None = None


# Metrics are better when higher but for these (the Kullback-Leibler divergence, under the names
# that codes give it).
_LOWER_IS_BETTER = {'kl', 'kldiv', 'kld', 'emd'}


def is_lower_better(metric: str) -> bool:
    """Whether the smaller of two values of a metric is the better one."""
    name = metric.rpartition('/')[2]
    return name.lower().replace('-', '').replace('_', '') in _LOWER_IS_BETTER


# Of the measures, the one whose values are amounts of something.
_UNITS = {'IG': 'bit/fixation'}


def with_unit(metric: str) -> str:
    """The name of a metric, with the unit of its values where they have one."""
    return f'{metric} [{_UNITS[metric]}]' if metric in _UNITS else metric

"""Checks of what an encoder declares, gives and refuses."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from ..encoders import Encoder
from ..errors import ShapeError
from ..types import FeatureSpec
from .network import NetworkSuite, distance
from .samples import noise

# Rows and columns that a clip may have for the sake of telling strides apart.
_LARGEST = 512


class EncoderFeatures(NetworkSuite):
    """Checks of what an encoder declares, gives and refuses; see `EncoderSuite`."""

    registry = 'encoder'
    base = Encoder
    part: type[Encoder]
    output = 'features[{}]'
    size: tuple[int, int] | None = None

    # How an encoder is run ---------------------------------------------------------------------

    def clip_size(self, encoder: Encoder) -> tuple[int, int]:
        """Rows and columns of the clips: `size`, or a small size that is not square.

        A multiple of every declared stride, so that a wrong one shows.
        """
        chosen = encoder.fixed_size or self.size
        if chosen is not None:
            rows, columns = chosen
            return rows, columns
        units = []
        for axis in (1, 2):
            unit = math.lcm(
                encoder.size_divisor, *(spec.stride_thw[axis] for spec in encoder.features)
            )
            unit = unit if unit <= _LARGEST else encoder.size_divisor
            units.append(unit * math.ceil(16 / unit))
        return 2 * units[0], 3 * units[1]

    def clip(self, encoder: Encoder, batch: int = 2, size: tuple[int, int] | None = None) -> Tensor:
        """A clip (batch, 3, clip_len, rows, columns) of noise."""
        return noise((batch, 3, encoder.clip_len, *(size or self.clip_size(encoder))))

    def build_ready(self, seed: int = 0, **others: object) -> Encoder:
        """A new instance in evaluation mode, whose declarations are well-formed."""
        encoder = self.build(seed, **others)
        self._declares_counts('clip_len', encoder.clip_len)
        given = self.arguments().get('clip_len', encoder.clip_len)
        self._declares('clip_len', encoder.clip_len, encoder.clip_len == given, f'{given} as given')
        self._declares_counts('size_divisor', encoder.size_divisor)
        if encoder.fixed_size is not None:
            self._declares_counts('fixed_size', encoder.fixed_size, 2)
            sound = all(n % encoder.size_divisor == 0 for n in encoder.fixed_size)
            divisible = f'a size that size_divisor {encoder.size_divisor} divides'
            self._declares('fixed_size', encoder.fixed_size, sound, divisible)
        for name, lowest in (('pixel_mean', 0.0), ('pixel_std', 1e-6)):
            value = getattr(encoder, name, None)
            three = isinstance(value, Sequence) and len(value) == 3
            sound = three and all(lowest <= number <= 1 for number in value or ())
            self._declares(name, value, sound, 'three numbers for RGB pixels scaled to [0, 1]')
        features = getattr(encoder, 'features', None)
        several = isinstance(features, tuple) and len(features)
        self._declares('features', features, several, 'a tuple of FeatureSpec')
        for i, spec in enumerate(encoder.features):
            name = f'features[{i}]'
            self._declares(name, spec, isinstance(spec, FeatureSpec), 'a FeatureSpec')
            self._declares_counts(f'{name}.channels', spec.channels)
            self._declares_counts(f'{name}.stride_thw', spec.stride_thw, 3)
        return encoder.eval()

    def _declares(self, name: str, value: object, sound: object, expected: str) -> None:
        self.check(sound, f'{name} is declared as {value!r}, expected {expected}')

    def _declares_counts(self, name: str, value: object, number: int = 1) -> None:
        values = [value] if number == 1 else value
        sound = (
            isinstance(values, Sequence)
            and len(values) == number
            and all(type(each) is int and each >= 1 for each in values)
        )
        self._declares(name, value, sound, f'{number} whole number{"s" * (number > 1)} from 1')

    def inputs(self, module: nn.Module) -> tuple[Tensor, ...]:
        """A clip."""
        assert isinstance(module, Encoder)
        return (self.clip(module),)

    def run(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Its features."""
        return module(*inputs)

    def encode(self, encoder: Encoder, clip: Tensor) -> tuple[Tensor, ...]:
        """The features of a clip, without gradients."""
        features = self.outputs(encoder, (clip,))
        self.check(
            isinstance(features, tuple), f'forward gives a {type(features).__name__}, not a tuple'
        )
        return features

    # What it gives -----------------------------------------------------------------------------

    def test_features_are_as_declared(self) -> None:
        """Count, channels, strides, type and device of the features, upright and lying clips."""
        encoder = self.build_ready()
        size = self.clip_size(encoder)
        for rows_columns in [size] if encoder.fixed_size else [size, size[::-1]]:
            clip = self.clip(encoder, size=rows_columns)
            self._check_features(encoder, clip, self.encode(encoder, clip))

    def _check_features(self, encoder: Encoder, clip: Tensor, features: tuple[Tensor, ...]) -> None:
        declared = encoder.features
        self.check(
            len(features) == len(declared),
            f'features declares {len(declared)}, forward gives {len(features)}',
        )
        for i, (spec, feature) in enumerate(zip(declared, features, strict=True)):
            name = f'features[{i}]'
            self.check(
                isinstance(feature, Tensor) and feature.ndim == 5,
                f'{name} must be (B, C, t, h, w), forward gives '
                f'{tuple(getattr(feature, "shape", ())) or type(feature).__name__}',
            )
            channels = f'{name}.channels is declared as {spec.channels}, forward gives'
            for got, expected, message in (
                (feature.device, clip.device, f'{name} is on device {{}}, the clip on {{}}'),
                (feature.dtype, clip.dtype, f'{name} has dtype {{}}, the clip {{}}'),
                (len(feature), len(clip), f'{name} holds a batch of {{}} for {{}} clips'),
                (feature.shape[1], spec.channels, f'{channels} {{}}'),
            ):
                self.check(got == expected, message.format(got, expected))
            for axis, unit in enumerate(('frames', 'rows', 'columns')):
                stride = spec.stride_thw[axis]
                before, after = clip.shape[2 + axis], feature.shape[2 + axis]
                expected = max(1, before // stride)
                exact = after and before % after == 0
                self.check(
                    after == expected,
                    f'{name}.stride_thw[{axis}] is declared as {stride}, {before} {unit} become '
                    f'{after}, '
                    + (f'which is stride {before // after}' if exact else f'expected {expected}'),
                )
            self.check(torch.isfinite(feature).all(), f'{name} holds values that are not finite')

    def test_the_deepest_feature_is_last(self) -> None:
        """No feature is coarser than the last, which decoders start from."""
        *others, last = self.build_ready().features
        for i, spec in enumerate(others):
            self.check(
                math.prod(spec.stride_thw[1:]) <= math.prod(last.stride_thw[1:]),
                f'features[{i}] has strides {spec.stride_thw}, coarser than the last, which has '
                f'{last.stride_thw}: the deepest comes last',
            )

    def test_every_part_of_a_clip_counts(self) -> None:
        """Clips of any multiple of `size_divisor` run; other last rows give other features.

        So do other last columns, and another last frame, the one whose saliency is predicted.
        """
        encoder = self.build_ready()
        divisor, (rows, columns) = encoder.size_divisor, self.clip_size(encoder)
        size = encoder.fixed_size or (rows + divisor, columns + 3 * divisor)
        clip = self.clip(encoder, 1, size=size)
        features = self.encode(encoder, clip)
        for axis, unit, count in ((2, 'frames', 1), (3, 'rows', divisor), (4, 'columns', divisor)):
            other = clip.clone()
            end = other.narrow(axis, other.shape[axis] - count, count)
            end.copy_(noise(tuple(end.shape), seed=9))
            changed = any(map(distance, self.encode(encoder, other), features))
            self.check(
                changed,
                f'of {clip.shape[axis]} {unit} the last {count} have no part in the features; '
                f'size_divisor is declared as {divisor}',
            )

    # What it refuses ---------------------------------------------------------------------------

    @pytest.mark.parametrize('what', ['rank', 'channels', 'length', 'size'])
    def test_refuses_a_wrong_clip(self, what: str) -> None:
        """A clip of another rank, length or size, or one that is not RGB, is a ShapeError."""
        encoder = self.build_ready()
        for clip in self._wrong_clips(encoder)[what]:
            wrong = f'a clip of a wrong {what}, {tuple(clip.shape)},'
            hint = ': begin forward with self.check_clip(clip)'
            with torch.no_grad(), self.raises(ShapeError, wrong, hint=hint):
                encoder(clip)

    def _wrong_clips(self, encoder: Encoder) -> dict[str, list[Tensor]]:
        clip, length, divisor = self.clip(encoder), encoder.clip_len, encoder.size_divisor
        longer = torch.cat([clip, clip], 2)
        rows, columns = clip.shape[-2:]
        sizes = [(rows + 1, columns), (rows, columns + divisor - 1)] if divisor > 1 else []
        if encoder.fixed_size is not None:
            sizes += [(rows + divisor, columns), (rows, columns + divisor)]
        return dict(
            rank=[clip[0], clip[:, :, 0]],
            channels=[clip[:, :1].expand(-1, n, -1, -1, -1) for n in (1, 4)],
            length=[longer[:, :, :n] for n in (length + 1, 2 * length, length - 1) if n],
            size=[self.clip(encoder, 1, size) for size in sizes],
        )

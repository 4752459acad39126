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
        features = getattr(encoder, 'features', None)
        sound = isinstance(features, tuple) and features
        self._declares('features', features, sound, 'a tuple of FeatureSpec')
        for i, spec in enumerate(encoder.features):
            name = f'features[{i}]'
            self._declares(name, spec, isinstance(spec, FeatureSpec), 'a FeatureSpec')
            self._declares_count(f'{name}.channels', spec.channels)
            self._declares_counts(f'{name}.stride_thw', spec.stride_thw, 3)
        for name in ('clip_len', 'size_divisor'):
            self._declares_count(name, getattr(encoder, name, None))
        if encoder.fixed_size is not None:
            self._declares_counts('fixed_size', encoder.fixed_size, 2)
        return encoder.eval()

    def _declares(self, name: str, value: object, sound: object, expected: str) -> None:
        self.check(sound, f'{name} is declared as {value!r}, expected {expected}')

    def _declares_count(self, name: str, value: object) -> None:
        self._declares(name, value, _is_count(value), 'a whole number from 1')

    def _declares_counts(self, name: str, value: object, number: int) -> None:
        sound = isinstance(value, Sequence) and len(value) == number and all(map(_is_count, value))
        self._declares(name, value, sound, f'{number} whole numbers from 1')

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

    # What it declares --------------------------------------------------------------------------

    def test_pixel_statistics(self) -> None:
        """`pixel_mean` and `pixel_std` are three numbers each, for pixels in [0, 1]."""
        encoder = self.build()
        for name, lowest in (('pixel_mean', 'from 0 to 1'), ('pixel_std', 'above 0, up to 1')):
            value = getattr(encoder, name, None)
            sound = (
                isinstance(value, Sequence)
                and len(value) == 3
                and all(isinstance(v, (int, float)) and 0 <= v <= 1 for v in value)
                and (name == 'pixel_mean' or all(value))
            )
            expected = f'three numbers {lowest}, for RGB pixels scaled to [0, 1]'
            self._declares(name, value, sound, expected)

    def test_clip_len(self) -> None:
        """`clip_len` is the number of frames that forward takes."""
        encoder = self.build_ready()
        declared, given = encoder.clip_len, self.arguments().get('clip_len')
        self.check(
            given is None or declared == given,
            f'clip_len is declared as {declared}, built with clip_len={given}',
        )
        clip = self.clip(encoder, batch=1)
        what = f'clip_len is declared as {declared}, forward of a clip {tuple(clip.shape)}'
        with torch.no_grad(), self.succeeds(what):
            encoder(clip)

    def test_fixed_size(self) -> None:
        """`fixed_size` is None, or rows and columns that `size_divisor` divides."""
        encoder = self.build_ready()
        size, divisor = encoder.fixed_size, encoder.size_divisor
        if size is None:
            return
        declared = f'fixed_size is declared as {tuple(size)}'
        self.check(
            all(n % divisor == 0 for n in size),
            f'{declared}, which is not divisible by the declared size_divisor {divisor}',
        )
        with torch.no_grad(), self.succeeds(f'{declared}, forward of it'):
            encoder(self.clip(encoder, 1))

    def test_the_deepest_feature_is_last(self) -> None:
        """No feature is coarser than the last, which decoders start from."""
        *others, last = self.build_ready().features
        for i, spec in enumerate(others):
            self.check(
                math.prod(spec.stride_thw[1:]) <= math.prod(last.stride_thw[1:]),
                f'features[{i}] has strides {spec.stride_thw}, coarser than the last, which has '
                f'{last.stride_thw}: the deepest comes last',
            )

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

    def test_every_multiple_of_size_divisor(self) -> None:
        """Rows and columns need be multiples of `size_divisor` and no more."""
        encoder = self.build_ready()
        if encoder.fixed_size is not None:
            pytest.skip(f'{self.name} takes {tuple(encoder.fixed_size)} alone')
        divisor = encoder.size_divisor
        declared = f'size_divisor is declared as {divisor}'
        rows, columns = self.clip_size(encoder)
        clip = self.clip(encoder, 1, size=(rows + divisor, columns + 3 * divisor))
        pixels = f'{clip.shape[3]} x {clip.shape[4]} pixels'
        with (
            torch.no_grad(),
            self.succeeds(f'{declared} and fixed_size as None, forward of {pixels}'),
        ):
            features = encoder(clip)
        for axis, unit in ((3, 'rows'), (4, 'columns')):
            self.check(
                self._end_matters(encoder, clip, axis, divisor, features),
                f'{declared}, yet of {clip.shape[axis]} {unit} the last {divisor} have no part in '
                'the features',
            )

    def test_the_last_frame_counts(self) -> None:
        """The frame whose saliency is predicted, the clip's last, has a part in the features."""
        encoder = self.build_ready()
        clip = self.clip(encoder, 1)
        self.check(
            self._end_matters(encoder, clip, 2, 1, self.encode(encoder, clip)),
            f'the last of the {encoder.clip_len} frames, the one that is predicted, has no part in '
            'the features',
        )

    def _end_matters(
        self, encoder: Encoder, clip: Tensor, axis: int, count: int, features: tuple[Tensor, ...]
    ) -> bool:
        """Whether other values in the last `count` places along an axis change any feature."""
        other = clip.clone()
        end = other.narrow(axis, other.shape[axis] - count, count)
        end.copy_(noise(tuple(end.shape), seed=9))
        changed = self.encode(encoder, other)
        return any(distance(a, b) > 0 for a, b in zip(changed, features, strict=True))

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


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1

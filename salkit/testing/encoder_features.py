"""Checks of what an encoder declares and gives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ..encoders import Encoder
from ..types import FeatureSpec
from .offline import no_network
from .suite import NetworkSuite, distance, noise, said, seeded

# Rows and columns that a clip may have for the sake of telling strides apart.
_LARGEST = 512
_COUNT = 'a whole number from 1'


class EncoderFeatures(NetworkSuite):
    """Checks of what an encoder declares and gives; see `EncoderSuite`."""

    registry = 'encoder'
    base = Encoder
    part: type[Encoder]
    output = 'features[{}]'
    size: tuple[int, int] | None = None
    frame_order_matters: bool = True
    bfloat16_tolerance: float = 0.1

    # Helpers -----------------------------------------------------------------------------------

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
            divisor = max(1, encoder.size_divisor)
            unit = math.lcm(divisor, *(max(1, spec.stride_thw[axis]) for spec in encoder.features))
            unit = unit if unit <= _LARGEST else divisor
            units.append(unit * math.ceil(16 / unit))
        return 2 * units[0], 3 * units[1]

    def clip(
        self,
        encoder: Encoder,
        batch: int = 2,
        seed: int = 0,
        size: tuple[int, int] | None = None,
    ) -> Tensor:
        """A clip (batch, 3, clip_len, rows, columns) of noise."""
        return noise((batch, 3, encoder.clip_len, *(size or self.clip_size(encoder))), seed)

    def encode(self, encoder: Encoder, clip: Tensor) -> tuple[Tensor, ...]:
        """The features of a clip, without gradients."""
        features = self.outputs(encoder, (clip,))
        self.check(
            isinstance(features, tuple), f'forward gives a {type(features).__name__}, not a tuple'
        )
        return features

    def build_checked(self, seed: int = 0, **others: object) -> Encoder:
        """As `build`, in evaluation mode; what it declares is well-formed."""
        encoder = self.build(seed, **others)
        self._check_declared(encoder)
        return encoder.eval()

    def build_ready(self, seed: int = 0) -> Encoder:
        """The same."""
        return self.build_checked(seed)

    def inputs(self, module: nn.Module, seed: int = 0) -> tuple[Tensor, ...]:
        """A clip."""
        assert isinstance(module, Encoder)
        return (self.clip(module, seed=seed),)

    def run(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Its features."""
        return module(*inputs)

    def _check_declared(self, encoder: Encoder) -> None:
        features = getattr(encoder, 'features', None)
        self._declares('features', features, isinstance(features, tuple), 'a tuple of FeatureSpec')
        self.check(features, 'features is declared as (), expected at least one FeatureSpec')
        for i, spec in enumerate(encoder.features):
            name = f'features[{i}]'
            self._declares(name, spec, isinstance(spec, FeatureSpec), 'a FeatureSpec')
            channels, strides = spec.channels, spec.stride_thw
            self._declares(f'{name}.channels', channels, _is_count(channels), _COUNT)
            three = isinstance(strides, Sequence) and len(strides) == 3
            sound = three and all(map(_is_count, strides))
            self._declares(f'{name}.stride_thw', strides, sound, 'three whole numbers from 1')
        for name in ('clip_len', 'size_divisor'):
            value = getattr(encoder, name, None)
            self._declares(name, value, _is_count(value), _COUNT)

    def _declares(self, name: str, value: object, sound: bool, expected: str) -> None:
        self.check(sound, f'{name} is declared as {value!r}, expected {expected}')

    # Building ----------------------------------------------------------------------------------

    def test_builds_offline(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """It builds with no network and nothing in the caches of model libraries."""
        for variable in ('HF_HOME', 'HF_HUB_CACHE', 'TORCH_HOME', 'XDG_CACHE_HOME'):
            monkeypatch.setenv(variable, str(tmp_path))
        with no_network() as tried:
            try:
                self.part(**self.arguments())
            except Exception as error:
                wanted = f', after it asked for {tried[0]}' if tried else ''
                self.fail(f'does not build without a network: {said(error)}{wanted}')
        self.check(
            not tried, f'asks for {tried[:1]} while it is built; pretrained_weights may do so'
        )

    def test_building_leaves_the_seed_alone(self) -> None:
        """Random numbers after building are not the same whatever the seed."""
        drawn = []
        for seed in (1, 2):
            with seeded(seed):
                self.part(**self.arguments())
                drawn.append(torch.rand(4))
        self.check(not torch.equal(*drawn), 'sets the seed of torch while it is built')

    def test_builds_on_the_meta_device(self) -> None:
        """It builds without memory for its weights, as `salkit profile` does."""
        with self.succeeds('building on the meta device'), torch.device('meta'):
            names = list(self.part(**self.arguments()).state_dict())
        self.check(names == list(self.build().state_dict()), 'has other entries on the meta device')

    def test_parts_are_not_called_model_or_module(self) -> None:
        """No child has a name that files lose when they are read."""
        for name in {'model', 'module'} & {name for name, _ in self.build().named_children()}:
            self.fail(
                f'calls a part {name!r}, a prefix that entries of a file lose when it is read; '
                'call it trunk'
            )

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
        encoder = self.build_checked()
        given = self.arguments().get('clip_len')
        self.check(
            given is None or encoder.clip_len == given,
            f'clip_len is declared as {encoder.clip_len}, built with clip_len={given}',
        )
        clip = self.clip(encoder, batch=1)
        try:
            with torch.no_grad():
                encoder(clip)
        except Exception as error:
            message = f'forward of a clip {tuple(clip.shape)} fails ({said(error)})'
            taken = self._lengths_taken(encoder)
            if taken:
                declared = f'clip_len is declared as {encoder.clip_len}'
                message = f'{declared}, {message}; forward takes {taken} frames'
            self.fail(message)

    def _lengths_taken(self, encoder: Encoder) -> str:
        """Other lengths that forward does not stop at, were it not for the declared one."""
        declared, taken = encoder.clip_len, []
        for length in (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 32):
            encoder.clip_len = length
            try:
                with torch.no_grad():
                    encoder(self.clip(encoder, batch=1))
            except Exception:
                continue
            taken.append(str(length))
        encoder.clip_len = declared
        return ' or '.join(taken)

    def test_fixed_size(self) -> None:
        """`fixed_size` is None, or rows and columns that `size_divisor` divides."""
        encoder = self.build()
        size, divisor = encoder.fixed_size, encoder.size_divisor
        if size is None:
            return
        sound = isinstance(size, Sequence) and len(size) == 2 and all(map(_is_count, size))
        self._declares('fixed_size', size, sound, '(rows, columns) or None')
        self.check(
            all(n % divisor == 0 for n in size),
            f'fixed_size is declared as {tuple(size)}, which is not divisible by the declared '
            f'size_divisor {divisor}',
        )
        clip = self.clip(self.build_checked(), 1)
        with (
            torch.no_grad(),
            self.succeeds(f'fixed_size is declared as {tuple(size)}, forward of it'),
        ):
            encoder.eval()(clip)

    @pytest.mark.parametrize('batch', [1, 2])
    def test_features_are_as_declared(self, batch: int) -> None:
        """Count, channels, strides, type and device of the features, upright and lying clips."""
        encoder = self.build_checked()
        size = self.clip_size(encoder)
        sizes = [size] if encoder.fixed_size else [size, size[::-1]]
        for rows_columns in sizes:
            clip = self.clip(encoder, batch, size=rows_columns)
            # A chosen size may leave pixels over at its border.
            exact = self.size is None or self._divides(encoder, rows_columns)
            self._check_features(encoder, clip, self.encode(encoder, clip), exact)

    @staticmethod
    def _divides(encoder: Encoder, size: tuple[int, int]) -> bool:
        strides = [spec.stride_thw for spec in encoder.features]
        return all(size[0] % s[1] == 0 and size[1] % s[2] == 0 for s in strides)

    def _check_features(
        self, encoder: Encoder, clip: Tensor, features: tuple[Tensor, ...], exact: bool = True
    ) -> None:
        declared = encoder.features
        self.check(
            len(features) == len(declared),
            f'features declares {len(declared)}, forward gives {len(features)}',
        )
        for i, (spec, feature) in enumerate(zip(declared, features, strict=True)):
            self.check(
                isinstance(feature, Tensor) and feature.ndim == 5,
                f'features[{i}] must be (B, C, t, h, w), forward gives '
                f'{tuple(getattr(feature, "shape", ())) or type(feature).__name__}',
            )
            channels = f'features[{i}].channels is declared as {spec.channels}, forward gives'
            for got, expected, message in (
                (feature.device, clip.device, f'features[{i}] is on device {{}}, the clip on {{}}'),
                (feature.dtype, clip.dtype, f'features[{i}] has dtype {{}}, the clip {{}}'),
                (len(feature), len(clip), f'features[{i}] holds a batch of {{}} for {{}} clips'),
                (feature.shape[1], spec.channels, f'{channels} {{}}'),
            ):
                self.check(got == expected, message.format(got, expected))
            for axis, unit in enumerate(('frames', 'rows', 'columns')):
                self._check_stride(i, spec, axis, unit, clip, feature, exact)
            self.check(
                torch.isfinite(feature).all(), f'features[{i}] holds values that are not finite'
            )

    def _check_stride(
        self,
        i: int,
        spec: FeatureSpec,
        axis: int,
        unit: str,
        clip: Tensor,
        feature: Tensor,
        exact: bool,
    ) -> None:
        stride = spec.stride_thw[axis]
        before, after = clip.shape[2 + axis], feature.shape[2 + axis]
        expected = max(1, before // stride) if axis == 0 else before // stride
        # A wrong stride that does not divide the length may be rounded to the right count.
        measured = before // after if after and before % after == 0 else None
        right = after == expected
        if (exact or axis == 0) and measured is not None and stride <= before:
            right = measured == stride
        is_stride = f'which is stride {measured}' if measured else f'expected {expected}'
        self.check(
            right,
            f'features[{i}].stride_thw[{axis}] is declared as {stride}, {before} {unit} become '
            f'{after}, {is_stride}',
        )

    def test_the_deepest_feature_is_last(self) -> None:
        """No feature is coarser than the last, which decoders start from."""
        features = self.build_checked().features
        for i, spec in enumerate(features):
            self.check(
                math.prod(spec.stride_thw[1:]) <= math.prod(features[-1].stride_thw[1:]),
                f'features[{i}] has strides {spec.stride_thw}, coarser than the last, which has '
                f'{features[-1].stride_thw}: the deepest comes last',
            )

    def test_every_multiple_of_size_divisor(self) -> None:
        """Rows and columns need be multiples of `size_divisor` and no more."""
        encoder = self.build_checked()
        if encoder.fixed_size is not None:
            pytest.skip(f'{self.name} takes {tuple(encoder.fixed_size)} alone')
        divisor = encoder.size_divisor
        rows, columns = self.clip_size(encoder)
        clip = self.clip(encoder, 1, size=(rows + divisor, columns + 3 * divisor))
        declared = f'size_divisor is declared as {divisor} and fixed_size as None'
        pixels = f'{clip.shape[3]} x {clip.shape[4]} pixels'
        with torch.no_grad(), self.succeeds(f'{declared}, forward of {pixels}'):
            features = encoder(clip)
        self._check_features(encoder, clip, features, exact=False)
        for axis, unit in ((3, 'rows'), (4, 'columns')):
            for count in range(divisor, clip.shape[axis], divisor):
                if self._end_matters(encoder, clip, axis, count, features):
                    break
            self.check(
                count == divisor,
                f'size_divisor is declared as {divisor}, yet of {clip.shape[axis]} {unit} the last '
                f'{count - divisor} have no part in the features',
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

    def test_the_last_frame_counts(self) -> None:
        """The frame whose saliency is predicted, the clip's last, has a part in the features."""
        encoder = self.build_checked()
        clip = self.clip(encoder, 1)
        features = self.encode(encoder, clip)
        self.check(
            self._end_matters(encoder, clip, 2, 1, features),
            f'the last of the {encoder.clip_len} frames, the one that is predicted, has no part in '
            'the features',
        )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1

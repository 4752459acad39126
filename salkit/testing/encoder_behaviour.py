"""Checks of how an encoder treats clips, right and wrong ones."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ..encoders import Encoder
from ..errors import ShapeError
from .encoder_features import EncoderFeatures
from .suite import distance, perturb


class EncoderBehaviour(EncoderFeatures):
    """Checks of how an encoder treats clips; see `EncoderSuite`."""

    # What it refuses ---------------------------------------------------------------------------

    def _check_refused(self, encoder: Encoder, clip: Tensor, what: str) -> None:
        hint = ': begin forward with self.check_clip(clip)'
        what = f'{what}, shape {tuple(clip.shape)},'
        with torch.no_grad(), self.raises(ShapeError, what, hint) as messages:
            encoder(clip)
        self.check('\n' not in messages[0], f'says in more than a line that {what} is wrong')

    def test_refuses_a_wrong_rank(self) -> None:
        """A clip without a batch, or frames without time, is a ShapeError."""
        encoder = self.build_checked()
        clip = self.clip(encoder)
        self._check_refused(encoder, clip[0], 'a clip without a batch dimension')
        self._check_refused(encoder, clip[:, :, 0], 'a batch of single images')

    def test_refuses_wrong_channels(self) -> None:
        """A clip that is not RGB is a ShapeError."""
        encoder = self.build_checked()
        clip = self.clip(encoder)
        for channels in (1, 4):
            wrong = clip[:, :1].expand(-1, channels, -1, -1, -1)
            self._check_refused(encoder, wrong, f'a clip of {channels} channels')

    def test_refuses_a_wrong_length(self) -> None:
        """A clip longer or shorter than `clip_len` is a ShapeError."""
        encoder = self.build_checked()
        clip, length = self.clip(encoder), encoder.clip_len
        longer = torch.cat([clip, clip], 2)
        for frames in (length + 1, 2 * length, length - 1):
            if frames:
                self._check_refused(encoder, longer[:, :, :frames], f'a clip of {frames} frames')

    def test_refuses_a_wrong_size(self) -> None:
        """Pixels that `size_divisor` does not divide, or not `fixed_size`, are a ShapeError."""
        encoder = self.build_checked()
        (rows, columns), divisor = self.clip_size(encoder), encoder.size_divisor
        wrong = []
        if divisor > 1:
            wrong += [(rows + 1, columns), (rows, columns + divisor - 1)]
        if encoder.fixed_size is not None:
            wrong += [(rows + divisor, columns), (rows, columns + divisor)]
        if not wrong:
            pytest.skip(f'{self.name} declares that it takes every size')
        for size in wrong:
            clip = self.clip(encoder, 1, size=size)
            self._check_refused(encoder, clip, f'a clip of {size[0]} x {size[1]} pixels')

    # How it behaves ----------------------------------------------------------------------------

    def test_frame_order_matters(self) -> None:
        """A clip played backwards has other features; `frame_order_matters = False` opts out."""
        if not self.frame_order_matters:
            pytest.skip(f'{type(self).__name__} says so: frame_order_matters = False')
        encoder = self.build_checked()
        if encoder.clip_len == 1:
            pytest.skip(f'{self.name} takes one frame')
        clip = self.clip(encoder)
        for attempt in range(3):
            # What is new in time may begin at zero.
            if attempt:
                perturb(encoder, attempt)
            forwards = self.encode(encoder, clip)
            backwards = self.encode(encoder, clip.flip(2))
            off = max(distance(a, b) for a, b in zip(backwards, forwards, strict=True))
            if off > 1e-5:
                return
        self.fail(
            'gives the same features for a clip played backwards; where that is meant, set '
            'frame_order_matters = False in the test class'
        )

    def test_runs_under_bfloat16(self) -> None:
        """Under bfloat16 autocast the features are finite and near those in float32."""
        encoder = self.build_checked()
        clip = self.clip(encoder)
        exact = self.encode(encoder, clip)
        with torch.autocast('cpu', torch.bfloat16):
            rough = self.encode(encoder, clip)
        for i, (one, other) in enumerate(zip(rough, exact, strict=True)):
            self.check(
                torch.isfinite(one).all(),
                f'features[{i}] holds values that are not finite under bfloat16 autocast',
            )
            off = ((one.double() - other.double()).norm() / (other.double().norm() + 1e-12)).item()
            self.check(
                off < self.bfloat16_tolerance,
                f'features[{i}] under bfloat16 autocast is {off:.2g} off that in float32 '
                f'(relative norm), expected less than {self.bfloat16_tolerance}',
            )

    @pytest.mark.skipif(not torch.cuda.is_available(), reason='no CUDA device')
    def test_runs_on_cuda(self) -> None:
        """On a GPU the features stay there and are near those on the CPU."""
        encoder = self.build_checked()
        clip = self.clip(encoder)
        expected = self.encode(encoder, clip)
        features = self.encode(encoder.cuda(), clip.cuda())
        for i, one in enumerate(features):
            self.check(one.is_cuda, f'features[{i}] is on device {one.device}, the clip on cuda')
        self.check_near([one.cpu() for one in features], expected, 0.01, 'between CPU and GPU')

"""Checks of how an encoder trains."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ..decoders import MultiBranchDecoder
from ..encoders import Encoder
from ..utils.text import listed
from .encoder_features import EncoderFeatures
from .learning import learn, lowered
from .suite import distance, perturb, project, seeded, snapshot, trainable

# Small ones: the decoder is here for the encoder's sake.
_LEARNER = dict(
    branches=dict(dfd=dict(type='DFDBranch', layers='fewer', width=0.125)),
    fusion=dict(type='ConvFusion', width=0.5),
)
_SALFOM = dict(
    branches=dict(
        swin3d=dict(type='Swin3DBranch', depth=1, width=0.125, num_heads=2),
        dfd=dict(type='DFDBranch', width=0.125),
        sfd=dict(type='SFDBranch', width=0.125),
    ),
    fusion=dict(type='ConvFusion', width=0.25),
)


class EncoderTraining(EncoderFeatures):
    """Checks of how an encoder trains; see `EncoderSuite`."""

    def test_gradients_reach_every_parameter(self) -> None:
        """Every trainable parameter has a part in the features."""
        encoder = self.build_checked()
        self.check_gradients(
            encoder,
            lambda m, i: self.run(m, self.inputs(m, seed=i)),
            hint='; leave out what forward does not use, or set requires_grad=False',
        )

    def test_freeze(self) -> None:
        """After `freeze()` nothing is trained, and the features are the same."""
        encoder = self.build_checked()
        clip = self.clip(encoder)
        expected = self.encode(encoder, clip)
        encoder.freeze()
        left = list(trainable(encoder))
        self.check(not left, f'freeze() leaves trainable parameters: {listed(left)}')
        self.check_near(self.encode(encoder, clip), expected, 1e-6, 'after freeze()')
        encoder.train()
        with self.succeeds('forward in training after freeze()'):
            features = encoder(clip)
        self.check(
            not any(f.requires_grad for f in features), 'features need gradients after freeze()'
        )

    def test_activation_checkpointing(self) -> None:
        """`activation_checkpointing` keeps less and gives the same features and gradients."""
        if not self.takes('activation_checkpointing'):
            pytest.skip(f'{self.name} takes no argument activation_checkpointing')
        plain = self.build_checked(activation_checkpointing=False)
        if not trainable(plain):
            pytest.skip(f'{self.name} trains nothing')
        perturb(plain)
        other = self.build_checked(activation_checkpointing=True)
        other.load_state_dict(plain.state_dict())
        clip = self.clip(plain)
        (outputs, gradients, kept), (outputs2, gradients2, kept2) = (
            self._trained(encoder, clip) for encoder in (plain, other)
        )
        self.check_near(outputs2, outputs, 1e-5, 'with activation_checkpointing')
        for name in gradients.keys() ^ gradients2.keys():
            changed = 'lost' if name in gradients else 'new'
            self.fail(f'the gradient of {name} is {changed} with activation_checkpointing')
        for name, gradient in gradients.items():
            off = distance(gradients2[name], gradient)
            self.check(
                off < 1e-3,
                f'the gradient of {name} differs by {off:.2g} with activation_checkpointing',
            )
        self.check(
            kept2 < kept,
            f'activation_checkpointing=True keeps {kept2} bytes for the backward pass, without it '
            f'{kept}: it saves nothing',
        )

    @staticmethod
    def _trained(encoder: Encoder, clip: Tensor) -> tuple[list[Tensor], dict[str, Tensor], int]:
        """Features and gradients of one training step, and the bytes kept in between."""
        kept = 0

        def keep(value: Tensor) -> Tensor:
            nonlocal kept
            kept += value.numel() * value.element_size()
            return value

        encoder.train()
        with seeded(3):
            with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
                features = encoder(clip)
            project(features).backward()
        gradients = {name: p.grad for name, p in trainable(encoder).items() if p.grad is not None}
        return [f.detach() for f in features], gradients, kept

    def _decoder(self, encoder: Encoder, options: dict) -> MultiBranchDecoder:
        with seeded(0):
            return MultiBranchDecoder(encoder.features, encoder.clip_len, **options)

    def test_the_salfom_decoder_runs_on_it(self) -> None:
        """SalFoM's decoder takes its features and gives a map of the clip's size in [0, 1]."""
        encoder = self.build_checked()
        clip = self.clip(encoder)
        features = self.encode(encoder, clip)
        size = tuple(clip.shape[-2:])
        with torch.no_grad(), self.succeeds("running SalFoM's decoder on its features"):
            saliency_map = self._decoder(encoder, _SALFOM).eval()(features, size)
        self.check_saliency_map(
            saliency_map, (len(clip), *size), "on its features SalFoM's decoder "
        )

    def test_learns(self) -> None:
        """A few optimizer steps with a small decoder lower the loss and move the weights."""
        encoder = self.build_checked().train()
        decoder = self._decoder(encoder, _LEARNER).train()
        before = snapshot(encoder)
        clip = self.clip(encoder)
        rows, columns = clip.shape[-2:]
        losses = learn(
            [encoder, decoder],
            lambda: decoder(encoder(clip), (rows, columns)),
            (len(clip), rows, columns),
        )
        lowered(self, losses)
        still = [k for k in trainable(encoder) if torch.equal(encoder.state_dict()[k], before[k])]
        if trainable(encoder):
            self.check(
                len(still) < len(trainable(encoder)), 'optimizer steps move none of its weights'
            )

"""The suite of encoders."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest
import torch
from torch import Tensor

from ..checkpoints import load_pretrained, load_weights, write_safetensors
from ..decoders import MultiBranchDecoder
from ..encoders import Encoder
from ..errors import CheckpointError, ConfigError
from ..utils.text import listed
from .encoder_features import EncoderFeatures
from .network import distance, perturb, project, trainable
from .smoke import Arguments
from .suite import seeded

NO_SUCH_WEIGHTS = 'no-such-weights'
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


class EncoderSuite(EncoderFeatures):
    """What every encoder must do (see `salkit.encoders.Encoder`).

        class TestTinyEncoder(EncoderSuite):
            part = TinyEncoder
            smoke = dict(width=8, clip_len=4)

    Attributes:
        part: the encoder class.
        smoke: arguments of a tiny instance; None takes those that it was registered with.
        size: (rows, columns) of the clips; None takes a small size that is not square.
        frame_order_matters: whether a clip played backwards has other features.
        bfloat16_tolerance: how far features under bfloat16 autocast may be off, relative to the
            largest value.
    """

    frame_order_matters: bool = True
    bfloat16_tolerance: float = 0.1

    # Building ----------------------------------------------------------------------------------

    def test_builds_offline(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """It builds with no network and nothing in the caches of model libraries."""
        for variable in ('HF_HOME', 'HF_HUB_CACHE', 'TORCH_HOME', 'XDG_CACHE_HOME'):
            monkeypatch.setenv(variable, str(tmp_path))
        with no_network() as tried, self.succeeds('building without a network'):
            self.part(**self.arguments())
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

    # How it treats clips -----------------------------------------------------------------------

    def test_frame_order_matters(self) -> None:
        """A clip played backwards has other features; `frame_order_matters = False` opts out."""
        encoder = self.build_ready()
        if not self.frame_order_matters or encoder.clip_len == 1:
            pytest.skip(f'{self.name}: the order of its frames may be without effect')
        # What is new in time may begin at zero.
        perturb(encoder)
        clip = self.clip(encoder)
        forwards, backwards = self.encode(encoder, clip), self.encode(encoder, clip.flip(2))
        self.check(
            max(map(distance, backwards, forwards)) > 1e-5,
            'gives the same features for a clip played backwards; where that is meant, set '
            'frame_order_matters = False in the test class',
        )

    def test_runs_under_bfloat16(self) -> None:
        """Under bfloat16 autocast the features are near those in float32."""
        encoder = self.build_ready()
        clip = self.clip(encoder)
        exact = self.encode(encoder, clip)
        with torch.autocast('cpu', torch.bfloat16):
            rough = self.encode(encoder, clip)
        self.check_near(rough, exact, self.bfloat16_tolerance, 'under bfloat16 autocast')

    @pytest.mark.skipif(not torch.cuda.is_available(), reason='no CUDA device')
    def test_runs_on_cuda(self) -> None:
        """On a GPU the features stay there and are near those on the CPU."""
        encoder = self.build_ready()
        clip = self.clip(encoder)
        expected = self.encode(encoder, clip)
        features = self.encode(encoder.cuda(), clip.cuda())
        for i, one in enumerate(features):
            self.check(one.is_cuda, f'features[{i}] is on device {one.device}, the clip on cuda')
        self.check_near([one.cpu() for one in features], expected, 0.01, 'between CPU and GPU')

    def test_the_salfom_decoder_runs_on_it(self) -> None:
        """SalFoM's decoder takes its features and gives a map of the clip's size in [0, 1]."""
        encoder = self.build_ready()
        clip = self.clip(encoder)
        features = self.encode(encoder, clip)
        size = tuple(clip.shape[-2:])
        with torch.no_grad(), self.succeeds("running SalFoM's decoder on its features"):
            saliency_map = _decoder_of(encoder, _SALFOM).eval()(features, size)
        whose = "on its features SalFoM's decoder "
        self.check_saliency_map(saliency_map, (len(clip), *size), whose)

    # Weights -----------------------------------------------------------------------------------

    @pytest.mark.parametrize('fault', ['missing', 'unexpected', 'misshapen'])
    def test_a_file_that_does_not_fit_is_an_error(self, fault: str, tmp_path: Path) -> None:
        """A file that lacks or bends an entry, or has another, is refused and the entry named."""
        encoder = self.build_ready()
        before = {key: value.clone() for key, value in encoder.state_dict().items()}
        weights = dict(before)
        # A trained entry, since others may be derived.
        name = ([name for name in trainable(encoder) if name in weights] or list(weights))[-1]
        if fault == 'missing':
            del weights[name]
        elif fault == 'misshapen':
            weights[name] = torch.zeros(*weights[name].shape, 2)
        else:
            name = 'not_of_this_encoder'
            weights[name] = torch.zeros(3)
        path = tmp_path / 'weights.safetensors'
        write_safetensors(weights, path)
        with self.raises(CheckpointError, f'a file with the {fault} entry {name}', name):
            load_weights(encoder, path)
        self.check_unchanged(encoder, before, f'a file with the {fault} entry {name}')

    def test_no_pretrained_weights(self) -> None:
        """Where no weights are named, starting leaves the encoder and the network alone."""
        encoder = self.build_ready()
        if encoder.pretrained is not None:
            pytest.skip(f'{self.name} is tested with pretrained={encoder.pretrained!r}')
        before = {key: value.clone() for key, value in encoder.state_dict().items()}
        with no_network() as tried, self.succeeds('starting without pretrained weights'):
            encoder.init_weights()
            loaded = load_pretrained(encoder)
        self.check(not tried, f'asks for {tried[:1]} although no weights are named')
        self.check(loaded is None, 'pretrained_weights gives weights although none are named')
        self.check_unchanged(encoder, before, 'init_weights')

    def test_weights_that_cannot_be_had(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """`pretrained` only names weights; loading them is what fails without them."""
        if not self.takes('pretrained'):
            pytest.skip(f'{self.name} takes no argument pretrained')
        monkeypatch.setenv('TORCH_HOME', str(tmp_path))
        with no_network() as tried:
            try:
                encoder = self.part(**self.arguments(pretrained=NO_SUCH_WEIGHTS))
            except ConfigError:
                # The names may be known beforehand.
                return
            self.check(not tried, f'asks for {tried[:1]} while it is built')
            what = f'loading pretrained={NO_SUCH_WEIGHTS!r} without a network'
            with self.raises(CheckpointError, what, NO_SUCH_WEIGHTS):
                load_pretrained(encoder)

    # Training ----------------------------------------------------------------------------------

    def test_gradients_reach_every_parameter(self) -> None:
        """Every trainable parameter has a part in the features."""
        encoder = self.build_ready()
        self.check_gradients(encoder, self.inputs(encoder))

    def test_freeze(self) -> None:
        """After `freeze()` nothing is trained."""
        encoder = self.build_ready()
        encoder.freeze()
        left = list(trainable(encoder))
        self.check(not left, f'freeze() leaves trainable parameters: {listed(left)}')
        with self.succeeds('forward in training after freeze()'):
            features = encoder.train()(self.clip(encoder))
        self.check(
            not any(f.requires_grad for f in features), 'features need gradients after freeze()'
        )

    def test_activation_checkpointing(self) -> None:
        """`activation_checkpointing` keeps less and gives the same features and gradients."""
        if not self.takes('activation_checkpointing'):
            pytest.skip(f'{self.name} takes no argument activation_checkpointing')
        plain = self.build_ready(activation_checkpointing=False)
        if not trainable(plain):
            pytest.skip(f'{self.name} trains nothing')
        perturb(plain)
        other = self.build_ready(activation_checkpointing=True)
        other.load_state_dict(plain.state_dict())
        clip = self.clip(plain)
        outputs, gradients, kept = _train_once(plain, clip)
        outputs2, gradients2, kept2 = _train_once(other, clip)
        self.check_near(outputs2, outputs, 1e-5, 'with activation_checkpointing')
        for name in {**gradients, **gradients2}:
            both = name in gradients and name in gradients2
            self.check(
                both and distance(gradients2[name], gradients[name]) < 1e-3,
                f'the gradient of {name} is another one with activation_checkpointing',
            )
        self.check(
            kept2 < kept,
            f'activation_checkpointing=True keeps {kept2} bytes for the backward pass, without it '
            f'{kept}: it saves nothing',
        )

    def test_learns(self) -> None:
        """A few optimizer steps with a small decoder lower the loss."""
        encoder = self.build_ready()
        decoder = _decoder_of(encoder, _LEARNER)
        clip = self.clip(encoder)
        rows, columns = clip.shape[-2:]
        self.check_learns(
            [encoder, decoder], lambda: decoder(encoder(clip), (rows, columns)), (rows, columns)
        )


def _decoder_of(encoder: Encoder, options: Arguments) -> MultiBranchDecoder:
    with seeded(0):
        return MultiBranchDecoder(encoder.features, encoder.clip_len, **options)


def _train_once(encoder: Encoder, clip: Tensor) -> tuple[list[Tensor], dict[str, Tensor], int]:
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


@contextmanager
def no_network() -> Iterator[list[str]]:
    """Refuse every connection; yields the list of those that were tried."""
    tried: list[str] = []

    def refuse(*where: object, **options: object) -> None:
        tried.append(str(where))
        raise OSError(f'no network here: {where} was asked for')

    with (
        mock.patch.object(socket.socket, 'connect', refuse),
        mock.patch.object(socket, 'getaddrinfo', refuse),
    ):
        yield tried

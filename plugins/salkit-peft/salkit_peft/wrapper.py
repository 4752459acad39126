"""What encoders around another encoder share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from mmengine.logging import print_log
from torch import Tensor, nn

from salkit.builder import build
from salkit.checkpoints import Checkpoint, fit_weights
from salkit.encoders import Encoder
from salkit.errors import ConfigError
from salkit.registry import ENCODERS
from salkit.types import AdaptedWeights

# Flags under which modules recompute their blocks in the backward pass, while `training` is set.
CHECKPOINTING = ('activation_checkpointing', 'grad_checkpointing', 'gradient_checkpointing')


class WrapperEncoder(Encoder):
    """An encoder that stands for another one and decides which of its parameters train.

    The contract's figures are those of the wrapped encoder.

    Args:
        encoder: config of any encoder. Its `init_cfg` (a checkpoint, as in the config of a model)
            or else its `pretrained` is loaded into it before training.

    Attributes:
        wrapped: the built encoder.
        checkpoint: what its `init_cfg` names, or None.

    Raises:
        ConfigError: a config that does not build.
    """

    def __init__(self, encoder: dict) -> None:
        super().__init__()
        name = type(self).__name__
        if not isinstance(encoder, Mapping):
            raise ConfigError(f'{name}: encoder must be the config of an encoder, got {encoder!r}')
        cfg = dict(encoder)
        self.checkpoint = _checkpoint_of(cfg.pop('init_cfg', None), name)
        self.wrapped: Encoder = build(ENCODERS, cfg, Encoder)
        for figure in (
            'features',
            'clip_len',
            'pixel_mean',
            'pixel_std',
            'size_divisor',
            'fixed_size',
            'pretrained',
        ):
            setattr(self, figure, getattr(self.wrapped, figure))
        # What the encoder itself keeps from training stays so.
        self._trainable = [n for n, p in self.wrapped.named_parameters() if p.requires_grad]

    def check_clip(self, clip: Tensor) -> None:
        """Raise ShapeError unless the wrapped encoder takes `clip`."""
        self.wrapped.check_clip(clip)

    def forward(self, clip: Tensor) -> tuple[Tensor, ...]:
        """Encode a normalised clip (B, 3, T, H, W) as the wrapped encoder does."""
        self.check_clip(clip)
        return self.wrapped(clip)

    def matching(self, patterns: Iterable[str], argument: str) -> list[str]:
        """Names of the wrapped encoder's trainable parameters in which a pattern is found.

        Args:
            patterns: regular expressions; a plain part of a name is one.
            argument: called so in errors.

        Raises:
            ConfigError: a pattern that is none, or finds nothing.
        """
        if isinstance(patterns, str):
            patterns = (patterns,)
        found: set[str] = set()
        for pattern in patterns:
            try:
                names = [n for n in self._trainable if re.search(pattern, n)]
            except (re.error, TypeError) as error:
                raise ConfigError(
                    f'{type(self).__name__}: {argument} takes regular expressions, got '
                    f'{pattern!r} ({error})'
                ) from None
            if not names:
                example = self._trainable[0] if self._trainable else 'none at all'
                raise ConfigError(
                    f'{type(self).__name__}: {argument} pattern {pattern!r} finds no parameter of '
                    f'{type(self.wrapped).__name__} that may train; there are names such as '
                    f'{example}'
                )
            found.update(names)
        return [n for n in self._trainable if n in found]

    def trained_names(self) -> list[str]:
        """Names of the parameters that train, in order."""
        raise NotImplementedError

    def mark_trainable(self) -> None:
        """Let those parameters train, and nothing else."""
        names = set(self.trained_names())
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(name in names)

    def own_name(self, name: str) -> str:
        """This encoder's name for an entry of the wrapped encoder's own state dict."""
        return f'wrapped.{name}'

    @contextmanager
    def plain(self) -> Iterator[Encoder]:
        """The wrapped encoder as its config builds it, inside a `with`."""
        yield self.wrapped

    def other_state(self, base: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
        """What the entries beside the wrapped encoder's become when it gets new weights.

        Args:
            base: the new weights by the wrapped encoder's own names.

        Returns:
            Values that follow from the new weights, by this encoder's names, and the names of the
            entries that keep theirs.
        """
        return {}, []

    def adapt_weights(self, weights: Mapping[str, Tensor]) -> AdaptedWeights | None:
        """Bring a file for the wrapped encoder, whatever names it uses, under the names here.

        Entries that are none of the wrapped encoder's, such as adapters, keep their initial values.

        Args:
            weights: all entries of the file.

        Returns:
            None for a file that holds a state dict of this very encoder, alone or in a model.
        """
        own = self.state_dict()
        if any(key.removeprefix('encoder.') in own for key in weights):
            return None
        with self.plain() as encoder:
            state, report = fit_weights(encoder, Checkpoint(weights, 'weights'))
        adapted = AdaptedWeights(
            report.kind,
            {self.own_name(key): value for key, value in state.items()},
            {self.own_name(key): source for key, source in report.used.items()},
            dict(report.dropped),
            {self.own_name(key): how for key, how in report.derived.items()},
            wrong={
                self.own_name(key): how.replace(key, self.own_name(key), 1)
                for key, how in report.wrong.items()
            },
        )
        placed = {*report.used.values(), *report.dropped, *report.unexpected}
        adapted.dropped.update((key, 'does not fit') for key in weights if key not in placed)
        values, kept = self.other_state(state)
        adapted.weights.update(values)
        adapted.derived.update(dict.fromkeys(values, 'follows from the new weights'))
        adapted.kept.update(dict.fromkeys(kept, 'belongs to an adapter'))
        return adapted

    def pretrained_weights(self) -> Mapping[str, Tensor] | str | None:
        """What the wrapped encoder's config names: its `init_cfg`, else its `pretrained`."""
        if self.checkpoint is not None:
            return self.checkpoint
        with self.plain() as encoder:
            return encoder.pretrained_weights()

    def init_weights(self) -> None:
        """Let the wrapped encoder get ready, and say in the log how many parameters train."""
        with self.plain() as encoder:
            encoder.init_weights()
        self.mark_trainable()
        self.log_trainable()

    def log_trainable(self) -> None:
        """Say in the log how many parameters train."""
        total = sum(p.numel() for p in self.parameters())
        trainable = sum(p.numel() for p in self.parameters() if p.requires_grad)
        print_log(
            f'{type(self).__name__}({type(self.wrapped).__name__}): {trainable:,} of {total:,} '
            f'parameters train ({trainable / max(1, total):.2%})',
            logger='current',
        )

    def merge(self) -> Encoder:
        """The wrapped encoder as if it had never been wrapped, computing what this one does."""
        for name, parameter in self.wrapped.named_parameters():
            parameter.requires_grad_(name in self._trainable)
        return self.wrapped

    def quiet_base(self, mode: bool) -> None:
        """Put the wrapped encoder in evaluation mode.

        Args:
            mode: the mode of those modules alone that recompute blocks in the backward pass,
                which they do in training mode.
        """
        self.wrapped.eval()
        for module in self.wrapped.modules():
            if any(getattr(module, flag, False) is True for flag in CHECKPOINTING):
                module.training = mode


def _checkpoint_of(cfg: str | Mapping | None, name: str) -> str | None:
    """The checkpoint that the `init_cfg` of a wrapped encoder names."""
    if isinstance(cfg, Mapping):
        if set(cfg) != {'type', 'checkpoint'} or cfg['type'] != 'Pretrained':
            raise ConfigError(
                f'{name}: init_cfg of the wrapped encoder: expected a checkpoint or '
                f"dict(type='Pretrained', checkpoint=...), got {dict(cfg)}"
            )
        cfg = cfg['checkpoint']
    return None if cfg is None else str(cfg)


def set_module(root: nn.Module, path: str, module: nn.Module) -> None:
    """Put `module` in the place of `root`'s sub-module called `path`."""
    parent, _, leaf = path.rpartition('.')
    setattr(root.get_submodule(parent), leaf, module)

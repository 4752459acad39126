"""Fitting the weights of a file to a module: whatever names it uses, and nothing in silence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ..errors import CheckpointError
from ..layers import TABLE_THW, fixed_table
from ..types import AdaptedWeights
from .io import read_checkpoint
from .made_with import naming_plugins, warn_of_plugins
from .official import HEAD_REASON, is_official, salkit_key, why_unused
from .positions import is_fixed_table, resized_positions
from .report import FitReport

# Kinds of files by the names they use.
SALFOM, UMT, SALKIT = 'official SalFoM', 'UMT', 'salkit'

POSITIONS = 'pos_embed'

# What `Encoder.adapt_weights` is.
Adapt = Callable[[Mapping[str, Tensor]], AdaptedWeights | None]

_UMT_KEY = re.compile(r'(blocks\.\d+\.attn\.(qkv\.weight|q_bias|v_bias)|patch_embed\.proj\.weight)')
# What no other transformer calls so.
_UMT_BIAS = re.compile(r'blocks\.\d+\.attn\.(q_bias|v_bias)')
# Where UMT's training codes put the video encoder.
_UMT_PREFIXES = ('vision_encoder.encoder.', 'vision_encoder.', 'backbone.', 'encoder.')
_UMT_UNUSED = {
    r'(fc_norm|head)\.(weight|bias)': HEAD_REASON,
    r'norm\.(weight|bias)': 'final norm, the saliency model takes the tokens before it',
    r'(clip_decoder|clip_pos_embed|clip_img|mask_token|text_encoder|text_proj|vision_proj'
    r'|vision_layernorm|itm_head|temp)(\..*)?': 'used in pre-training alone',
}


def kind_of(state_dict: Mapping[str, Tensor]) -> str:
    """Whose names a state dict uses: `SALFOM`, `UMT` or `SALKIT`."""
    if is_official(state_dict):
        return SALFOM
    own_decoder = any(key.startswith('decoder.') for key in state_dict)
    if not own_decoder and any(_UMT_KEY.search(key) for key in state_dict):
        return UMT
    return SALKIT


def encoder_name(key: str) -> str:
    """A UMT file's name of an encoder entry without the prefix of the training code."""
    return next((key.removeprefix(p) for p in _UMT_PREFIXES if key.startswith(p)), key)


def _has_umt_biases(keys: Iterable[str]) -> bool:
    return any(_UMT_BIAS.fullmatch(encoder_name(key)) for key in keys)


class _Fit:
    """One attempt to fill the entries `own` of a module."""

    def __init__(
        self,
        own: Mapping[str, Tensor],
        checkpoint: Mapping[str, Any],
        source: str,
        accept_encoder: bool,
        source_grid: tuple[int, int, int] | None,
        adapt: Adapt | None,
    ) -> None:
        self.own, self.weights = own, checkpoint['state_dict']
        self.source_grid = source_grid
        self.kind = kind_of(self.weights)
        self.adapted = adapt(self.weights) if adapt and self.kind != SALFOM else None
        # UMT's names of entries are those of other transformers too.
        self.is_umt = _has_umt_biases(own)
        if self.adapted is not None:
            self.kind = self.adapted.kind
        elif self.kind == UMT and not self.is_umt and not _has_umt_biases(self.weights):
            self.kind = SALKIT
        # The encoder's entries carry a prefix in a model and none in an encoder by itself.
        self.is_model = any(key.startswith('decoder.') for key in own)
        self.prefix = 'encoder.' if self.is_model else ''
        only_encoder = (
            self.kind == UMT
            or self.adapted is not None
            or (
                self.is_model
                and self.kind == SALKIT
                and not any(key.startswith('decoder.') for key in self.weights)
            )
        )
        if self.is_model and only_encoder and not accept_encoder:
            raise CheckpointError(
                f'{source}: holds the weights of an encoder alone ({self.kind} names), and a whole '
                'model is wanted here; give it as model.encoder.init_cfg for training'
            )
        part = 'model' if self.is_model and not only_encoder else 'encoder'
        if not self.is_model and not self.is_umt and adapt is None:
            part = 'module'
        self.report = FitReport(source, self.kind, part)
        self.state: dict[str, Tensor] = {}
        blocks = (re.match(re.escape(self.prefix) + r'blocks\.(\d+)\.', key) for key in own)
        self.depth = max((int(found[1]) + 1 for found in blocks if found), default=0)

    def run(self) -> tuple[dict[str, Tensor], FitReport]:
        if self.adapted is not None:
            self._place_adapted(self.adapted)
        else:
            for key, value in self.weights.items():
                self._place(key, value)
            self._fill_positions()
        expected = [
            key for key in self.own if self.report.part != 'encoder' or key.startswith(self.prefix)
        ]
        # What is there in another shape is told once, as such.
        found = {*self.state, *self.report.wrong, *self.report.kept}
        self.report.missing = [key for key in expected if key not in found]
        return self.state, self.report

    def _place_adapted(self, adapted: AdaptedWeights) -> None:
        """Take what the encoder found in the file; whatever it does not speak of is unexpected."""
        for name, value in adapted.weights.items():
            target = self.prefix + name
            if target not in self.own:
                self.report.unexpected.append(adapted.sources.get(name, name))
            elif self._fits(target, value):
                self._use(adapted.sources.get(name), target, value)
        self.report.derived.update(
            {self.prefix + name: how for name, how in adapted.derived.items()}
        )
        self.report.kept.update({self.prefix + name: why for name, why in adapted.kept.items()})
        self.report.dropped.update(adapted.dropped)
        spoken_of = {*adapted.sources.values(), *adapted.dropped}
        self.report.unexpected.extend(key for key in self.weights if key not in spoken_of)

    def _target(self, key: str) -> tuple[str | None, str | None]:
        """The module's name for a source entry, or the reason why it has none (or neither)."""
        if self.kind == SALFOM:
            reason = why_unused(key)
            if reason:
                return None, reason
            try:
                target = salkit_key(key)
            except KeyError:
                return None, None
        elif self.kind == UMT:
            name = encoder_name(key)
            if self.prefix + name in self.own:
                return self.prefix + name, None
            for pattern, reason in _UMT_UNUSED.items():
                if re.fullmatch(pattern, name):
                    return None, reason
            target = 'encoder.' + name
        elif self.report.part == 'encoder' and key not in self.own:
            target = self.prefix + key
        else:
            target = key
        if not self.is_model and target not in self.own:
            if target.startswith('decoder.'):
                return None, 'belongs to the decoder'
            target = target.removeprefix('encoder.')
        return target, None

    def _place(self, key: str, value: Tensor) -> None:
        target, reason = self._target(key)
        if reason:
            self.report.dropped[key] = reason
            return
        if self.is_umt and target == self.prefix + POSITIONS:
            self._place_positions(key, target, value)
            return
        if target not in self.own:
            block = re.match(re.escape(self.prefix) + r'blocks\.(\d+)\.', target or '')
            if (
                self.is_umt
                and block
                and self.report.part == 'encoder'
                and int(block[1]) >= self.depth > 0
            ):
                self.report.dropped[key] = f'the encoder keeps the first {self.depth} blocks'
            else:
                self.report.unexpected.append(key)
            return
        if target in self.state:
            self.report.wrong[target] = (
                f'{target} is given twice, as {self.report.used[target]} and {key}'
            )
        elif self._fits(target, value):
            self._use(key, target, value)

    def _fits(self, target: str, value: Tensor) -> bool:
        """Whether `value` has the shape of the module's entry; noted where it has not."""
        shape = tuple(self.own[target].shape)
        if tuple(value.shape) != shape:
            self.report.wrong[target] = f'{target} has shape {tuple(value.shape)}, expected {shape}'
        return tuple(value.shape) == shape

    def _use(self, key: str | None, target: str, value: Tensor) -> None:
        own = self.own[target]
        if value.dtype != own.dtype:
            self.report.cast += 1
            value = value.to(own.dtype)
        self.state[target] = value
        if key is not None:
            self.report.used[target] = key

    def _place_positions(self, key: str, target: str, value: Tensor) -> None:
        """Copy, resize or check a stored position table."""
        own = self.own.get(target)
        same = own is not None and tuple(value.shape) == tuple(own.shape)
        whole = self.kind == SALKIT and self.report.part == 'model'
        if same and (whole or not self.source_grid):
            self._use(key, target, value)
            return
        if whole:
            # A model is loaded for the frames that it was trained on.
            if own is None:
                self.report.unexpected.append(key)
            else:
                self._fits(target, value)
            return
        # An encoder that stores no table makes the one for 8 frames itself.
        frames = TABLE_THW[0] if own is None else own.shape[1] // (TABLE_THW[1] * TABLE_THW[2])
        try:
            resized, how = resized_positions(value, frames, self.source_grid)
        except ValueError as error:
            self.report.wrong[target] = f'{key} {error}'
            return
        if own is None:
            if is_fixed_table(resized):
                self.report.dropped[key] = (
                    'the fixed position table, which the encoder makes itself'
                )
            else:
                self.report.wrong[target] = (
                    f'{key} is not the fixed sine-cosine table that this encoder makes itself'
                )
        elif self._fits(target, resized):
            # Resizing is done in float32.
            self.report.cast += resized.dtype != value.dtype
            self._use(key, target, resized)
            if how:
                self.report.derived[target] = how

    def _fill_positions(self) -> None:
        """The fixed table, where a UMT encoder stores one and the file has none."""
        target = self.prefix + POSITIONS
        own = self.own.get(target)
        done = target in self.state or target in self.report.wrong
        if own is None or done or not self.is_umt or self.kind == SALKIT or own.ndim != 3:
            return
        table = fixed_table(own.shape[1] // (TABLE_THW[1] * TABLE_THW[2]), own.shape[2])
        if table.shape == own.shape:
            self.state[target] = table.to(own.dtype)
            self.report.derived[target] = 'is the fixed sine-cosine table, which the file omits'


def fit_weights(
    own: Mapping[str, Tensor],
    checkpoint: Mapping[str, Any],
    source: str | Path,
    *,
    accept_encoder: bool = False,
    source_grid: tuple[int, int, int] | None = None,
    adapt: Adapt | None = None,
) -> tuple[dict[str, Tensor], FitReport]:
    """Find the entries of a module among those of a file.

    Recognised are the authors' SalFoM files, UMT's fine-tuned and pre-trained ones (deeper than the
    encoder, with positions of another number of frames or size), what the encoder itself adapts,
    and salkit's own, each also as the source of an encoder by itself.

    Args:
        own: `state_dict()` of the module; its values are not read.
        checkpoint: what `read_checkpoint` gives.
        source: named in the report.
        accept_encoder: take an encoder's weights for a whole model, whose other entries then
            stay as they are.
        source_grid: frames, rows and columns of the stored position table, where its size alone
            does not tell.
        adapt: `adapt_weights` of the encoder that is or belongs to the module.

    Returns:
        The entries found, by the module's names, and the report; its `check()` raises where
        anything does not fit.

    Raises:
        CheckpointError: an encoder's weights for a whole model without `accept_encoder`.
    """
    return _Fit(own, checkpoint, str(source), accept_encoder, source_grid, adapt).run()


def adapter_of(module: nn.Module) -> Adapt | None:
    """`adapt_weights` of an encoder, or of the encoder of a model."""
    adapt = getattr(module, 'adapt_weights', None)
    return adapt or getattr(getattr(module, 'encoder', None), 'adapt_weights', None)


def load_weights(
    module: nn.Module,
    checkpoint: str | Path | Mapping[str, Any],
    source: str | Path | None = None,
    *,
    accept_encoder: bool = False,
) -> FitReport:
    """Load a checkpoint into a model or an encoder; nothing is left over or out in silence.

    Args:
        module: receives the weights.
        checkpoint: what `locate` takes, or what `read_checkpoint` gave.
        source: named in the report and in errors, where `checkpoint` is not its own name.
        accept_encoder: see `fit_weights`.

    Returns:
        What was loaded from where.

    Raises:
        CheckpointError: missing or unexpected entries, or another shape; the module is unchanged.
    """
    if not isinstance(checkpoint, Mapping):
        source = source or checkpoint
        checkpoint = read_checkpoint(checkpoint)
    state, report = fit_weights(
        module.state_dict(),
        checkpoint,
        source or 'checkpoint',
        accept_encoder=accept_encoder,
        adapt=adapter_of(module),
    )
    with naming_plugins(checkpoint):
        report.check()
    warn_of_plugins(checkpoint, report.source)
    # Checked before, so that this cannot stop half-way; a part leaves the rest as it is.
    module.load_state_dict(state, strict=report.part != 'encoder')
    return report

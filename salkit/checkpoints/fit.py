"""Fitting weights to a module: whatever names they use, and nothing in silence.

Where weights do not load, follow three steps: `_map_names` finds out whose names a file uses and
brings them under the module's own; `_compare` holds every entry against the module's; and
`FitReport.check` says what does not fit. The names of the authors' SalFoM files are those of
`official.py`, the names of an encoder's publishers those of its `adapt_weights`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from torch import Tensor, nn

from ..encoders import Encoder
from ..errors import CheckpointError, one_line
from ..types import AdaptedWeights
from .checkpoint import Checkpoint
from .finite import not_finite
from .fit_report import FitReport
from .official import from_official
from .read import read_checkpoint
from .stored_config import ODD, blamed_on, read_json

ENCODER, DECODER = 'encoder.', 'decoder.'


def load_weights(
    module: nn.Module, checkpoint: str | Path | Checkpoint, *, accept_encoder: bool = False
) -> FitReport:
    """Load a checkpoint into a model or an encoder; nothing is left over or out in silence.

    Args:
        module: receives the weights.
        checkpoint: what `locate` takes, or what `read_checkpoint` gave.
        accept_encoder: see `fit_weights`.

    Returns:
        What was loaded from where.

    Raises:
        CheckpointError: missing or unexpected entries, or another shape; the module is unchanged.
    """
    if not isinstance(checkpoint, Checkpoint):
        checkpoint = read_checkpoint(checkpoint)
    with checkpoint.plugin_hints():
        state, report = fit_weights(module, checkpoint, accept_encoder=accept_encoder)
        report.check()
    checkpoint.warn_of_absent_plugins()
    # Checked before, so that this cannot stop half-way; a part leaves the rest as it is.
    module.load_state_dict(state, strict=report.part != 'encoder')
    return report


def load_pretrained(encoder: Encoder) -> FitReport | None:
    """Load what the `pretrained` of an encoder names.

    Returns:
        What was loaded; None where it names nothing.

    Raises:
        CheckpointError: weights that cannot be had or do not fit.
    """
    source = str(encoder.pretrained)
    try:
        found = encoder.pretrained_weights()
    except CheckpointError:
        raise
    except Exception as error:
        # Hub, network, reading of the file and the library's checks each fail in their own way.
        raise CheckpointError(
            f'{source}: the library of {type(encoder).__name__} cannot load these weights '
            f'({one_line(error)}); without pretrained, a downloaded file can be given as '
            'model.encoder.init_cfg'
        ) from error
    if found is None:
        return None
    return load_weights(encoder, found if isinstance(found, str) else Checkpoint(found, source))


def fit_weights(
    module: nn.Module,
    checkpoint: Checkpoint,
    *,
    accept_encoder: bool = False,
) -> tuple[dict[str, Tensor], FitReport]:
    """Find for every entry of a module its source in a checkpoint; nothing is loaded.

    Args:
        module: a model, an encoder or a part of one; it may be on `meta`.
        checkpoint: where the entries come from.
        accept_encoder: an encoder's weights may fill the encoder of a whole model, whose other
            entries then stay as they are.

    Returns:
        The entries found, by the module's names, and the report; its `check()` raises where
        anything does not fit.

    Raises:
        CheckpointError: an encoder's weights for a whole model without `accept_encoder`.
    """
    own = module.state_dict()
    with blamed_on(checkpoint.source, ODD):
        part, found = _map_names(module, own, checkpoint)
    if part == 'encoder' and _has_decoder(own) and not accept_encoder:
        raise CheckpointError(
            f'{checkpoint.source}: holds the weights of an encoder alone ({found.kind} names), and '
            'a whole model is wanted here; give it as model.encoder.init_cfg for training'
        )
    state, report = _compare(own, part, found, checkpoint)
    _compare_order(own, report, checkpoint)
    return state, report


# Names --------------------------------------------------------------------------------------------


def _map_names(
    module: nn.Module, own: Mapping[str, Tensor], checkpoint: Checkpoint
) -> tuple[str, AdaptedWeights]:
    """The part of the module that a file is for, and the file's entries by the module's names."""
    weights, is_model = checkpoint.weights, _has_decoder(own)
    encoder = module if isinstance(module, Encoder) else getattr(module, 'encoder', None)
    is_official = checkpoint.is_official
    whole = from_official(weights, own) if is_official else _unchanged(weights)
    found = None if is_official else _ask(encoder, weights, checkpoint.source)
    # The file's names by those that the encoder is asked about, and what is not for it.
    origin = {key: key for key in weights}
    dropped: dict[str, str] = {}
    if found is None:
        if is_model and _has_decoder(whole.weights):
            return 'model', whole
        if not is_model and not isinstance(encoder, Encoder):
            return 'module', whole
        names = [key.removeprefix(ENCODER) for key in own if key.startswith(ENCODER)]
        inner, origin, dropped = _encoder_of(whole, names if is_model else own)
        # What was found inside a whole model's file may still need a place in the encoder.
        found = _ask(encoder, inner, checkpoint.source) or _unchanged(inner)
    prefix = ENCODER if is_model else ''
    derived, kept, wrong = (
        {prefix + name: text for name, text in texts.items()}
        for texts in (found.derived, found.kept, found.wrong)
    )
    return 'encoder', AdaptedWeights(
        whole.kind if is_official else found.kind,
        {prefix + name: value for name, value in found.weights.items()},
        {prefix + name: origin[key] for name, key in found.sources.items()},
        {**dropped, **{origin[key]: why for key, why in found.dropped.items()}},
        derived,
        kept,
        wrong,
    )


def _has_decoder(names: Collection[str]) -> bool:
    return any(name.startswith(DECODER) for name in names)


def _ask(
    encoder: nn.Module | None, weights: Mapping[str, Tensor], source: str
) -> AdaptedWeights | None:
    """What the encoder itself makes of the names, None where it does not know them."""
    try:
        return encoder.adapt_weights(weights) if isinstance(encoder, Encoder) else None
    except CheckpointError as error:
        raise CheckpointError(f'{source}: {error}') from error


def _unchanged(weights: Mapping[str, Tensor]) -> AdaptedWeights:
    return AdaptedWeights('salkit', dict(weights), {key: key for key in weights})


def _encoder_of(
    whole: AdaptedWeights, names: Collection[str]
) -> tuple[dict[str, Tensor], dict[str, str], dict[str, str]]:
    """What an encoder with these names takes of a model, the file's names by theirs, the rest."""
    inner, origin, dropped = {}, {}, dict(whole.dropped)
    for name, value in whole.weights.items():
        if name.startswith(DECODER) and name not in names:
            dropped[whole.sources[name]] = 'belongs to the decoder'
        else:
            short = name if name in names else name.removeprefix(ENCODER)
            inner[short], origin[short] = value, whole.sources[name]
    return inner, origin, dropped


# Entries ------------------------------------------------------------------------------------------


def _compare_order(own: Mapping[str, Tensor], report: FitReport, checkpoint: Checkpoint) -> None:
    """Note branches that the file's model joins in another order: that only shows in the maps."""
    stored: object = read_json(checkpoint.meta.get('model'))
    for key in ('decoder', 'branches'):
        stored = stored.get(key) if isinstance(stored, Mapping) else None
    names = [key.split('.')[2] for key in own if key.startswith('decoder.branches.')]
    known = stored if isinstance(stored, Mapping) else {}
    mine = [name for name in dict.fromkeys(names) if name in known]
    theirs = [name for name in known if name in mine]
    if theirs != mine:
        report.wrong['decoder.branches'] = (
            f'decoder.branches are in the order {", ".join(theirs)}, expected {", ".join(mine)}, '
            'as the config has them'
        )


def _compare(
    own: Mapping[str, Tensor], part: str, found: AdaptedWeights, checkpoint: Checkpoint
) -> tuple[dict[str, Tensor], FitReport]:
    """Hold what was found against the module's entries."""
    report = FitReport(
        checkpoint.source,
        found.kind,
        part,
        derived=dict(found.derived),
        kept=dict(found.kept),
        dropped=dict(found.dropped),
        wrong=dict(found.wrong),
    )
    state = {}
    for name, value in found.weights.items():
        source = found.sources.get(name)
        if name not in own:
            report.unexpected.append(source or name)
            continue
        shape = tuple(own[name].shape)
        if tuple(value.shape) != shape:
            report.wrong[name] = f'{name} has shape {tuple(value.shape)}, expected {shape}'
            continue
        state[name] = value.to(own[name].dtype)
        if problem := not_finite(state[name]):
            report.wrong[name] = f'{name} {problem}'
        if source is not None:
            report.used[name] = source
            report.cast += checkpoint.weights[source].dtype != own[name].dtype
    # The entries that are wrong have been named by their reason.
    placed = {*found.sources.values(), *found.dropped}
    report.unexpected += [key for key in checkpoint.weights if key not in placed]
    is_part = part == 'encoder' and _has_decoder(own)
    explained = {*state, *report.wrong, *report.kept}
    report.missing = [
        name for name in own if name not in explained and (not is_part or name.startswith(ENCODER))
    ]
    return state, report

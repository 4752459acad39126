"""The parts of a model that take its time: encoder, each branch, fusion."""

from __future__ import annotations

import torch
from torch import nn

from .saliency_model import SaliencyModel


def model_parts(model: SaliencyModel) -> dict[str, nn.Module]:
    """The parts by name, in the order in which they run.

    A decoder of branches is `fusion` and the names of its branches, any other one `decoder`.
    """
    found: dict[str, nn.Module] = dict(encoder=model.encoder)
    branches = getattr(model.decoder, 'branches', None)
    if isinstance(branches, nn.ModuleDict) and hasattr(model.decoder, 'fusion'):
        return found | dict(branches.items()) | dict(fusion=model.decoder.fusion)
    return found | dict(decoder=model.decoder)


def compile_parts(model: SaliencyModel) -> None:
    """Replace each of the `model_parts` by what torch.compile makes of it.

    The weights are the same; the first call then takes long.
    """
    for name, part in model_parts(model).items():
        if name in ('encoder', 'decoder'):
            setattr(model, name, torch.compile(part))
        elif name == 'fusion':
            model.decoder.fusion = torch.compile(part)
        else:
            model.decoder.branches[name] = torch.compile(part)

"""Which parameters an encoder's features depend on, found without computing anything."""

from __future__ import annotations

import math
from collections.abc import Collection
from contextlib import ExitStack

import torch
from torch import Tensor, nn
from torch.func import functional_call

from salkit.encoders import Encoder


def _clip_shape(encoder: Encoder) -> tuple[int, ...]:
    if encoder.fixed_size:
        return (1, 3, encoder.clip_len, *encoder.fixed_size)
    # Large enough for windows and strides of 32.
    side = encoder.size_divisor * math.ceil(64 / encoder.size_divisor)
    return (1, 3, encoder.clip_len, side, side)


def _leaves(features: tuple[Tensor, ...]) -> set[int]:
    """The ids of all leaf tensors in the autograd graph of `features`."""
    nodes = [f.grad_fn for f in features if f.grad_fn is not None]
    seen, leaves = set(nodes), set()
    while nodes:
        node = nodes.pop()
        if hasattr(node, 'variable'):
            leaves.add(id(node.variable))
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                nodes.append(following)
    return leaves


def reached_parameters(
    encoder: Encoder, names: Collection[str], watched: Collection[nn.Module] = ()
) -> tuple[set[str], set[nn.Module]]:
    """Which parameters the features are computed from.

    One clip is run with tensors that have shapes and no values, and the graph it leaves is read, so
    that this costs no memory and works on any device, 'meta' included. An encoder that cannot run
    so, as it looks at values, is run for real instead.

    Args:
        encoder: in the mode it has; evaluation mode keeps chance out.
        names: parameters to look for.
        watched: modules inside it.

    Returns:
        Those of `names` that have a part in the features, and those of `watched` that were called.

    Raises:
        RuntimeError: the encoder runs neither way; whatever it raises.
    """
    from torch._subclasses.fake_tensor import FakeTensorMode

    sample = next(encoder.parameters())
    called: set[nn.Module] = set()
    stack = ExitStack()
    for module in watched:
        hook = module.register_forward_pre_hook(lambda module, _: called.add(module))
        stack.callback(hook.remove)
    with stack, torch.enable_grad():
        try:
            # Tables that are no buffers hold values on the CPU: everything else meets them there.
            with torch.device('cpu'), FakeTensorMode(allow_non_fake_inputs=True):
                tensors = {
                    name: torch.empty_like(value, device='cpu', requires_grad=name in names)
                    for name, value in [*encoder.named_parameters(), *encoder.named_buffers()]
                }
                clip = torch.empty(_clip_shape(encoder), dtype=sample.dtype)
                leaves = _leaves(functional_call(encoder, tensors, (clip,)))
        except Exception:
            # Code that looks at values fails in as many ways as there are kinds of code.
            called.clear()
            tensors = dict(encoder.named_parameters())
            clip = torch.zeros(_clip_shape(encoder), device=sample.device, dtype=sample.dtype)
            with torch.random.fork_rng(devices=[]):
                leaves = _leaves(encoder(clip))
    return {name for name in names if id(tensors[name]) in leaves}, called

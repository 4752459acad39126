"""From a model to one graph without Python: what a file is made of."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ...errors import ConfigError, one_line
from ...media.clips import ClipSettings
from ..backends.metadata import INPUT, sized

PRECISIONS = {'float32': torch.float32, 'float16': torch.float16}


class ClipToMap(nn.Module):
    """A model with float32 at both ends, whatever it computes in.

    Args:
        model: a `SaliencyModel`.
        precision: of the model's weights.
    """

    def __init__(self, model: nn.Module, precision: torch.dtype) -> None:
        super().__init__()
        self.model = model
        self.precision = precision

    def forward(self, clip: Tensor) -> Tensor:
        """Map a normalized clip (B, 3, T, H, W) to the saliency_map (B, H, W)."""
        return self.model(clip.to(self.precision)).float()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the notes that PyTorch and onnxscript write for their own developers off the screen."""
    loggers = [logging.getLogger(name) for name in ('torch', 'onnxscript', 'onnx_ir')]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def export_errors(config: str, step: str) -> Iterator[None]:
    """Turn whatever PyTorch fails with into one line."""
    try:
        yield
    except (OSError, MemoryError):
        raise
    # The exporters fail with errors of their own classes and of Python's.
    except Exception as error:
        cause = error.__cause__ or error
        raise ConfigError(
            f'{config}: {step} failed, PyTorch {torch.__version__} cannot export this model '
            f'({type(cause).__name__}: {one_line(cause)[:300]}); --traceback shows where'
        ) from error


def trace(
    model: nn.Module, settings: ClipSettings, precision: str, dynamic_batch: bool
) -> torch.export.ExportedProgram:
    """Trace a model with `torch.export`.

    The model is changed: it gets the precision, and parameters no longer ask for gradients.

    Args:
        model: a `SaliencyModel` in evaluation mode, on the CPU.
        settings: length and size of the clips, which the graph is made for.
        precision: 'float32' or 'float16'.
        dynamic_batch: whether the graph takes any number of clips, or one.

    Returns:
        A program from `clip` (B, 3, T, H, W) float32 to (B, H, W) float32.
    """
    # A mask that might need a gradient, such as the position bias of a window, has PyTorch choose
    # another attention when the graph is simplified than when it was traced; their memory layouts
    # do not agree.
    model.requires_grad_(False).to(PRECISIONS[precision])
    # A batch of one would be taken for a constant.
    batch = 2 if dynamic_batch else 1
    example = torch.zeros(batch, 3, settings.clip_len, *sized(settings))
    shapes = {INPUT: {0: torch.export.Dim('batch', min=1)}} if dynamic_batch else None
    with torch.no_grad(), quiet():
        return torch.export.export(
            ClipToMap(model, PRECISIONS[precision]).eval(), (example,), dynamic_shapes=shapes
        )

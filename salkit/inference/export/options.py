"""What an exported file is made like, and whether that fits, asked before PyTorch is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import ConfigError
from ...utils.text import check_choice

PRECISIONS = ('float32', 'float16', 'int8')
# Lower ones lack operators that the exporter needs; PyTorch converts no further down.
OPSETS = range(18, 26)


@dataclass(frozen=True)
class ExportOptions:
    """What a file is made like.

    Attributes:
        precision: 'float32', 'float16', or 'int8' for the encoder, see `quantize`.
        dynamic_batch: take any number of clips at once; otherwise one.
        size: (rows, columns) of the clips, where it is not to be that of the config's test set.
        opset: version of the ONNX operators; None for the exporter's choice.
        options: overrides of the config.
        tolerance: largest difference allowed; of any value, in float16 and int8 as a share of the
            maps' range. None for that of `BOUNDS` in `exporting`.
        random_weights: do without a checkpoint, for trials.

    Raises:
        ConfigError: a precision, opset or tolerance that is not possible.
    """

    precision: str = 'float32'
    dynamic_batch: bool = False
    size: tuple[int, int] | None = None
    opset: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    tolerance: float | None = None
    random_weights: bool = False

    def __post_init__(self) -> None:
        check_choice('export', 'precision', self.precision, PRECISIONS)
        if self.opset is not None and self.opset not in OPSETS:
            raise ConfigError(f'--opset must be {OPSETS[0]} to {OPSETS[-1]}, got {self.opset}')
        if self.tolerance is not None and not self.tolerance > 0:
            raise ConfigError(f'--tolerance must be above 0, got {self.tolerance}')

    def check_weights(self, model: str, are_there: bool) -> None:
        """Raise ConfigError unless `model` has either its weights or random ones."""
        if are_there and self.random_weights:
            raise ConfigError(f'{model}: has its weights, which --random does not go with')
        if not are_there and not self.random_weights:
            raise ConfigError(
                f'{model}: expected either its weights (--checkpoint, or a work dir as the config) '
                'or --random, to try what runs the file'
            )


def check_export_place(out: str | Path) -> None:
    """Raise ConfigError where `out` is no name for the file."""
    if Path(out).suffix != '.onnx' or Path(out).is_dir():
        raise ConfigError(f'{out}: expected the name of a file that ends in .onnx')

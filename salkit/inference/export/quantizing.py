"""A model in float32 as one whose encoder computes in int8, by the tools of onnxruntime."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ...errors import ConfigError
from ..backends.exported import INPUT

# Between convolutions, these are quantized with them: else values would go to and fro.
BETWEEN = ('Clip', 'Relu', 'Add')
# Of tokens, whose ranges differ from clip to clip: they are looked up as they come.
PRODUCTS = ('MatMul', 'Gemm')


def quantize(
    files: list[Path], target: Path, nodes: Collection[str], clips: Iterator[np.ndarray]
) -> Path:
    """Write an ONNX file anew, some of its operators in int8.

    Two-dimensional convolutions have weights for each channel and ranges of values that are looked
    up on clips beforehand; products with weights have ranges that are looked up as they run.

    Args:
        files: the model in float32, which are removed; the one to be opened last.
        target: the file to write.
        nodes: names of the operators that may be quantized.
        clips: normalized, (1, 3, T, H, W) float32 each.

    Returns:
        `target`.

    Raises:
        ConfigError: nothing that can be quantized.
    """
    import onnx
    from onnxruntime import quantization

    source = files[-1]
    # The sizes of weights are in the graph, also where they are in another file.
    model = onnx.load(source, load_external_data=False)
    ranks = {weight.name: len(weight.dims) for weight in model.graph.initializer}
    chosen = [node for node in model.graph.node if node.name in nodes]
    convolved = [n for n in chosen if n.op_type == 'Conv' and ranks.get(n.input[1]) == 4]
    between = [n for n in chosen if n.op_type in BETWEEN and convolved]
    products = [n.name for n in chosen if n.op_type in PRODUCTS and n.input[1] in ranks]
    if not convolved and not products:
        raise ConfigError(
            'precision int8: expected an encoder with 2-D convolutions or products with weights'
        )
    ranged = [node.name for node in (*convolved, *between)]
    del model, chosen, convolved, between
    # It advises what does not matter here.
    logging.disable(logging.WARNING)
    try:
        with TemporaryDirectory(dir=target.parent) as folder:
            if ranged:
                quantized = Path(folder) / 'ranged.onnx' if products else target
                quantization.quantize_static(
                    source,
                    quantized,
                    _Reader(clips),
                    op_types_to_quantize=['Conv', *BETWEEN],
                    nodes_to_quantize=ranged,
                    per_channel=True,
                    activation_type=quantization.QuantType.QUInt8,
                    weight_type=quantization.QuantType.QInt8,
                )
                source = quantized
            if products:
                quantization.quantize_dynamic(
                    source,
                    target,
                    op_types_to_quantize=list(PRODUCTS),
                    nodes_to_quantize=products,
                    per_channel=True,
                    weight_type=quantization.QuantType.QInt8,
                )
    finally:
        logging.disable(logging.NOTSET)
    for path in files:
        path.unlink()
    return target


class _Reader:
    """Clips as onnxruntime asks for them."""

    def __init__(self, clips: Iterator[np.ndarray]) -> None:
        self._clips = clips

    def get_next(self) -> dict[str, np.ndarray] | None:
        clip = next(self._clips, None)
        return None if clip is None else {INPUT: clip}

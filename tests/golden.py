"""Weights and inputs that follow from their names alone, as the golden tensors were made with."""

import zlib
from pathlib import Path

import numpy as np
import torch

DATA = Path(__file__).parent / 'data'


def _normal(name, shape):
    generator = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
    return generator.standard_normal(tuple(shape), dtype=np.float32)


def tensor(name, shape):
    """A standard-normal input."""
    return torch.from_numpy(_normal(name, shape))


def weight(name, shape):
    """A weight under its official name: kernels N(0, 1 / fan-in), norms about 1, biases small."""
    values = _normal(name, shape)
    if 'relative_position_bias_table' in name:
        values *= 0.2
    elif len(shape) > 1:
        values *= np.float32(np.prod(shape[1:]) ** -0.5)
    elif 'norm' in name and name.endswith('weight'):
        values = 1 + 0.1 * values
    else:
        values = 0.02 * values
    return torch.from_numpy(np.asarray(values, np.float32))


def official_entries():
    """(key, shape, kind) of the official SalFoM state dict."""
    lines = (DATA / 'salfom_state_dict.tsv').read_text().splitlines()[1:]
    for line in lines:
        key, shape, _, kind = line.split('\t')
        yield key, tuple(map(int, shape.split('x'))), kind

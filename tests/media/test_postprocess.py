"""Two matrices do what interpolation and convolution do."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from salkit.errors import ConfigError
from salkit.media.postprocess import postprocess_array, postprocess_matrices
from salkit.models import postprocess_map

SIDES = st.integers(1, 60)


def by_convolution(maps, size, blur_kernel):
    """(B, h, w) -> (B, *size) with PyTorch's own operators."""
    maps = maps[:, None]
    if tuple(maps.shape[-2:]) != size:
        maps = F.interpolate(maps, size, mode='bilinear', align_corners=False)
    if blur_kernel:
        half = blur_kernel // 2
        place = torch.arange(-half, half + 1, dtype=maps.dtype)
        sigma = 0.3 * (half - 1) + 0.8
        kernel = torch.softmax(-(place**2) / (2 * sigma**2), 0)
        mode = 'reflect' if min(size) > half else 'replicate'
        maps = F.pad(maps, (half,) * 4, mode=mode)
        maps = F.conv2d(maps, kernel.view(1, 1, 1, -1))
        maps = F.conv2d(maps, kernel.view(1, 1, -1, 1))
    return maps[:, 0]


@given(st.tuples(SIDES, SIDES), st.tuples(SIDES, SIDES), st.sampled_from([0, 1, 3, 11, 15]))
def test_resizing_and_blurring(shape, size, blur_kernel):
    maps = torch.from_numpy(np.random.default_rng(0).random((2, *shape), np.float32))
    expected = by_convolution(maps.double(), size, blur_kernel)
    ours = postprocess_map(maps, size, blur_kernel)
    assert ours.dtype == torch.float32
    # The place of a pixel among 60 is rounded to 4e-6 of their distance.
    torch.testing.assert_close(ours.double(), expected, rtol=0, atol=1e-5)
    single = postprocess_array(maps[0].numpy(), size, blur_kernel)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected[0].numpy(), rtol=0, atol=1e-5)


def test_a_frame_of_full_hd():
    maps = torch.rand(1, 224, 384, generator=torch.Generator().manual_seed(0))
    expected = by_convolution(maps.double(), (1080, 1920), 11)
    # The place of a pixel among 384 is rounded to 3e-5 of their distance.
    ours = postprocess_map(maps, (1080, 1920)).double()
    torch.testing.assert_close(ours, expected, rtol=0, atol=3e-5)


@given(st.tuples(SIDES, SIDES), st.tuples(SIDES, SIDES))
def test_an_even_map_stays_even(shape, size):
    rows, columns = postprocess_matrices(shape, size)
    np.testing.assert_allclose(rows.sum(1), 1)
    np.testing.assert_allclose(columns.sum(1), 1)


@pytest.mark.parametrize('blur_kernel', [-1, 4])
def test_kernels_are_odd(blur_kernel):
    with pytest.raises(ConfigError, match=f'blur_kernel .* got {blur_kernel}'):
        postprocess_array(np.zeros((4, 4), np.float32), (4, 4), blur_kernel)

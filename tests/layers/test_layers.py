import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from salkit.layers import (
    TemporalWindowBlock,
    factor_pair,
    prime_factors,
    resize_position_table,
    sine_cosine_table,
    temporal_strides,
    upsample,
)


@given(st.integers(1, 200))
def test_temporal_strides_end_at_one_without_a_rest(length):
    first, second, last = temporal_strides(length)
    assert first * second * last == length
    assert length // first >= min(8, length)


def test_temporal_strides_of_the_paper():
    assert temporal_strides(16) == (2, 2, 4)
    assert temporal_strides(8) == (1, 2, 4)
    assert temporal_strides(1) == (1, 1, 1)


@given(st.integers(1, 500))
def test_factors_multiply_to_the_number(number):
    product = 1
    for factor in prime_factors(number):
        assert all(factor % d for d in range(2, factor))
        product *= factor
    large, small = factor_pair(number)
    assert product == number == large * small and large >= small


def test_sine_cosine_table_is_the_formula():
    table = sine_cosine_table(50, 6)[0]
    angle = torch.tensor(7 / 10000 ** (2 / 6), dtype=torch.float64)
    assert table[7, 2] == pytest.approx(angle.sin().item(), abs=1e-7)
    assert table[7, 3] == pytest.approx(angle.cos().item(), abs=1e-7)


def test_resizing_positions_keeps_the_order_of_axes():
    # A table that counts frames in one channel and columns in the other.
    axes = (torch.arange(4.0), torch.arange(3.0), torch.arange(6.0))
    t, _, w = torch.meshgrid(*axes, indexing='ij')
    table = torch.stack([t, w], -1).reshape(1, -1, 2)
    longer = resize_position_table(table, (4, 3, 6), (8, 3, 6)).reshape(8, 3, 6, 2)
    assert (longer[1:, 0, 0, 0] > longer[:-1, 0, 0, 0]).sum() >= 6
    torch.testing.assert_close(longer[0, 0, :, 1], torch.arange(6.0))
    wider = resize_position_table(table, (4, 3, 6), (4, 3, 12)).reshape(4, 3, 12, 2)
    torch.testing.assert_close(wider[2, ..., 0], torch.full((3, 12), 2.0))


def brute_force_attention(attention, tokens, allowed):
    """Softmax attention of one sequence, pair by pair."""
    dim = tokens.shape[-1]
    heads, size = attention.num_heads, dim // attention.num_heads
    q, k, v = attention.qkv(tokens).split(dim, dim=-1)
    out = torch.zeros_like(tokens)
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        scores = q[:, part] @ k[:, part].T / size**0.5
        for i in range(len(tokens)):
            for j in range(len(tokens)):
                offset = i - j + attention.window - 1
                if allowed(i, j):
                    scores[i, j] += attention.relative_position_bias_table[offset, head]
                else:
                    scores[i, j] = float('-inf')
        out[:, part] = scores.softmax(-1) @ v[:, part]
    return attention.proj(out)


@settings(deadline=None, max_examples=30)
@given(
    length=st.integers(1, 13),
    window=st.integers(1, 5),
    shifted=st.booleans(),
    by_keys=st.booleans(),
    seed=st.integers(0, 99),
)
def test_window_attention_equals_brute_force(length, window, shifted, by_keys, seed):
    torch.manual_seed(seed)
    block = TemporalWindowBlock(8, window, shifted, num_heads=2)
    block.attn.by_keys = by_keys
    torch.nn.init.normal_(block.attn.relative_position_bias_table)
    tokens = torch.randn(1, length, 8)
    shift = window // 2 if shifted and length > window else 0

    def window_of(i):
        # Windows start `shift` frames in; the cut-off ends at both sides stand alone.
        return (i - shift) // window if length > window else 0

    with torch.no_grad():
        expected = (
            brute_force_attention(block.attn, tokens[0], lambda i, j: window_of(i) == window_of(j))
            if length > window
            else None
        )
        if expected is None:
            expected = brute_force_attention(block.attn, tokens[0], lambda i, j: True)
        torch.testing.assert_close(block._attend(tokens)[0], expected, atol=1e-5, rtol=1e-4)


def test_upsample_leaves_time_alone():
    feature = torch.randn(1, 2, 3, 4, 5)
    large = upsample(feature, 4)
    assert large.shape == (1, 2, 3, 16, 20)
    torch.testing.assert_close(upsample(feature[:, :, 1], 4), large[:, :, 1])
    assert upsample(feature, 1) is feature

"""How a decoder takes the temporal axis of any encoder down to the one frame it predicts."""


def prime_factors(number: int) -> list[int]:
    """Prime factors of `number` >= 1, largest first; empty for 1."""
    factors, divisor = [], 2
    while number > 1:
        while number % divisor == 0:
            factors.append(divisor)
            number //= divisor
        divisor += 1
    return factors[::-1]


def factor_pair(number: int) -> tuple[int, int]:
    """The two factors of `number` that lie closest together, the larger first: 4 -> (2, 2)."""
    small = max(d for d in range(1, int(number**0.5) + 1) if number % d == 0)
    return number // small, small


def temporal_strides(length: int) -> tuple[int, int, int]:
    """Strides that take `length` time steps to about 8, then about 4, then exactly 1.

    Each stride divides the length it meets, so that no time step is ever cut off: 16 -> (2, 2, 4),
    8 -> (1, 2, 4), the two cases of the paper. Where a target cannot be met exactly the length
    stays above it: 10 -> (1, 2, 5).
    """
    strides = []
    for target in (8, 4):
        divisors = [d for d in range(1, length + 1) if length % d == 0 and length // d >= target]
        strides.append(max(divisors, default=1))
        length //= strides[-1]
    return strides[0], strides[1], length

"""Parts that several encoders and decoders share."""

from .attention import TemporalWindowBlock
from .conv import conv_relu, upsample
from .positions import resize_position_table, sine_cosine_table
from .temporal import factor_pair, prime_factors, temporal_strides

__all__ = [
    'TemporalWindowBlock',
    'conv_relu',
    'factor_pair',
    'prime_factors',
    'resize_position_table',
    'sine_cosine_table',
    'temporal_strides',
    'upsample',
]

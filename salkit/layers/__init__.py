"""Parts that several encoders and decoders share."""

from .attention import TemporalWindowAttention, TemporalWindowBlock
from .conv import conv_relu, upsample
from .convolved_linear import ConvolvedLinear, replace_linears
from .dot_product import DotProductAttention, set_explicit_attention
from .folding import fold_batch_norms
from .int8 import Int8Linear
from .positions import TABLE_THW, fixed_table, resize_position_table, sine_cosine_table
from .temporal import factor_pair, prime_factors, temporal_strides
from .time_folding import faster_convolutions

__all__ = [
    'TABLE_THW',
    'ConvolvedLinear',
    'DotProductAttention',
    'Int8Linear',
    'TemporalWindowAttention',
    'TemporalWindowBlock',
    'conv_relu',
    'factor_pair',
    'faster_convolutions',
    'fixed_table',
    'fold_batch_norms',
    'prime_factors',
    'replace_linears',
    'resize_position_table',
    'set_explicit_attention',
    'sine_cosine_table',
    'temporal_strides',
    'upsample',
]

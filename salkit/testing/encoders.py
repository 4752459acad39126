"""The suite of encoders."""

from __future__ import annotations

from .encoder_behaviour import EncoderBehaviour
from .encoder_training import EncoderTraining
from .encoder_weights import EncoderWeights


class EncoderSuite(EncoderBehaviour, EncoderTraining, EncoderWeights):
    """What every encoder must do (see `salkit.encoders.Encoder`).

        class TestTinyEncoder(EncoderSuite):
            part = TinyEncoder
            smoke = dict(width=8, clip_len=4)

    Attributes:
        part: the encoder class.
        smoke: arguments of a tiny instance; None takes those that it was registered with.
        size: (rows, columns) of the clips; None takes a small size that is not square.
        frame_order_matters: whether a clip played backwards has other features.
        bfloat16_tolerance: how far features under bfloat16 autocast may be off, relative norm.
    """

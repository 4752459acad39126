"""Decoders: whole ones, and the branches they are put together from."""

from .base import Branch, BranchOutput, Decoder
from .dfd import DFDBranch
from .fusion import ConvFusion
from .multi_branch import MultiBranchDecoder
from .readout import ReadoutDecoder
from .sfd import SFDBranch
from .swin3d import Swin3DBranch

__all__ = [
    'Branch',
    'BranchOutput',
    'ConvFusion',
    'DFDBranch',
    'Decoder',
    'MultiBranchDecoder',
    'ReadoutDecoder',
    'SFDBranch',
    'Swin3DBranch',
]

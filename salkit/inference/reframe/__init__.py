"""Cut a window of another aspect ratio out of a video: where it keeps most of the attention."""

from ...utils.reframe_options import ReframeOptions
from .reframing import KeptAttention, Reframing, reframe, reframe_by_stored

__all__ = ['KeptAttention', 'ReframeOptions', 'Reframing', 'reframe', 'reframe_by_stored']

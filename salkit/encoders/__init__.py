"""Video foundation models as encoders."""

from .base import Encoder
from .timm_frames import TimmFrameEncoder
from .torchvision_video import TorchvisionVideoEncoder
from .umt import UMTEncoder

__all__ = ['Encoder', 'TimmFrameEncoder', 'TorchvisionVideoEncoder', 'UMTEncoder']

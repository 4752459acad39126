"""What happens to one sample between its files and the collated batch."""

from .color_jitter_clip import ColorJitterClip
from .flip_clip import FlipClip
from .load_clip import LoadClip
from .load_targets import LoadTargets
from .pack_clip import PackClip
from .random_resized_crop_clip import RandomResizedCropClip
from .recolor_clip import RecolorClip

__all__ = [
    'ColorJitterClip',
    'FlipClip',
    'LoadClip',
    'LoadTargets',
    'PackClip',
    'RandomResizedCropClip',
    'RecolorClip',
]

"""What happens to one sample between its files and the collated batch."""

from .color_jitter_clip import ColourJitterClip
from .flip_clip import FlipClip
from .load_clip import LoadClip
from .load_targets import LoadTargets
from .pack_clip import PackClip
from .random_resized_crop_clip import RandomResizedCropClip
from .recolor_clip import RecolourClip

__all__ = [
    'ColourJitterClip',
    'FlipClip',
    'LoadClip',
    'LoadTargets',
    'PackClip',
    'RandomResizedCropClip',
    'RecolourClip',
]

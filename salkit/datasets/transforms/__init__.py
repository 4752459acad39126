"""What happens to one sample between its files and the collated batch."""

from .augment import ColorJitterClip, FlipClip, RandomResizedCropClip, RecolorClip
from .load_clip import LoadClip
from .load_features import LoadFeatures
from .load_targets import LoadTargets
from .pack_clip import PackClip

__all__ = [
    'ColorJitterClip',
    'FlipClip',
    'LoadClip',
    'LoadFeatures',
    'LoadTargets',
    'PackClip',
    'RandomResizedCropClip',
    'RecolorClip',
]

"""What happens to one sample between its files and the collated batch."""

from .flip_clip import FlipClip
from .load_clip import LoadClip
from .load_targets import LoadTargets
from .pack_clip import PackClip
from .recolour_clip import RecolourClip

__all__ = ['FlipClip', 'LoadClip', 'LoadTargets', 'PackClip', 'RecolourClip']

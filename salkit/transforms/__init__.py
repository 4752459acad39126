"""What happens to one sample between its files and the collated batch."""

from .load_clip import LoadClip
from .load_targets import LoadTargets
from .pack_clip import PackClip

__all__ = ['LoadClip', 'LoadTargets', 'PackClip']

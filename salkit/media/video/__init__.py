"""Reading videos, frame-exact, and writing them for browsers."""

from .info import VIDEO_SUFFIXES, VideoInfo, is_video
from .reader import VideoReader, open_video
from .sound import SoundPart
from .writer import VideoWriter

__all__ = [
    'VIDEO_SUFFIXES',
    'SoundPart',
    'VideoInfo',
    'VideoReader',
    'VideoWriter',
    'is_video',
    'open_video',
]

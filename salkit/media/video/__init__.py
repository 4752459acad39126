"""Reading videos, frame-exact, and writing them for browsers."""

from .info import VIDEO_SUFFIXES, VideoInfo, is_video
from .pool import close_videos, open_video
from .reader import VideoReader
from .sound import SoundPart
from .writer import VideoWriter

__all__ = [
    'VIDEO_SUFFIXES',
    'SoundPart',
    'VideoInfo',
    'VideoReader',
    'VideoWriter',
    'close_videos',
    'is_video',
    'open_video',
]

"""Reading videos, frame-exact."""

from .info import VIDEO_SUFFIXES, VideoInfo, is_video
from .pool import close_videos, open_video
from .reader import VideoReader

__all__ = [
    'VIDEO_SUFFIXES',
    'VideoInfo',
    'VideoReader',
    'close_videos',
    'is_video',
    'open_video',
]

"""Reading videos, frame-exact, and writing them for browsers."""

from .frame_index import VideoInfo
from .reader import VideoReader, open_video
from .sound import SoundPart
from .source import VIDEO_SUFFIXES, VideoSource, is_video, open_file, stimulus_name
from .writer import VideoWriter

__all__ = [
    'VIDEO_SUFFIXES',
    'SoundPart',
    'VideoInfo',
    'VideoReader',
    'VideoSource',
    'VideoWriter',
    'is_video',
    'open_file',
    'open_video',
    'stimulus_name',
]

"""What is known of a video before its frames are read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

# Suffixes of video files, in lower case.
VIDEO_SUFFIXES = (
    *('.3gp', '.asf', '.avi', '.flv', '.m2ts', '.m4v', '.mkv', '.mov', '.mp4', '.mpeg'),
    *('.mpg', '.mts', '.mxf', '.ogv', '.ts', '.vob', '.webm', '.wmv'),
)


def is_video(path: str | Path) -> bool:
    """Whether a file is named as a video, whatever the case; it need not exist."""
    return Path(path).suffix.lower() in VIDEO_SUFFIXES


@dataclass(frozen=True, eq=False)
class VideoInfo:
    """A video's size and times.

    Attributes:
        frames: number of frames that a full sequential decode gives.
        height: rows of a frame as shown, in pixels as they are stored: the aspect ratio of a pixel
            is not applied.
        width: columns of a frame as shown.
        fps: frames per second, the average of the video.
        codec: FFmpeg's name of the codec, such as 'h264'.
        rotation: degrees clockwise that stored frames are turned by: 0, 90, 180 or 270. Frames are
            given turned (and mirrored, where the file says so).
        pixel_aspect: width of a pixel as shown by its height; 1 for square ones.
        duration: seconds from the start of the first frame to the end of the last one.
        truncated: whether the file was cut off: it promised more than it holds, or reading or
            decoding ended in an error. The frames that still decode are there.
        errors: packets that could not be decoded.
        times: (frames,) float64, seconds from the first frame to each.
    """

    frames: int
    height: int
    width: int
    fps: float
    codec: str
    rotation: int
    pixel_aspect: float
    duration: float
    truncated: bool
    errors: int
    times: np.ndarray

"""Frames as an encoder wants them: even sides, 4:2:0, times as whole numbers."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
from av import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

# AVCOL_RANGE_*, and BT.709 in AVCOL_PRI_*, AVCOL_TRC_* and AVCOL_SPC_*.
LIMITED, FULL, BT709 = 1, 2, 1
# A second has at least so many units of time.
TICKS = 90_000


def even(frame: np.ndarray) -> np.ndarray:
    """A frame with even sides: of odd ones, the last row or column is repeated."""
    odd = [(0, side % 2) for side in frame.shape[:2]]
    if any(after for _, after in odd):
        frame = np.pad(frame, odd + [(0, 0)] * (frame.ndim - 2), mode='edge')
    return np.ascontiguousarray(frame)


def color_picture(frame: np.ndarray, reformatter: VideoReformatter) -> VideoFrame:
    """(H, W, 3) uint8 RGB with even sides as BT.709, limited range.

    Args:
        frame: the colours.
        reformatter: one for all frames, since setting it up takes as long as converting one.
    """
    picture = av.VideoFrame.from_ndarray(frame, format='rgb24')
    return reformatter.reformat(
        picture,
        format='yuv420p',
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.MPEG,
        interpolation=Interpolation.BILINEAR
        | Interpolation.ACCURATE_RND
        | Interpolation.FULL_CHR_H_INP,
        threads=1,
    )


def gray_picture(levels: np.ndarray) -> VideoFrame:
    """(H, W) uint8 with even sides as luma of full range, each level as it is."""
    rows, columns = levels.shape
    planes = np.full((rows * 3 // 2, columns), 128, np.uint8)
    planes[:rows] = levels
    picture = av.VideoFrame.from_ndarray(planes, format='yuv420p')
    picture.color_range, picture.colorspace = FULL, BT709
    return picture


def exact_rate(fps: float | Fraction) -> Fraction:
    """Frames per second as a ratio: 23.976 is 24000/1001."""
    if isinstance(fps, Fraction):
        return fps.limit_denominator(100_000)
    whole = round(fps * 1.001)
    if fps != round(fps) and whole and abs(fps * 1.001 - whole) < 2e-3:
        return Fraction(whole * 1000, 1001)
    return Fraction(float(fps)).limit_denominator(1001)


def time_base(fps: Fraction) -> Fraction:
    """A unit of time of which a frame lasts a whole number, where that is not too fine."""
    if fps.numerator > TICKS * 4:
        return Fraction(1, TICKS)
    return Fraction(1, fps.numerator * -(-TICKS // fps.numerator))

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
    odd = [(0, side % 2) for side in frame.shape[:2]] + [(0, 0)] * (frame.ndim - 2)
    return np.ascontiguousarray(np.pad(frame, odd, mode='edge'))


def color_picture(frame: np.ndarray, reformatter: VideoReformatter) -> VideoFrame:
    """(H, W, 3) uint8 RGB as BT.709, limited range.

    Args:
        frame: the colours.
        reformatter: one for all frames, since setting it up takes as long as converting one.
    """
    return reformatter.reformat(
        av.VideoFrame.from_ndarray(even(frame), format='rgb24'),
        format='yuv420p',
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.MPEG,
        interpolation=Interpolation.BILINEAR
        | Interpolation.ACCURATE_RND
        | Interpolation.FULL_CHR_H_INP,
        threads=1,
    )


def gray_picture(levels: np.ndarray) -> VideoFrame:
    """(H, W) uint8 as luma of full range, each level as it is."""
    levels = even(levels)
    chroma = np.full((levels.shape[0] // 2, levels.shape[1]), 128, np.uint8)
    picture = av.VideoFrame.from_ndarray(np.concatenate([levels, chroma]), format='yuv420p')
    picture.color_range, picture.colorspace = FULL, BT709
    return picture


def time_base(fps: Fraction) -> Fraction:
    """A unit of time of which a frame lasts a whole number, where that is not too fine."""
    if fps.numerator > TICKS * 4:
        return Fraction(1, TICKS)
    return Fraction(1, fps.numerator * -(-TICKS // fps.numerator))

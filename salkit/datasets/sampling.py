"""Which frames make up a clip."""

from __future__ import annotations

from ..errors import ConfigError

HEADS = ('repeat-first', 'reverse-time', 'skip')
SAMPLINGS = ('random', 'strided', 'all')


def check_choice(owner: str, argument: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise ConfigError unless `value` is one of `choices`."""
    if value not in choices:
        raise ConfigError(f'{owner}: {argument} must be one of {", ".join(choices)}, got {value!r}')


def clip_indices(
    last: int, clip_len: int, num_frames: int, head: str = 'repeat-first'
) -> list[int]:
    """Frame numbers (from 0) of the clip that predicts frame `last`.

    Args:
        last: the frame predicted, 0 <= last < num_frames.
        clip_len: frames per clip.
        num_frames: frames of the video.
        head: what stands in for frames before the video's first: 'repeat-first' repeats that
            frame; 'reverse-time' takes the frames after `last` backwards, ending at `last` (the
            video's last frame is repeated where they run out); 'skip' as 'repeat-first', for
            videos shorter than a clip.

    Returns:
        `clip_len` numbers; the last is `last`.
    """
    if last >= clip_len - 1 or head != 'reverse-time':
        return [max(0, last - back) for back in range(clip_len - 1, -1, -1)]
    return [min(num_frames - 1, last + ahead) for ahead in range(clip_len - 1, -1, -1)]


def scored_frames(num_frames: int, clip_len: int, sampling: str, stride: int, head: str) -> range:
    """Frames of one video that are predicted, 'strided' or 'all'.

    'strided' gives the last frames of clips that lie inside the video, `stride` frames apart; 'all'
    every frame, less the first `clip_len - 1` under the head policy 'skip'. A video shorter than a
    clip always gives at least its last frame.
    """
    first = min(clip_len, num_frames) - 1
    if sampling == 'strided':
        return range(first, num_frames, stride)
    return range(first if head == 'skip' else 0, num_frames)

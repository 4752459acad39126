"""Features of clips, computed once by an encoder that is not trained, kept on disk.

A folder holds those of one encoder: `features.json` says of which, and each video is one .npy file,
mapped into memory, that holds one record of `FeatureIndex.video_type`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError
from ..utils.files import write_json
from ..utils.input_files import check_input_file
from .clip_cache import UNUSABLE, cached_file, open_cached, stamp_of

INDEX = 'features.json'
# NumPy has no bfloat16: its bits.
DTYPES = {'float32': np.float32, 'float16': np.float16, 'bfloat16': np.int16}
# Of an index, what changes no clip's features.
_WHICH_CLIPS = ('every', 'splits')


@dataclass(frozen=True)
class FeatureIndex:
    """What the features in a folder were made from.

    Attributes:
        encoder: its config as text, without what changes no feature.
        weights: their fingerprint.
        size: (rows, columns) of the clips.
        clip_len: frames of a clip.
        every: random clips end at every k-th frame.
        splits: whose clips are kept.
        dtype: that values are kept in, one of `DTYPES`.
        shapes: (C, t, h, w) of each feature of a clip.
    """

    encoder: str
    weights: str
    size: tuple[int, int]
    clip_len: int
    every: int
    splits: tuple[str, ...]
    dtype: str
    shapes: tuple[tuple[int, ...], ...]

    @classmethod
    def read(cls, folder: str | Path) -> FeatureIndex:
        """That of a folder.

        Raises:
            DataError: there is none, or it is damaged.
        """
        path = Path(folder).expanduser() / INDEX
        if not path.exists():
            raise DataError(f'{folder}: holds no features; salkit cache --features makes them')
        try:
            content = json.loads(check_input_file(path).read_bytes())
            shapes = tuple(tuple(map(int, shape)) for shape in content.pop('shapes'))
            size, splits = (tuple(content.pop(name)) for name in ('size', 'splits'))
            found = cls(**content, size=size, splits=splits, shapes=shapes)
            if found.dtype not in DTYPES or found.every < 1:
                raise ValueError(f'dtype {found.dtype}, every {found.every}')
        except (*UNUSABLE, AttributeError) as error:
            raise DataError(f'{path}: is no index of features ({error})') from error
        return found

    def write(self, folder: Path) -> None:
        """Write it into `folder`."""
        write_json(asdict(self), folder / INDEX)

    def differences(self, other: FeatureIndex) -> list[str]:
        """What of two is not the same, in words."""
        mine, theirs = asdict(self), asdict(other)
        return [f'{key} {mine[key]} / {theirs[key]}' for key in mine if mine[key] != theirs[key]]

    @cached_property
    def maker(self) -> np.ndarray:
        """16 bytes that change with what makes features of a clip, and what they are kept in."""
        told = {key: value for key, value in asdict(self).items() if key not in _WHICH_CLIPS}
        digest = blake2b(json.dumps(told, sort_keys=True).encode(), digest_size=16).digest()
        return np.frombuffer(digest, np.uint8)

    def video_type(self, frames: int, clips: int) -> np.dtype:
        """What is kept of so many clips of a video of so many frames.

        `maker`; `stamps` of the files of its frames, see `clip_cache.stamp_of`; the numbers of each
        clip's `frames`; the `features` of each clip; and the (rows, columns) of its frames as
        `shown`.
        """
        value = DTYPES[self.dtype]
        clip = np.dtype([(str(i), value, shape) for i, shape in enumerate(self.shapes)])
        return np.dtype(
            [
                ('maker', np.uint8, (16,)),
                ('stamps', np.uint64, (frames,)),
                ('frames', np.int64, (clips, self.clip_len)),
                ('features', clip, (clips,)),
                ('shown', np.int64, (clips, 2)),
            ]
        )

    def packed(self, features: Sequence[Tensor]) -> list[bytes]:
        """The bytes of each of B clips from features (B, C, t, h, w) of an encoder."""
        kept = [feature.to(getattr(torch, self.dtype)).cpu().contiguous() for feature in features]
        arrays = [each.view(torch.int16) if self.dtype == 'bfloat16' else each for each in kept]
        return [b''.join(a[n].numpy().tobytes() for a in arrays) for n in range(len(kept[0]))]


class FeatureCache:
    """Finds the features of a data set's samples.

    Args:
        folder: that holds them.

    Raises:
        DataError: it does not.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).expanduser()
        self.index = FeatureIndex.read(folder)

    def clip(self, sample: Mapping[str, Any]) -> tuple[list[Tensor], tuple[int, int]]:
        """The features (C, t, h, w) of a sample, and the (rows, columns) of its frames as shown.

        Raises:
            DataError: they are not kept, or were made from other files than there are now.
        """
        paths, indices = sample['frame_paths'], sample['frame_indices']
        video = Path(paths[-1]).parent.parent
        path = cached_file(video, self.folder, self.index.size)
        advice = 'salkit cache --features brings them up to date'
        if not path.exists():
            raise DataError(f'{video}: {self.folder} holds no features of it; {advice}')
        file = sample.get('video_path')
        try:
            cached = open_cached(path, stamp_of(path))
            if not np.array_equal(cached['maker'], self.index.maker):
                raise DataError(f'{video}: {path} was made by another encoder; {advice}')
            stamps = [stamp_of(each) for each in ([file] if file else paths)]
            if not (cached['stamps'][indices] == np.array(stamps, np.uint64)).all():
                raise DataError(f'{video}: {path} was made from other files; {advice}')
            places = np.flatnonzero((cached['frames'] == indices).all(axis=1))
            if not len(places):
                raise DataError(
                    f'{video}: {path} holds no features of the clip of frames {indices[0]} to '
                    f'{indices[-1]}; {advice}'
                )
            clip, shown = cached['features'][places[0]], cached['shown'][places[0]]
        except DataError:
            raise
        except UNUSABLE as error:
            raise DataError(f'{path}: is damaged ({error}); remove it; {advice}') from error
        arrays = (torch.from_numpy(np.array(clip[name])) for name in clip.dtype.names)
        bits = self.index.dtype == 'bfloat16'
        features = [array.view(torch.bfloat16) if bits else array for array in arrays]
        return features, (int(shown[0]), int(shown[1]))

"""Writes the features of clips that a frozen encoder computes."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor
from tqdm import tqdm

from ..builder import build
from ..checkpoints import load_weights, read_checkpoint
from ..datasets import VideoSaliencyDataset
from ..datasets.clip_cache import UNUSABLE, cached_file, open_cached, stamp_of
from ..datasets.clip_cache_build import stamps_of
from ..datasets.feature_cache import DTYPES, INDEX, FeatureIndex
from ..datasets.layout import VideoRecord
from ..datasets.transforms import LoadClip
from ..encoders import Encoder
from ..errors import ConfigError, DataError
from ..models import SaliencyModel
from ..models.load import choose_device
from ..registry import DATASETS, MODELS
from ..utils.files import is_disk_full, locked_folder, whole_file
from ..utils.leftovers import remove_leftovers
from ..utils.tabular import Record, Tabular
from ..utils.text import check_choice, check_range, in_units
from ..utils.threads import in_background
from .features import check_frozen, encoder_text, fingerprint, readable


@dataclass(frozen=True)
class FeatureOptions:
    """How features are kept.

    Attributes:
        every: random clips end at every k-th frame.
        dtype: that values are kept in: float32, float16, bfloat16.
        splits: which of the config's; None for all.
        batch: clips that the encoder takes at once.
    """

    every: int = 1
    dtype: str = 'float32'
    splits: tuple[str, ...] | None = None
    batch: int = 4

    def __post_init__(self) -> None:
        check_range('--every', 'k', self.every, 1)
        check_choice('--dtype', 'type', self.dtype, sorted(DTYPES))


@dataclass
class FeatureReport(Tabular):
    """What a run did.

    Attributes:
        written: number of videos.
        kept: number of videos whose features were there already.
        clips: written.
        bytes: taken by them.
    """

    written: int = 0
    kept: int = 0
    clips: int = 0
    bytes: int = 0

    def records(self) -> list[Record]:
        """One row."""
        return [dict(vars(self))]

    @property
    def headline(self) -> str:
        """What was done, in a line."""
        there = f' ({self.kept} were there already)' if self.kept else ''
        taken = in_units(self.bytes)
        return f'features of {self.clips} clips of {self.written} videos kept, {taken}{there}'


@dataclass(frozen=True)
class _Video:
    """A video whose features are wanted.

    Attributes:
        record: its files.
        path: of the file for its features.
        kept: what is in that file of this encoder and the video's files as they are.
        missing: what `LoadClip` takes, for each clip that is wanted and not kept.
    """

    record: VideoRecord
    path: Path
    kept: np.ndarray
    missing: list[dict[str, Any]]

    @property
    def clips(self) -> int:
        """In the file once it is written: those of other configs stay."""
        return len(self.kept['frames']) + len(self.missing)


def _kept(path: Path, record: VideoRecord, index: FeatureIndex) -> np.ndarray:
    try:
        cached = open_cached(path, stamp_of(path))
        same = np.array_equal(cached['maker'], index.maker) and np.array_equal(
            cached['stamps'], stamps_of(record)
        )
        kind = index.video_type(len(cached['stamps']), len(cached['frames']))
        if same and cached.dtype == kind:
            return cached
    except UNUSABLE:
        pass
    return np.zeros(1, index.video_type(len(record.frames), 0))[0]


def _videos(
    cfg: Config, folder: Path, options: FeatureOptions, index: FeatureIndex
) -> list[_Video]:
    found: dict[Path, tuple[VideoRecord, dict[tuple[int, ...], dict[str, Any]]]] = {}
    for _, listed, load in readable(cfg, options.splits):
        plain = {name: value for name, value in listed.items() if name != 'pipeline'}
        if plain.get('sampling', 'random') == 'random':
            plain['every'] = options.every
        dataset = build(DATASETS, plain, kind=VideoSaliencyDataset)
        for video in dataset.videos:
            path = cached_file(video.folder, folder, tuple(load['size']))
            clips = found.setdefault(path, (video, {}))[1]
            for last in dataset.ends_of(video):
                clip = dataset.clip_files(video, last, dataset.clip_strides[0])
                clips[tuple(clip['frame_indices'])] = clip
    videos = []
    for path, (record, clips) in found.items():
        kept = _kept(path, record, index)
        there = set(map(tuple, kept['frames'].tolist()))
        missing = [clip for frames, clip in clips.items() if frames not in there]
        videos.append(_Video(record, path, kept, missing))
    return videos


def open_model(cfg: Config, device: str) -> SaliencyModel:
    """The model of a config as training starts it."""
    seed = (cfg.get('randomness') or {}).get('seed')
    if seed is not None:
        torch.manual_seed(seed)
    model: SaliencyModel = build(MODELS, cfg.model)
    model.init_weights()
    if cfg.get('load_from'):
        load_weights(model, read_checkpoint(cfg.load_from), accept_encoder=True)
    check_frozen(model.encoder)
    return model.to(device).eval()


def _in_training(encoder: Encoder, clip: Tensor) -> tuple[Tensor, ...]:
    """Features of a clip in training, in which the encoder may draw nothing."""

    def state() -> bytes:
        states = [torch.get_rng_state()]
        if clip.device.type == 'cuda':
            states.append(torch.cuda.get_rng_state(clip.device))
        return b''.join(each.numpy().tobytes() for each in states)

    encoder.train()
    before = state()
    with torch.inference_mode():
        features: tuple[Tensor, ...] = encoder(clip)
    encoder.eval()
    if state() != before:
        raise ConfigError(
            'features are kept of encoders that give the same whenever they are asked, '
            f'{type(encoder).__name__} draws random numbers in training (dropout, stochastic depth)'
        )
    return features


def build_features(
    cfg: Config, folder: str | Path, options: FeatureOptions | None = None, device: str = 'auto'
) -> FeatureReport:
    """Keep the features of all clips of a config's data sets, those that are not kept yet.

    Args:
        cfg: with a frozen encoder.
        folder: for the features of this encoder.
        options: which, and how.
        device: that the encoder runs on.

    Raises:
        ConfigError: an encoder that is trained, clips that features cannot stand for, or a folder
            with other features.
        DataError: files that cannot be read or written, or a disk that is too small.
    """
    options, place = options or FeatureOptions(), Path(folder).expanduser()
    wanted = list(readable(cfg, options.splits))
    sizes = {tuple(load['size']) for _, _, load in wanted}
    if len(sizes) != 1:
        raise ConfigError(f'features are of one size, the data sets have {sorted(sizes)}')
    size = sizes.pop()
    model = open_model(cfg, choose_device(device))
    clip_len = model.encoder.clip_len
    black = torch.zeros(1, 3, clip_len, *size, device=next(model.parameters()).device)
    first = _in_training(model.encoder, black)
    index = FeatureIndex(
        encoder=encoder_text(cfg.model.encoder),
        weights=fingerprint(model.encoder),
        size=size,
        clip_len=clip_len,
        every=options.every,
        splits=tuple(sorted({dataset.get('split', 'train') for _, dataset, _ in wanted})),
        dtype=options.dtype,
        shapes=tuple(tuple(feature.shape[1:]) for feature in first),
    )
    place.mkdir(parents=True, exist_ok=True)
    with ExitStack() as locks:
        locks.enter_context(locked_folder(place, '.lock', 'salkit cache'))
        if (place / INDEX).exists():
            if differing := index.differences(FeatureIndex.read(place)):
                raise ConfigError(
                    f'{place}: holds other features ({"; ".join(differing)[:300]}); name another '
                    'folder with --dir, or remove it'
                )
        else:
            index.write(place)
        report = FeatureReport()
        videos = _videos(cfg, place, options, index)
        todo = [video for video in videos if video.missing]
        report.kept = len(videos) - len(todo)
        _check_space(todo, index, place)
        clips = sum(len(video.missing) for video in todo)
        with tqdm(total=clips, unit='clip', desc='features', disable=not clips) as bar:
            for video in todo:
                remove_leftovers(video.path.parent)
                report.bytes += _write(video, index, model, options.batch, bar)
                report.written += 1
                report.clips += len(video.missing)
    return report


def _check_space(todo: list[_Video], index: FeatureIndex, folder: Path) -> None:
    """Say what is to be written, and refuse a disk that is too small."""
    if not todo:
        return
    # Files are written anew: beside the earlier one until they are whole.
    clips = sum(video.clips for video in todo)
    need = sum(index.video_type(len(v.record.frames), v.clips).itemsize for v in todo)
    free = shutil.disk_usage(folder).free
    said = (
        f'{clips:,} clips of {len(todo)} videos take {in_units(need)} ({in_units(need // clips)} a '
        f'clip), {in_units(free)} free'
    )
    if need > free:
        raise DataError(
            f'{folder}: the disk is too small: {said}; --every K keeps fewer clips, '
            '--dtype float16 half of the bytes, --splits leaves out some'
        )
    print(f'to keep: {said}', file=sys.stderr)


def _write(video: _Video, index: FeatureIndex, model: SaliencyModel, batch: int, bar: tqdm) -> int:
    """Write the features of a video; gives the bytes written."""
    load = LoadClip(index.size)
    stamps = stamps_of(video.record)
    kind = index.video_type(len(stamps), video.clips)
    frames = np.array([clip['frame_indices'] for clip in video.missing], np.int64)
    header = dict(descr=np.lib.format.dtype_to_descr(kind), fortran_order=False, shape=(1,))
    shown: list[tuple[int, int]] = []
    try:
        video.path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(video.path) as temporary, open(temporary, 'wb') as file:
            np.lib.format.write_array_header_1_0(file, header)
            file.write(index.maker.data)
            file.write(stamps.data)
            file.write(np.concatenate([video.kept['frames'], frames]).data)
            for each in video.kept['features']:
                file.write(each.tobytes())
            clips = in_background((load(dict(clip)) for clip in video.missing), 2 * batch)
            while some := list(islice(clips, batch)):
                shown += [clip['size'] for clip in some]
                for each in index.packed(_encode(model, [clip['clip'] for clip in some])):
                    file.write(each)
                bar.update(len(some))
            file.write(np.concatenate([video.kept['shown'], np.array(shown, np.int64)]).data)
            file.flush()
            os.fsync(file.fileno())
            return file.tell()
    except OSError as error:
        if is_disk_full(error):
            raise DataError(
                f'{video.path.parent}: {error.strerror}; what is done is kept: make room and '
                'run again'
            ) from error
        raise


def _encode(model: SaliencyModel, clips: list[np.ndarray]) -> tuple[Tensor, ...]:
    """Features of clips (T, H, W, 3) uint8."""
    pixels = torch.from_numpy(np.stack(clips)).to(next(model.parameters()).device)
    with torch.inference_mode():
        return model.encoder(model.data_preprocessor.normalize(pixels.permute(0, 4, 1, 2, 3)))

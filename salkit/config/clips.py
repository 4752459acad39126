"""How the test set of a config cuts and reads clips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.config import Config

from ..errors import ConfigError, reason_of
from ..media.clips import ClipSettings
from .options import dataset_configs

# Transforms of a test pipeline that say how clips are read; others may change what they hold.
_READING = ('LoadClip', 'LoadTargets', 'PackClip')


def clip_reading(cfg: Config) -> tuple[ClipSettings, list[str]]:
    """Size, stride and head of a config's test set.

    Returns:
        The settings, in which what the model says is still to be filled in, and the transforms of
        the pipeline that prediction leaves out.

    Raises:
        ConfigError: entries that are none of a data set, or out of range.
    """
    try:
        datasets = dataset_configs((cfg.get('test_dataloader') or {}).get('dataset'))
        dataset: Mapping[str, Any] = next(iter(datasets), {})
        pipeline = dataset.get('pipeline') or []
        types = [step['type'] for step in pipeline]
        load: Mapping[str, Any] = next((s for s in pipeline if s['type'] == 'LoadClip'), {})
        size, stride = load.get('size'), dataset.get('clip_stride', 1)
        settings = ClipSettings(
            clip_len=1,
            size=None if size is None else tuple(size),
            keep_shape=load.get('keep_shape', 0),
            clip_stride=stride if isinstance(stride, int) else stride[0],
            head=dataset.get('head', 'repeat-first'),
        )
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError) as error:
        raise ConfigError(
            f'test_dataloader: expected a data set with a pipeline ({reason_of(error)})'
        ) from error
    return settings, [str(kind) for kind in types if kind not in _READING]

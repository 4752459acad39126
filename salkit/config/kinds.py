"""What a path stands for, going by its name: to say which argument was mistaken for another."""

from __future__ import annotations

import os
from pathlib import Path

from ..media.images import IMAGE_SUFFIXES
from ..media.video import VIDEO_SUFFIXES

CHECKPOINT, EXPORTED, PROGRAM = 'a checkpoint', 'an exported model', 'a program of torch.export'
CONFIG, FOLDER = 'a config', 'a folder'
_KINDS = {
    CHECKPOINT: ('.pth', '.pt', '.ckpt', '.safetensors'),
    EXPORTED: ('.onnx',),
    PROGRAM: ('.pt2',),
    CONFIG: ('.py', '.yaml', '.yml', '.json'),
    'a video': VIDEO_SUFFIXES,
    'a picture': IMAGE_SUFFIXES,
}


def kind_of(path: str | Path) -> str | None:
    """What a file or folder is; None where its name does not say."""
    suffix = Path(path).suffix.lower()
    kind = next((kind for kind, suffixes in _KINDS.items() if suffix in suffixes), None)
    # Where Path's own would fail at a name that no file can have.
    return FOLDER if kind is None and str(path) and os.path.isdir(path) else kind

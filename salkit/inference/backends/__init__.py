"""What runs a model, PyTorch, ONNX Runtime or OpenVINO: the contract that all keep."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np

from ...errors import SalkitError
from ...media.clips import ClipSettings
from ...media.postprocess import postprocess_array

# A normalized frame as a backend keeps it: an array, or a tensor on the device.
Prepared = TypeVar('Prepared')


class OutOfMemory(SalkitError):
    """The device's memory does not hold what was to be predicted at once."""


class Backend(ABC, Generic[Prepared]):
    """Runs a model on windows of frames.

    Attributes:
        settings: what the model needs around it.
        source: what messages call the model: its file, or the config's name.
        engine: the library that runs it: 'torch', 'onnxruntime', 'openvino'.
        device: where it runs: 'cpu', 'cuda:0'.
        batch_size: the only number of windows it takes at once; None where any will do.
        precision: what it computes in; None where that is not chosen here.
        left_out: transforms of the config's test pipeline that prediction leaves out.
    """

    settings: ClipSettings
    source: str = 'the model'
    engine: str = 'torch'
    device: str = 'cpu'
    batch_size: int | None = None
    precision: str | None = None
    left_out: Sequence[str] = ()

    @abstractmethod
    def prepare(self, frame: np.ndarray) -> Prepared:
        """Normalize a frame, once for all the windows it is part of.

        The frame is (H, W, 3) uint8 RGB, already of the settings' size; as `predict` wants it, it
        is (3, H, W) float32.
        """

    @abstractmethod
    def predict(self, windows: Sequence[Sequence[Prepared]]) -> np.ndarray:
        """Predict the last frames of windows.

        Each window holds `clip_len` prepared frames, the oldest first; one frame may be part of
        many. The maps are (B, h, w) float32 in [0, 1], as the model gives them.

        Raises:
            OutOfMemory: fewer windows at once may do.
        """

    def finish(self, saliency_map: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Resize a map (h, w) float32 to its frame's (rows, columns) and blur it."""
        return postprocess_array(saliency_map, size, self.settings.blur_kernel)

    def suggest_batch_size(self) -> int:
        """How many windows to run at once where nobody says."""
        return 4

"""Features that are read stand for what the model's encoder would give."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...datasets.feature_cache import FeatureIndex
from ...registry import HOOKS
from ..features import check_features


@HOOKS.register_module()
class CachedFeaturesHook(Hook):
    """Compares the model's encoder with that which features were made by, before a run begins.

    Args:
        folder: that holds the features.

    Raises:
        ConfigError: when training or testing begins; the encoder is trained, or another one.
    """

    def __init__(self, folder: str) -> None:
        self.index = FeatureIndex.read(folder)

    def before_train(self, runner: Runner) -> None:
        """Compare them; the weights have been loaded."""
        check_features(self.index, runner.bare_model.encoder, runner.cfg.model.encoder)

    def before_test(self, runner: Runner) -> None:
        """Compare them."""
        self.before_train(runner)

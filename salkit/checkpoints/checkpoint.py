"""What a file of weights holds, and which model it is for."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mmengine.config import Config, ConfigDict
from torch import Tensor, nn

from ..builder import build_on_meta, known_names, resolve
from ..config.clips import clip_reading
from ..config.find import SEPARATOR, config_name, config_names, find_named_config
from ..config.load import load_config, plain_config
from ..encoders import Encoder
from ..errors import CheckpointError, ConfigError, PluginWarning
from ..plugin import absent_plugins
from ..registry import ENCODERS, MODELS
from .official import is_official, official_config
from .stored_config import (
    ODD,
    blamed_on,
    build_within,
    read_json,
    read_plain_config,
    stored_model,
)

# What prediction needs of a config, beside its model.
_NEEDED = ('test_dataloader', 'test_cfg')
# Letters of the name of a config.
_LONGEST_NAME = 200
# Of a distribution, or its version.
_WORD = re.compile(r'[A-Za-z0-9][\w.+!-]{0,99}', re.ASCII)


@dataclass(frozen=True)
class Target:
    """The module that weights are for, built without memory for them.

    Attributes:
        module: a model, or an encoder.
        name: of its config; the config itself as JSON where it has no name.
        config: the module's config.
    """

    module: nn.Module
    name: str
    config: dict


@dataclass(frozen=True)
class Checkpoint:
    """Weights, and what the file that they come from says about them.

    Attributes:
        weights: tensors by name, without a prefix such as `module.` that all names share.
        source: what messages call it: the path or address that was asked for.
        path: the local file; None for weights that come from no file.
        meta: what salkit noted about them.
        rest: whatever else the file holds, such as the optimizer.
    """

    weights: Mapping[str, Tensor]
    source: str = 'checkpoint'
    path: Path | None = None
    meta: dict[str, object] = field(default_factory=dict)
    rest: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_official(self) -> bool:
        """Whether the names are those of the authors' SalFoM files."""
        return is_official(self.weights)

    @property
    def plugins(self) -> dict[str, str]:
        """Versions of the plugins that it was made with, by distribution."""
        stored = self.meta.get('plugins')
        plugins = stored if isinstance(stored, Mapping) else read_json(stored)
        if not isinstance(plugins, Mapping):
            return {}
        # Messages say what to install: nothing but names and versions gets there.
        return {
            package: version
            for package, version in plugins.items()
            if all(isinstance(text, str) and _WORD.fullmatch(text) for text in (package, version))
        }

    @contextmanager
    def plugin_hints(self) -> Iterator[None]:
        """Add to an error of the block which of the plugins are absent.

        Raises:
            CheckpointError, ConfigError: what the block raises.
        """
        try:
            yield
        except (CheckpointError, ConfigError) as error:
            hint = absent_plugins(self.plugins)
            if not hint or hint in str(error):
                raise
            raise type(error)(f'{error}; {hint}') from error

    def warn_of_absent_plugins(self) -> None:
        """Warn where plugins are absent, or there in another version, though the weights fit."""
        hint = absent_plugins(self.plugins)
        if hint:
            warnings.warn(f'{self.source}: {hint}', PluginWarning, stacklevel=3)

    def target(
        self, config: str | Path | None = None, options: Mapping[str, object] | None = None
    ) -> Target:
        """The module that the weights are for.

        Args:
            config: the model's; None for what the file says.
            options: overrides of that config.

        Raises:
            CheckpointError: a file that does not say, or nothing that can be built.
            ConfigError: a config that does not exist or does not build.
        """
        if config is not None:
            cfg = load_config(config, options)
            return self._part_of(cfg, config_name(cfg.filename))
        if options:
            raise ConfigError('--cfg-options overrides entries of a config: name it with --config')
        if self.meta.get('model') is not None:
            return self._stored_target()
        with blamed_on(self.source, ODD):
            if self.is_official:
                cfg, name = official_config(self.weights, self.source)
                plain = plain_config(cfg.model)
                model = build_within(MODELS, plain, self.weights, self.source)
                return Target(model, name or json.dumps(plain), plain)
            for name in known_names(ENCODERS):
                encoder: type[Encoder] = resolve(ENCODERS, name)
                try:
                    arguments = encoder.arguments_of(self.weights)
                except CheckpointError as error:
                    raise CheckpointError(f'{self.source}: {error}') from error
                if arguments is not None:
                    found = dict(type=name, **arguments)
                    module = build_within(ENCODERS, found, self.weights, self.source)
                    return Target(module, json.dumps(found), found)
        raise CheckpointError(
            f'{self.source}: does not say which model it holds; name its config (--config)'
        )

    def config(self) -> Config:
        """The config to predict with, no code of which is run.

        salkit's training checkpoints hold their whole config; files of `salkit convert` and those
        of the authors name one.

        Raises:
            CheckpointError: a file that does not say, or holds no whole model.
        """
        try:
            with self.plugin_hints():
                target = self.target()
        except CheckpointError as error:
            # The commands that predict call the argument otherwise.
            raise CheckpointError(str(error).replace('--config', '--model')) from error
        if isinstance(target.module, Encoder):
            raise CheckpointError(f'{self.source}: holds an encoder alone, which predicts nothing')
        with blamed_on(self.source, 'its config does not fit; name one by --model'):
            return self._config_of(target)

    def _config_of(self, target: Target) -> Config:
        text, name = self.meta.get('cfg'), target.name
        stored = read_plain_config(text, self.source) if isinstance(text, str) else {}
        # A run may have been given other options than the config that it began with.
        changed = {key: stored[key] for key in _NEEDED if stored.get(key) is not None}
        if name in config_names() or SEPARATOR in name:
            # Never a path that the checkpoint gives: configs are programs.
            cfg = load_config(find_named_config(name))
        elif stored:
            cfg = Config(cfg_text=text, filename=name)
        else:
            raise CheckpointError(
                f'{self.source}: its model was made with {name!r:.200}, which is not here; name '
                'the config by --model'
            )
        for key, value in changed.items():
            cfg[key] = ConfigDict(value)
        # Not that of the text, which has lost the order of the branches.
        cfg.model = ConfigDict(target.config)
        # Whoever predicts with it asks the same.
        clip_reading(cfg)
        return cfg

    def _part_of(self, cfg: Config, name: str) -> Target:
        """The model of a config, or its encoder where the file holds an encoder alone."""
        if cfg.get('model') is None:
            raise ConfigError(f'{name}: the config has no model')
        model = build_on_meta(MODELS, cfg.model)
        plain: dict = plain_config(cfg.model)
        encoder = getattr(model, 'encoder', None)
        if isinstance(encoder, Encoder) and not self.is_official:
            with blamed_on(self.source, ODD):
                if encoder.adapt_weights(self.weights) is not None:
                    return Target(encoder, name, plain['encoder'])
        return Target(model, name, plain)

    def _stored_target(self) -> Target:
        meta = self.meta
        module, model = stored_model(meta['model'], meta.get('part'), self.weights, self.source)
        name = meta.get('config_name') or meta.get('config')
        # A name is a line; anything else is as good as none.
        if not isinstance(name, str) or not name.isprintable() or len(name) > _LONGEST_NAME:
            name = json.dumps(model)
        return Target(module, name, model)

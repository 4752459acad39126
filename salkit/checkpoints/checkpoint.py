"""What a file of weights holds, and which model it is for."""

from __future__ import annotations

import ast
import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mmengine.config import Config, ConfigDict
from torch import Tensor, nn

from ..builder import build_on_meta, known_names, resolve
from ..config.find import SEPARATOR, config_name, config_names, find_named_config
from ..config.load import load_config, plain_config
from ..encoders import Encoder
from ..errors import CheckpointError, ConfigError, PluginWarning, one_line
from ..plugin import absent_plugins
from ..registry import DECODERS, ENCODERS, LOSSES, MODELS
from .official import is_official, official_config

# What prediction needs of a config, beside its model.
_NEEDED = ('test_dataloader', 'test_cfg')


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
        plugins = _from_json(self.meta.get('plugins'))
        if not isinstance(plugins, Mapping):
            return {}
        return {str(package): str(version) for package, version in plugins.items()}

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
        if self.is_official:
            cfg, name = official_config(self.weights, self.source)
            return self._part_of(cfg, name or json.dumps(plain_config(cfg.model)))
        for name in known_names(ENCODERS):
            encoder: type[Encoder] = resolve(ENCODERS, name)
            try:
                arguments = encoder.arguments_of(self.weights)
            except CheckpointError as error:
                raise CheckpointError(f'{self.source}: {error}') from error
            if arguments is not None:
                found = dict(type=name, **arguments)
                return Target(build_on_meta(ENCODERS, found), json.dumps(found), found)
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
        text = self.meta.get('cfg')
        stored = read_plain_config(text, self.source) if isinstance(text, str) else {}
        name = target.name
        if name in config_names() or SEPARATOR in name:
            # Never a path that the checkpoint gives: configs are programs.
            cfg = load_config(find_named_config(name))
        elif stored:
            cfg = Config(stored, cfg_text=text, filename=name)
        else:
            raise CheckpointError(
                f'{self.source}: its model was made with {name!r}, which is not here; name the '
                'config by --model'
            )
        for key in _NEEDED:
            # A run may have been given other options than the config that it began with.
            if stored.get(key) is not None:
                cfg[key] = ConfigDict(stored[key])
        # Not that of the text, which has lost the order of the branches.
        cfg.model = ConfigDict(target.config)
        return cfg

    def _part_of(self, cfg: Config, name: str) -> Target:
        """The model of a config, or its encoder where the file holds an encoder alone."""
        if cfg.get('model') is None:
            raise ConfigError(f'{name}: the config has no model')
        model = build_on_meta(MODELS, cfg.model)
        plain: dict = plain_config(cfg.model)
        encoder = getattr(model, 'encoder', None)
        if (
            isinstance(encoder, Encoder)
            and not self.is_official
            and encoder.adapt_weights(self.weights) is not None
        ):
            return Target(encoder, name, plain['encoder'])
        return Target(model, name, plain)

    def _stored_target(self) -> Target:
        model = _from_json(self.meta['model'])
        if not isinstance(model, dict):
            raise CheckpointError(f'{self.source}: its entry "model" is not the JSON of a config')
        _check_types(model, self.source)
        registry = ENCODERS if self.meta.get('part') == 'encoder' else MODELS
        try:
            module = build_on_meta(registry, model)
        except Exception as error:
            # A file may hold anything, so this can fail in any way.
            raise CheckpointError(
                f'{self.source}: its entry "model" does not build ({one_line(error)}); name the '
                'config (--config)'
            ) from error
        name = self.meta.get('config_name') or self.meta.get('config')
        return Target(module, name if isinstance(name, str) else json.dumps(model), model)


def _from_json(value: object) -> object:
    """What a text says in JSON, None where it is none; other values as they are."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _check_types(model: object, source: str) -> None:
    """Raise CheckpointError unless every type in a file's config is registered.

    Looking up any other name would import, and building it call, what the file asks for.
    """
    registries = (MODELS, ENCODERS, DECODERS, LOSSES)
    for registry in registries:
        known_names(registry)
    # A list: a type in a file may be anything, and not everything goes into a set.
    offered = [name for registry in registries for name in registry.module_dict]

    def check(value: dict | list | tuple) -> None:
        if isinstance(value, dict) and 'type' in value and value['type'] not in offered:
            raise CheckpointError(
                f'{source}: its entry "model" asks for {value["type"]!r}, which neither salkit nor '
                'an installed plugin offers; name the config (--config)'
            )
        for item in value.values() if isinstance(value, dict) else value:
            if isinstance(item, (dict, list, tuple)):
                check(item)

    check([model])


def read_plain_config(text: str, source: str) -> dict[str, object]:
    """The values of a config's text, `name = value` a line, of which nothing is run.

    Args:
        text: as mmengine writes it: constants, lists, tuples, dicts and `dict(...)`.
        source: for messages.

    Raises:
        CheckpointError: anything else.
    """
    values: dict[str, object] = {}
    try:
        for statement in _DictDisplays().visit(ast.parse(text)).body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    values[name] = ast.literal_eval(value)
                case _:
                    raise ValueError('expected name = value')
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise CheckpointError(
            f'{source}: the config in it is not a list of values ({one_line(error)}); name the '
            'config by --model'
        ) from error
    return values


class _DictDisplays(ast.NodeTransformer):
    """Makes `{'a': 1}` of `dict(a=1)`; other calls stay, and are no values."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        match node:
            case ast.Call(func=ast.Name(id='dict'), args=[], keywords=keywords):
                # `**b` has no name, in a call as in a display.
                keys: list[ast.expr | None] = [
                    ast.Constant(k.arg) if k.arg else None for k in keywords
                ]
                return ast.Dict(keys, [k.value for k in keywords])
        return node

"""The config that a checkpoint was made with, as the checkpoint tells it."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict

from ..config.find import SEPARATOR, config_names
from ..config.load import load_config, plain_config
from ..errors import CheckpointError, one_line
from . import naming_plugins, read_checkpoint
from .target import find_target

# What prediction needs of a config, beside its model.
_NEEDED = ('test_dataloader', 'test_cfg')


def config_told_by(source: str | Path) -> Config:
    """The config of the model in a checkpoint, no code of which is run.

    salkit's training checkpoints hold their whole config; files of `salkit convert` and those of
    the authors tell the name of one.

    Args:
        source: what `salkit.checkpoints.locate` takes.

    Raises:
        CheckpointError: a file that cannot be read, or does not tell.
    """
    checkpoint = read_checkpoint(source)
    try:
        with naming_plugins(checkpoint):
            target = find_target(checkpoint, str(source), None, None)
    except CheckpointError as error:
        # Other commands call the argument otherwise.
        raise CheckpointError(str(error).replace('--config', '--model')) from error
    if not hasattr(target.module, 'decoder') or target.cfg is None:
        raise CheckpointError(f'{source}: holds an encoder alone, which predicts nothing')
    name = target.config
    text = (checkpoint.get('meta') or {}).get('cfg')
    stored = read_plain_config(text, str(source)) if isinstance(text, str) else {}
    # Never a file that the checkpoint names: configs are programs.
    if name in config_names() or SEPARATOR in name:
        cfg = load_config(name if SEPARATOR in name else f'salkit{SEPARATOR}{name}')
    elif stored:
        cfg = Config(stored, cfg_text=text, filename=name)
    else:
        raise CheckpointError(
            f'{source}: its model was made with {name!r}, which is not here; name the config by '
            '--model'
        )
    for key in _NEEDED:
        # A run may have been given other options than the config that it began with.
        if stored.get(key) is not None:
            cfg[key] = ConfigDict(stored[key])
    # Not that of the text, which has lost the order of the branches.
    cfg.model = ConfigDict(target.cfg)
    return cfg


def read_plain_config(text: str, source: str) -> dict[str, Any]:
    """The values of a config's text, `name = value` a line, of which nothing is run.

    Args:
        text: as mmengine writes it: constants, lists, tuples, dicts and `dict(...)`.
        source: for messages.

    Raises:
        CheckpointError: anything else.
    """
    values: dict[str, Any] = {}
    try:
        for statement in ast.parse(text).body:
            if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
                raise ValueError('expected name = value')
            (target,) = statement.targets
            if not isinstance(target, ast.Name):
                raise ValueError('expected name = value')
            values[target.id] = _value(statement.value)
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise CheckpointError(
            f'{source}: the config in it is no list of values ({one_line(error)}); name the '
            'config by --model'
        ) from error
    return values


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Call):
        if not isinstance(node.func, ast.Name) or node.func.id != 'dict' or node.args:
            raise ValueError(f'a call of {ast.unparse(node.func)}')
        if any(keyword.arg is None for keyword in node.keywords):
            raise ValueError('a dict with ** in it')
        return {str(keyword.arg): _value(keyword.value) for keyword in node.keywords}
    if isinstance(node, (ast.List, ast.Tuple)):
        items = [_value(item) for item in node.elts]
        return items if isinstance(node, ast.List) else tuple(items)
    if isinstance(node, ast.Dict):
        if None in node.keys:
            raise ValueError('a dict with ** in it')
        return {_value(key): _value(item) for key, item in zip(node.keys, node.values, strict=True)}
    return ast.literal_eval(node)


def model_digest(cfg: Mapping[str, Any]) -> str:
    """Tells configs of models apart."""
    import hashlib
    import json

    content = json.dumps(plain_config(cfg.get('model')), sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:16]

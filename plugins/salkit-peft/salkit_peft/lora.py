"""Low-rank adaptation of any encoder, through peft."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
from mmengine.logging import print_log
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from salkit.encoders import Encoder
from salkit.errors import ConfigError, one_line

from .probe import reached_parameters
from .wrapper import WrapperEncoder, set_module

# peft's name of the one adapter that a layer gets here; part of the names in files.
ADAPTER = 'default'
ALL_LINEAR = 'all-linear'
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def _listed(names: Iterable[str]) -> str:
    names = sorted(names)
    return ', '.join(names[:3]) + (f' and {len(names) - 3} more' if len(names) > 3 else '')


class LoRAEncoder(WrapperEncoder):
    """An encoder that stands still but for low-rank adapters of its layers (LoRA, Hu et al. 2021).

    An adapter acts where its layer is called and where the layer's weight is read. One that has no
    part in the features is left out, or refused where it was asked for by name. The state dict
    holds the wrapped encoder and the adapters; files for the wrapped encoder alone load too, the
    adapters then keep their values.

    Args:
        encoder: config of any encoder; it may hold an `init_cfg`.
        rank: of the adapters.
        alpha: they are scaled by alpha / rank.
        dropout: of the adapters' inputs while training; not for layers used by their weight alone.
        target_modules: which layers get one. None: the linear layers, or where there are none the
            convolutions; 'all-linear': the linear layers; a list: layers whose names are or end in
            one of these, as 'attn.qkv'; another str: a regular expression for the whole name.
        use_dora: learn the weights' magnitudes apart (DoRA, Liu et al. 2024).
        use_rslora: scale by alpha / sqrt(rank) (Kalajdzievski 2023).
        train: regular expressions looked for in the names of the encoder's parameters; what they
            find trains as a whole, beside the adapters.
        base_eval: run the wrapped encoder without dropout and drop path, in training too. Batch
            norms that do not train keep their running statistics in any case.

    Attributes:
        adapted: names of the layers with an adapter, as in the wrapped encoder.

    Raises:
        ConfigError: a config that does not build, layers that do not exist, that can have no
            adapter or whose adapter would do nothing.
    """

    def __init__(
        self,
        encoder: dict,
        rank: int = 8,
        alpha: float = 16,
        dropout: float = 0.0,
        target_modules: str | list[str] | None = None,
        use_dora: bool = False,
        use_rslora: bool = False,
        train: Iterable[str] = (),
        base_eval: bool = False,
    ) -> None:
        super().__init__(encoder)
        if rank < 1 or alpha <= 0 or not 0 <= dropout < 1:
            raise ConfigError(
                'LoRAEncoder: expected rank >= 1, alpha > 0 and 0 <= dropout < 1, got '
                f'rank={rank}, alpha={alpha}, dropout={dropout}'
            )
        self.settings = dict(
            rank=rank, alpha=alpha, dropout=dropout, use_dora=use_dora, use_rslora=use_rslora
        )
        self.base_eval = base_eval
        self.whole = frozenset(self.matching(train, 'train'))
        by_name = target_modules is not None and target_modules != ALL_LINEAR
        self.adapted: tuple[str, ...] = ()
        self._inject(self._targets(target_modules))
        self._keep_acting(refuse=by_name)
        self.mark_trainable()
        self.train(self.training)

    def _targets(self, wanted: str | list[str] | None) -> list[str]:
        """Names of the layers to adapt."""
        modules = dict(self.wrapped.named_modules())
        if any(hasattr(module, 'lora_A') for module in modules.values()):
            raise ConfigError('LoRAEncoder: the wrapped encoder has LoRA adapters already')
        name = type(self.wrapped).__name__
        linear = [n for n, m in modules.items() if isinstance(m, nn.Linear)]
        convolutions = [n for n, m in modules.items() if isinstance(m, CONVOLUTIONS)]
        plain = [n for n in convolutions if modules[n].groups == 1]
        if wanted is None or wanted == ALL_LINEAR:
            targets = linear or (plain if wanted is None else [])
            if not targets:
                raise ConfigError(f'LoRAEncoder: {name} has no layers that can have an adapter')
            return targets
        found: set[str] = set()
        for pattern in [wanted] if isinstance(wanted, str) else wanted:
            if isinstance(wanted, str):
                try:
                    matches = [n for n in modules if re.fullmatch(pattern, n)]
                except re.error as error:
                    raise ConfigError(
                        f'LoRAEncoder: target_modules {pattern!r} is no regular expression '
                        f'({error})'
                    ) from None
            else:
                matches = [n for n in modules if n == pattern or n.endswith(f'.{pattern}')]
            usable = [n for n in matches if n in (*linear, *plain)]
            if not usable:
                kind = f' but {type(modules[matches[0]]).__name__}' if matches else ''
                raise ConfigError(
                    f'LoRAEncoder: target_modules {pattern!r} finds no linear layer or ungrouped '
                    f'convolution of {name}{kind}; there are {_listed([*linear, *plain])}'
                )
            found.update(usable)
        return [n for n in modules if n in found]

    def _inject(self, targets: list[str]) -> None:
        """Put an adapter on each of the layers; they start as if there was none."""
        from peft import LoraConfig, inject_adapter_in_model

        from .layers import LORA_LAYERS

        settings = self.settings
        config = LoraConfig(
            r=settings['rank'],
            lora_alpha=settings['alpha'],
            lora_dropout=settings['dropout'],
            use_dora=settings['use_dora'],
            use_rslora=settings['use_rslora'],
            # One expression of whole names: entries of a list would also find longer names.
            target_modules='|'.join(re.escape(target) for target in targets),
        )
        config._register_custom_module(LORA_LAYERS)
        try:
            inject_adapter_in_model(config, self.wrapped, ADAPTER)
        except ValueError as error:
            raise ConfigError(f'LoRAEncoder: {one_line(error)}') from error
        # Describes the adapters to peft's own files, which are not used here.
        del self.wrapped.peft_config
        self.adapted = tuple(targets)

    def _keep_acting(self, refuse: bool) -> None:
        """Take away the adapters that have no part in the features, or refuse them."""
        layers = self._layers()
        parameters = {
            path: {f'{path}.{n}' for n, _ in layer.named_parameters() if n.startswith('lora_')}
            for path, layer in layers.items()
        }
        names = set().union(*parameters.values())
        # The constructor ends by setting the mode anew.
        self.wrapped.eval()
        try:
            reached, called = reached_parameters(self.wrapped, names, layers.values())
        except Exception as error:
            raise ConfigError(
                f'LoRAEncoder: {type(self.wrapped).__name__} cannot be run to see which adapters '
                f'act ({type(error).__name__}: {one_line(error)[:160]})'
            ) from error
        idle = [path for path in self.adapted if not parameters[path] <= reached]
        if idle and (refuse or len(idle) == len(self.adapted)):
            raise ConfigError(
                f'LoRAEncoder: adapters of {_listed(idle)} would do nothing: the features of '
                f'{type(self.wrapped).__name__} do not depend on them; leave them out of '
                'target_modules'
            )
        if idle:
            print_log(
                f'LoRAEncoder: no adapter for {_listed(idle)}: it would have no part in the '
                'features',
                logger='current',
            )
        for path in idle:
            set_module(self.wrapped, path, layers.pop(path).base_layer)
        self.adapted = tuple(layers)
        read = [path for path, layer in layers.items() if layer not in called]
        if read and self.settings['dropout']:
            raise ConfigError(
                f'LoRAEncoder: dropout acts on the input of a layer, and of {_listed(read)} only '
                'the weight is used; set dropout=0 or leave them out of target_modules'
            )

    def _layers(self) -> dict[str, nn.Module]:
        """The layers that peft made, by the names of those they adapt."""
        return {path: self.wrapped.get_submodule(path) for path in self.adapted}

    def trained_names(self) -> list[str]:
        """Names of the parameters that train, in order: adapters, and what `train` finds."""
        whole = {self.own_name(name) for name in self.whole}
        return [n for n, _ in self.named_parameters() if '.lora_' in n or n in whole]

    def train(self, mode: bool = True) -> LoRAEncoder:
        """Set the training mode, but for what is to stand still in the wrapped encoder."""
        super().train(mode)
        if self.base_eval:
            self.quiet_base(mode)
        for module in self.wrapped.modules():
            if isinstance(module, _BatchNorm) and not any(
                p.requires_grad for p in module.parameters()
            ):
                module.eval()
        for layer in self._layers().values():
            layer.lora_dropout.train(mode)
        return self

    @contextmanager
    def plain(self) -> Iterator[Encoder]:
        """The wrapped encoder without adapters and under its own names, inside a `with`."""
        layers = self._layers()
        for path, layer in layers.items():
            set_module(self.wrapped, path, layer.base_layer)
        try:
            yield self.wrapped
        finally:
            for path, layer in layers.items():
                # What loads weights may have put another layer there.
                layer.base_layer = self.wrapped.get_submodule(path)
                set_module(self.wrapped, path, layer)

    def own_name(self, name: str) -> str:
        """This encoder's name for an entry of the wrapped encoder's own state dict."""
        path, _, leaf = name.rpartition('.')
        return f'wrapped.{path}.base_layer.{leaf}' if path in self.adapted else f'wrapped.{name}'

    def other_state(self, base: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
        """The adapters as they are; magnitudes (DoRA) are those of the new weights."""
        values = {}
        for path, layer in self._layers().items():
            key = f'wrapped.{path}.lora_magnitude_vector.{ADAPTER}.weight'
            weight = base.get(f'{path}.weight')
            own = layer.base_layer.weight
            if ADAPTER not in layer.lora_magnitude_vector or own.is_meta or weight is None:
                continue
            # One of the wrong shape stops the loading in any case.
            if weight.shape == own.shape:
                values[key] = _magnitude(layer, weight)
        return values, [k for k in self.state_dict() if '.lora_' in k and k not in values]

    def merge(self) -> Encoder:
        """Fold the adapters into the weights.

        Returns:
            The wrapped encoder, which is then as if it had never been wrapped, and computes what
            this one did. This one keeps it and has no adapters any more.
        """
        layers = self._layers()
        self.adapted = ()
        with torch.no_grad():
            for path, layer in layers.items():
                layer.merge(safe_merge=True)
                set_module(self.wrapped, path, layer.base_layer)
        return super().merge()


def _magnitude(layer: nn.Module, weight: Tensor) -> Tensor:
    """The norm of each output channel of `weight` with the adapter in it, in DoRA's shape."""
    with torch.no_grad():
        magnitude = layer.lora_magnitude_vector[ADAPTER].weight
        delta = layer.get_delta_weight(ADAPTER)
        adapted = weight.to(delta) + delta
        return adapted.flatten(1).norm(dim=1).view_as(magnitude).to(magnitude.dtype)

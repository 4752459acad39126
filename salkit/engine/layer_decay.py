"""Learning rates that fall from the decoder to the clip, block by block."""

from __future__ import annotations

import re

from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn

from ..encoders import Encoder
from ..errors import ConfigError
from ..registry import OPTIM_WRAPPER_CONSTRUCTORS
from ..utils.text import nearest_names

# Positions and extra tokens by the words of their names; weight decay would pull them to zero.
_POSITIONS = re.compile(r'(^|[._])(pos|positions?|token)([._]|$)')
# mmengine looks at no others, and says nothing of those that it does not know.
_PARAMWISE = (
    'layer_decay_rate',
    'custom_keys',
    'bias_lr_mult',
    'bias_decay_mult',
    'norm_decay_mult',
    'dwconv_decay_mult',
    'dcn_offset_lr_mult',
    'flat_decay_mult',
)


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LayerDecayOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """mmengine's constructor, with layer-wise decay of the encoder's learning rates (BEiT).

    A parameter trains at `lr * layer_decay_rate ** k`, k being its number of steps to the decoder
    as `Encoder.steps_to_decoder` counts them: 0 behind the last block, 1 in it, n + 1 in the patch
    embedding before n blocks. The decoder trains at the full rate. Norms, biases and whatever else
    has one axis, positions and class tokens have no weight decay.

    Args:
        optim_wrapper_cfg: as for mmengine's constructor; the optimizer needs an `lr`.
        paramwise_cfg: `layer_decay_rate` in (0, 1], and whatever mmengine's constructor takes: the
            multipliers of `custom_keys` come on top. `bypass_duplicate` is implied.

    Raises:
        ConfigError: no rate or one out of range, an unknown key, an optimizer without `lr`.
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None) -> None:
        paramwise_cfg = dict(paramwise_cfg or {})
        for key in paramwise_cfg:
            if key not in _PARAMWISE:
                hint = nearest_names(key, _PARAMWISE, there='it takes')
                raise ConfigError(f'optim_wrapper.paramwise_cfg has no {key!r}; {hint}')
        rate = paramwise_cfg.get('layer_decay_rate')
        if not isinstance(rate, (int, float)) or not 0 < rate <= 1:
            raise ConfigError(
                'optim_wrapper.paramwise_cfg: layer_decay_rate must be a number above 0 and up '
                f'to 1, got {rate!r}'
            )
        self.layer_decay_rate = float(rate)
        super().__init__(optim_wrapper_cfg, paramwise_cfg | dict(bypass_duplicate=True))
        if self.base_lr is None:
            raise ConfigError('optim_wrapper.optimizer: layer-wise rates need an lr, got none')

    def add_params(
        self,
        params: list[dict],
        module: nn.Module,
        prefix: str = '',
        is_dcn_module: int | float | None = None,
    ) -> None:
        """Add every trained parameter of `module` once, those of equal settings in one group.

        Raises:
            ConfigError: a model without an encoder, or an encoder whose blocks cannot be told.
        """
        super().add_params(params, module, prefix, is_dcn_module)
        # mmengine goes down the modules through this method; the model itself has no prefix.
        if not prefix:
            params[:] = self._grouped(params, module)

    def _grouped(self, singles: list[dict], model: nn.Module) -> list[dict]:
        """Scale what is one group a parameter, and join groups; the full rate comes first."""
        encoder = getattr(model, 'encoder', None)
        if not isinstance(encoder, Encoder):
            raise ConfigError(
                f'{type(model).__name__} has no encoder, whose layers the rates could follow: '
                'leave optim_wrapper.constructor out'
            )
        base: float = self.base_lr
        steps = {f'encoder.{name}': k for name, k in encoder.steps_to_decoder().items()}
        names = {parameter: name for name, parameter in model.named_parameters()}
        groups: dict[tuple, dict] = {}
        for single in singles:
            parameter: nn.Parameter = single['params'][0]
            name = names[parameter]
            rate = single.get('lr', base) * self.layer_decay_rate ** steps.get(name, 0)
            settings = {**single, 'lr': rate}
            if parameter.ndim <= 1 or _POSITIONS.search(name):
                settings['weight_decay'] = 0.0
            del settings['params']
            group = groups.setdefault(tuple(sorted(settings.items())), dict(settings, params=[]))
            group['params'].append(parameter)
        return sorted(groups.values(), key=lambda group: -group['lr'])

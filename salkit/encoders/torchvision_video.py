"""torchvision's video models as encoders: Video Swin, MViTv2 and S3D."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from torchvision.models import WeightsEnum, get_model_weights

from ..errors import ConfigError, one_line
from ..registry import ENCODERS
from ..types import AdaptedWeights
from ..utils.text import check_choice, check_range
from .base import HEAD_REASON, Encoder, Triple
from .torchvision_trunks import ARCHITECTURES, FAMILIES


@ENCODERS.register_module()
class TorchvisionVideoEncoder(Encoder):
    """Video Swin, MViTv2 or S3D of torchvision without its head, all stages as features.

    Liu et al. 2022 (Video Swin), Li et al. 2022 (MViTv2), Xie et al. 2018 (S3D). The strides are
    (2, 4, 4) to (2, 32, 32), for S3D to (8, 32, 32). The deepest feature has the model's final
    norm, where it has one.

    Args:
        arch: 'swin3d_t', 'swin3d_s', 'swin3d_b', 'mvit_v2_s', 's3d', or a dict: `name` is
            'swin3d', 'mvit' or 's3d', the rest are arguments of torchvision's class (for 'mvit',
            `block_setting` is a list of dicts).
        clip_len: frames per clip, a multiple of the deepest temporal stride.
        pretrained: name of torchvision's weights to train from, 'KINETICS400_V1'; None for random
            weights.
        drop_path: largest stochastic depth rate, growing linearly over the blocks.
        frozen_stages: -1 trains everything, 0 freezes the stem, k > 0 also the first k stages.
            Frozen stages run in evaluation mode.
        norm_eval: batch norms keep their stored statistics in training; for batches too small to
            measure any. S3D alone has batch norms.
        activation_checkpointing: recompute each block in the backward pass to save memory.

    Raises:
        ConfigError: an architecture or weights that do not exist, or a number out of range.
    """

    def __init__(
        self,
        arch: str | dict = 'swin3d_t',
        clip_len: int = 16,
        pretrained: str | None = None,
        drop_path: float = 0.0,
        frozen_stages: int = -1,
        norm_eval: bool = False,
        activation_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        settings = dict(arch) if isinstance(arch, dict) else {}
        name = settings.pop('name', None) if isinstance(arch, dict) else arch
        known = FAMILIES if isinstance(arch, dict) else ARCHITECTURES
        if name not in known:
            raise ConfigError(
                f'TorchvisionVideoEncoder: arch must be one of {sorted(ARCHITECTURES)} or a dict '
                f'whose name is one of {sorted(FAMILIES)}, got {arch!r}'
            )
        self.arch = name
        self._weights = self._find_weights(arch, pretrained)
        self.pretrained = pretrained or None
        if isinstance(arch, str):
            settings['name'] = arch
        try:
            self.trunk = FAMILIES[ARCHITECTURES.get(name, name)](drop_path, **settings)
        except (AttributeError, IndexError, TypeError, ValueError, ZeroDivisionError) as error:
            raise ConfigError(
                f'TorchvisionVideoEncoder: torchvision cannot build {name} from arch {arch!r} and '
                f'drop_path {drop_path}: {one_line(error)}'
            ) from error
        self.features = self.trunk.specs
        stride_t, *stride_hw = self.features[-1].stride_thw
        self.size_divisor = max(stride_hw)
        single = clip_len == self.trunk.shortest == 1
        if not single and (clip_len < self.trunk.shortest or clip_len % stride_t):
            raise ConfigError(
                f'TorchvisionVideoEncoder: clip_len must be a multiple of {stride_t} for {name}, '
                f'got {clip_len}'
            )
        stages = len(self.trunk.stages())
        check_range('TorchvisionVideoEncoder', 'frozen_stages', frozen_stages, -1, stages)
        self.clip_len = clip_len
        self.frozen_stages, self.norm_eval = frozen_stages, norm_eval
        self.activation_checkpointing = activation_checkpointing
        self.pixel_mean, self.pixel_std = self._pixel_statistics(name)
        for module in self._frozen_modules():
            module.requires_grad_(False)
        self.train(self.training)

    def _find_weights(self, arch: str | dict, pretrained: str | None) -> WeightsEnum | None:
        """The enum member of the weights that are asked for."""
        if not pretrained:
            return None
        if isinstance(arch, dict):
            raise ConfigError(
                f'TorchvisionVideoEncoder: pretrained={pretrained!r} needs the name of an '
                f'architecture, got arch {arch!r}; a file is given as init_cfg'
            )
        available = get_model_weights(arch).__members__
        check_choice(
            'TorchvisionVideoEncoder', f'pretrained of {arch}', pretrained, sorted(available)
        )
        return available[pretrained]

    def _pixel_statistics(self, name: str) -> tuple[Triple, Triple]:
        model = next(a for a, family in ARCHITECTURES.items() if name in (a, family))
        transforms = get_model_weights(model).DEFAULT.transforms()
        return tuple(transforms.mean), tuple(transforms.std)

    def _frozen_modules(self) -> list[nn.Module]:
        if self.frozen_stages < 0:
            return []
        stages = self.trunk.stages()[: self.frozen_stages]
        return [*self.trunk.stem(), *(module for stage in stages for module in stage)]

    def train(self, mode: bool = True) -> TorchvisionVideoEncoder:
        """Set the training mode; frozen stages stay in evaluation mode."""
        super().train(mode)
        for module in self._frozen_modules():
            module.eval()
        if self.norm_eval:
            for module in self.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        return self

    def steps_to_decoder(self) -> dict[str, int]:
        """See `Encoder`; the layers that merge patches between stages count as blocks."""
        before = (p for module in self.trunk.stem() for p in module.parameters())
        blocks = [module for stage in self.trunk.stages() for module in stage]
        return self._count_steps(before, blocks)

    def freeze(self) -> None:
        """Stop training of every parameter and whatever else differs in training."""
        super().freeze()
        self.frozen_stages = len(self.trunk.stages())
        self.train(self.training)

    def pretrained_weights(self) -> Mapping[str, Tensor] | None:
        """What `pretrained` names, as torchvision fetches it."""
        if self._weights is None:
            return None
        return self._weights.get_state_dict(
            progress=False, check_hash=True, weights_only=True, map_location='cpu'
        )

    def adapt_weights(self, weights: Mapping[str, Tensor]) -> AdaptedWeights | None:
        """Take a state dict of torchvision's model; its head is dropped."""
        own = self.trunk.state_dict()
        if not any(key in own for key in weights):
            return None
        found = AdaptedWeights('torchvision', {})
        for key, value in weights.items():
            if key in own:
                found.weights['trunk.' + key] = value
                found.sources['trunk.' + key] = key
            elif key.startswith(('head.', 'classifier.')):
                found.dropped[key] = HEAD_REASON
        return found

    def _run(self, module: nn.Module, *args: Any) -> Any:
        if self.activation_checkpointing and self.training and torch.is_grad_enabled():
            return checkpoint(module, *args, use_reentrant=False)
        return module(*args)

    def forward(self, clip: Tensor) -> tuple[Tensor, ...]:
        """Encode a normalized clip.

        Args:
            clip: (B, 3, clip_len, H, W) float, H and W divisible by 32.

        Returns:
            One feature per stage, (B, C, T / stride_t, H / stride_h, W / stride_w).

        Raises:
            ShapeError: another rank, length or size.
        """
        self.check_clip(clip)
        return self.trunk(clip, self._run)

"""Encoders that each break one line of the contract, for the suite to find."""

import contextlib

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from salkit.encoders import Encoder
from salkit.errors import CheckpointError, ShapeError
from salkit.types import AdaptedWeights, FeatureSpec

STRIDE = 8


class GoodEncoder(Encoder):
    """Two features of a patch embedding per two frames; nothing is wrong with it."""

    size_divisor = STRIDE

    def __init__(self, clip_len=4, width=6, activation_checkpointing=False, pretrained=None):
        super().__init__()
        self.clip_len = clip_len
        self.activation_checkpointing = activation_checkpointing
        self.pretrained = pretrained
        self.features = (
            FeatureSpec(width, (1, STRIDE, STRIDE)),
            FeatureSpec(width, (2, STRIDE, STRIDE)),
        )
        self.trunk = nn.Conv3d(3, width, (1, STRIDE, STRIDE), (1, STRIDE, STRIDE))
        self.head = nn.Sequential(
            nn.Conv3d(width, width, (2, 1, 1), (2, 1, 1)), nn.GELU(), nn.Conv3d(width, width, 1)
        )

    def deepest(self, feature):
        if self.activation_checkpointing and self.training and torch.is_grad_enabled():
            return checkpoint(self.head, feature, use_reentrant=False)
        return self.head(feature)

    def pretrained_weights(self):
        if self.pretrained is not None:
            raise CheckpointError(f'{self.pretrained}: cannot be fetched')

    def forward(self, clip):
        self.check_clip(clip)
        feature = self.trunk(clip)
        return feature, self.deepest(feature)


class Declares(GoodEncoder):
    """Declares `wrong` instead of what is true; set by a subclass."""

    wrong = {}

    def __init__(self, **options):
        super().__init__(**options)
        for name, value in self.wrong.items():
            setattr(self, name, value)


def declares(**wrong):
    return type('WrongEncoder', (Declares,), dict(wrong=wrong))


def specs(first=(6, (1, 8, 8)), second=(6, (2, 8, 8))):
    return tuple(FeatureSpec(*spec) for spec in (first, second) if spec)


class Gives(GoodEncoder):
    """Changes its features by `change`."""

    change = staticmethod(lambda features: features)

    def forward(self, clip):
        return self.change(super().forward(clip))


def gives(change):
    return type('WrongEncoder', (Gives,), dict(change=staticmethod(change)))


class AsksForTheNetwork(GoodEncoder):
    def __init__(self, **options):
        import urllib.request

        super().__init__(**options)
        with contextlib.suppress(OSError):
            urllib.request.urlopen('http://example.com/weights.pth', timeout=1)


class SetsTheSeed(GoodEncoder):
    def __init__(self, **options):
        torch.manual_seed(0)
        super().__init__(**options)


class ReadsATableWhileBuilding(GoodEncoder):
    def __init__(self, **options):
        super().__init__(**options)
        self.rate = torch.linspace(0, 1, 3)[1].item()


class CallsItModel(GoodEncoder):
    def __init__(self, **options):
        super().__init__(**options)
        self.model = nn.ModuleDict(dict(trunk=self.trunk, head=self.head))
        del self.trunk, self.head

    def deepest(self, feature):
        if self.activation_checkpointing and self.training and torch.is_grad_enabled():
            return checkpoint(self.model['head'], feature, use_reentrant=False)
        return self.model['head'](feature)

    def forward(self, clip):
        self.check_clip(clip)
        feature = self.model['trunk'](clip)
        return feature, self.deepest(feature)


class LetsThrough(GoodEncoder):
    """Takes clips with the fault called `wrong`, and refuses all others."""

    wrong = ''

    def forward(self, clip):
        if self.wrong == 'rank':
            clip = clip if clip.ndim == 5 else torch.zeros(1, 3, self.clip_len, STRIDE, STRIDE)
        elif clip.ndim != 5:
            raise ShapeError('not of rank 5')
        elif self.wrong == 'channels':
            clip = clip[:, :1].expand(-1, 3, -1, -1, -1)
        elif self.wrong == 'length':
            clip = torch.cat([clip] * self.clip_len, 2)[:, :, : self.clip_len]
        elif self.wrong == 'size':
            clip = nn.functional.interpolate(clip, (clip.shape[2], 32, 48))
        return super().forward(clip)


def lets_through(wrong):
    return type('WrongEncoder', (LetsThrough,), dict(wrong=wrong))


class StopsAtWrongClips(GoodEncoder):
    def check_clip(self, clip):
        assert clip.ndim == 5 and clip.shape[1:3] == (3, self.clip_len)
        assert clip.shape[3] % STRIDE == 0 and clip.shape[4] % STRIDE == 0


class TakesOtherLengths(GoodEncoder):
    """Its table is made for 8 frames, whatever it declares."""

    def forward(self, clip):
        self.check_clip(clip)
        feature = self.trunk(clip) + torch.ones(8)[:, None, None]
        return feature, self.deepest(feature)


class IgnoresItsArgument(GoodEncoder):
    def __init__(self, clip_len=4, **options):
        super().__init__(clip_len=8, **options)


class DropsInEvaluation(GoodEncoder):
    def forward(self, clip):
        first, second = super().forward(clip)
        return nn.functional.dropout(first, 0.5, training=True), second


class MixesItsBatch(GoodEncoder):
    def forward(self, clip):
        first, second = super().forward(clip)
        return first, second - second.mean(0, keepdim=True)


class WritesIntoTheClip(GoodEncoder):
    def forward(self, clip):
        self.check_clip(clip)
        clip.mul_(0.5)
        return super().forward(clip)


class IgnoresTheOrder(GoodEncoder):
    def forward(self, clip):
        return super().forward(clip.mean(2, keepdim=True).expand_as(clip))


class HasADeadHead(GoodEncoder):
    def __init__(self, **options):
        super().__init__(**options)
        self.classifier = nn.Linear(6, 400)


class HasAZeroPath(GoodEncoder):
    def __init__(self, **options):
        super().__init__(**options)
        self.unused = nn.Parameter(torch.ones(6))

    def forward(self, clip):
        first, second = super().forward(clip)
        return first + 0 * self.unused.sum(), second


class BeginsAtZero(GoodEncoder):
    """As LoRA: the first gradient of `down` is zero, since `up` is."""

    def __init__(self, **options):
        super().__init__(**options)
        self.down, self.up = nn.Linear(6, 2, bias=False), nn.Linear(2, 6, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, clip):
        first, second = super().forward(clip)
        return first, second + self.up(self.down(second.movedim(1, -1))).movedim(-1, 1)


class HasBrokenGradients(GoodEncoder):
    def forward(self, clip):
        first, second = super().forward(clip)
        return first, second + (second.detach() - second).sqrt()


class FreezesAPart(GoodEncoder):
    def freeze(self):
        self.trunk.requires_grad_(False)


class CheckpointsNothing(GoodEncoder):
    def deepest(self, feature):
        return self.head(feature)


class CheckpointsWrongly(GoodEncoder):
    def deepest(self, feature):
        if self.activation_checkpointing and self.training:
            return self.head(feature.detach())
        return self.head(feature)


class KeepsWeightsAside(GoodEncoder):
    def __init__(self, **options):
        super().__init__(**options)
        self.aside = torch.randn(6, 1, 1, 1)

    def forward(self, clip):
        first, second = super().forward(clip)
        return first, second + self.aside


class TakesFiles(GoodEncoder):
    """Takes files with the fault called `wrong`, and no others."""

    wrong = ''

    def adapt_weights(self, weights):
        own = self.state_dict()
        taken = dict(weights)
        if self.wrong == 'missing':
            taken = {**own, **taken}
        elif self.wrong == 'unexpected':
            taken = {k: v for k, v in taken.items() if k in own}
        else:
            taken |= {k: own[k] for k in own.keys() & taken if own[k].shape != taken[k].shape}
        dropped = {k: 'unknown' for k in weights if k not in taken}
        used = {k: k for k in taken if k in weights}
        return AdaptedWeights('anything', taken, used, dropped)


def takes(wrong):
    return type('WrongEncoder', (TakesFiles,), dict(wrong=wrong))


class KeepsQuietAboutWeights(GoodEncoder):
    def pretrained_weights(self):
        return None


class OverflowsInBfloat16(GoodEncoder):
    def forward(self, clip):
        first, second = super().forward(clip)
        if second.dtype == torch.bfloat16:
            second = second * float('inf')
        return first, second


class RefusesToBePickled(GoodEncoder):
    def __init__(self, **options):
        super().__init__(**options)
        self.scale = lambda x: x


class StandsStill(GoodEncoder):
    def forward(self, clip):
        return tuple(0 * feature for feature in super().forward(clip))


class NeedsMultiplesOf16(GoodEncoder):
    def forward(self, clip):
        features = super().forward(clip)
        clip.unflatten(-1, (-1, 16)).unflatten(-3, (-1, 16))
        return features


class ForgetsTheLastFrame(GoodEncoder):
    def forward(self, clip):
        self.check_clip(clip)
        return super().forward(torch.cat([clip[:, :, :-1], clip[:, :, :1]], 2))


class DropsEntries(GoodEncoder):
    def adapt_weights(self, weights):
        own = self.state_dict()
        if set(own) != set(weights):
            return None
        named = [key for key in own if key != 'trunk.bias']
        dropped = {'trunk.bias': 'not wanted'}
        return AdaptedWeights('own', dict(weights), {k: k for k in named}, dropped)


class TakesOtherSizes(GoodEncoder):
    fixed_size = (32, 48)

    def forward(self, clip):
        first, second = super().forward(clip)
        return first + torch.ones(8, 12), second


class ResetsItsWeights(GoodEncoder):
    def init_weights(self):
        nn.init.ones_(self.trunk.bias)

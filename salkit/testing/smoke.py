"""What every registered part is tested with: the arguments of a tiny instance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmengine.registry import Registry

from ..plugin import load_plugins
from ..registry import DATASETS, DECODERS, ENCODERS, LOSSES, METRICS

# Of a part; every constructor has its own.
Arguments = dict[str, Any]
# The registries whose parts have a suite, by their names.
REGISTRIES: dict[str, Registry] = {
    target.name: target for target in (ENCODERS, DECODERS, LOSSES, METRICS, DATASETS)
}

# Two stages of a multiscale vision transformer.
_MVIT = [
    dict(
        num_heads=1,
        input_channels=8,
        output_channels=channels,
        kernel_q=[3, 3, 3],
        kernel_kv=[3, 3, 3],
        stride_q=[1, q, q],
        stride_kv=[1, kv, kv],
    )
    for channels, q, kv in ((8, 1, 8), (16, 2, 4))
]
# These read nothing themselves.
WRAPPERS = {('dataset', 'ConcatDataset')}
# salkit's own parts by (registry, class): the arguments of a tiny instance, or a list of them where
# one class covers several models.
BUILT_INS: dict[tuple[str, str], Arguments | list[Arguments]] = {
    ('encoder', 'UMTEncoder'): dict(arch=dict(embed_dim=24, depth=2, num_heads=2), clip_len=4),
    ('encoder', 'TorchvisionVideoEncoder'): [
        dict(
            arch=dict(name='swin3d', embed_dim=8, depths=[1, 2, 1, 2], num_heads=[1, 1, 2, 2]),
            clip_len=4,
        ),
        dict(arch=dict(name='mvit', block_setting=_MVIT), clip_len=4),
        dict(arch='s3d', clip_len=8),
    ],
    ('encoder', 'TimmFrameEncoder'): [
        dict(arch=arch, clip_len=4, model_kwargs=dict(embed_dim=32, depth=2, num_heads=2))
        for arch in (
            'vit_base_patch16_dinov3',
            # SigLIP 2 differs from SigLIP in its weights alone.
            'vit_base_patch16_siglip_224.v2_webli',
            'vit_pe_spatial_base_patch16_512',
            'eva02_base_patch14_224',
        )
    ],
    ('decoder', 'MultiBranchDecoder'): dict(
        branches=dict(
            swin3d=dict(type='Swin3DBranch', depth=1, width=0.125, num_heads=2),
            dfd=dict(type='DFDBranch', width=0.125),
            sfd=dict(type='SFDBranch', width=0.125),
        ),
        fusion=dict(type='ConvFusion', width=0.25),
    ),
    ('decoder', 'ReadoutDecoder'): dict(width=12, depth=2),
    ('decoder', 'Swin3DBranch'): dict(depth=2, width=0.125, num_heads=2),
    ('decoder', 'DFDBranch'): dict(width=0.125),
    ('decoder', 'SFDBranch'): dict(width=0.125),
    ('decoder', 'ConvFusion'): dict(width=0.25),
    ('loss', 'CCLoss'): {},
    ('loss', 'KLLoss'): {},
    ('loss', 'NSSLoss'): {},
    ('loss', 'SIMLoss'): {},
    ('metric', 'SaliencyMetric'): dict(protocol='exact'),
}
# Those of every data set.
DATASET: Arguments = dict(clip_len=4)


@dataclass(frozen=True)
class Part:
    """A registered class that a suite can be run on.

    Attributes:
        registry: name of the registry: 'encoder', 'decoder', 'loss', 'metric' or 'dataset'.
        cls: the class.
        owner: the distribution that brings it, 'salkit' for salkit's own.
        smoke: the arguments of a tiny instance, or of several; None where none were registered.
    """

    registry: str
    cls: type
    owner: str
    smoke: Mapping[str, object] | Sequence[Mapping[str, object]] | None

    @property
    def variants(self) -> tuple[Arguments, ...]:
        """The arguments of each instance to test."""
        several = (self.smoke,) if isinstance(self.smoke, Mapping) else self.smoke or ()
        return tuple(map(dict, several))


def registered_parts() -> Iterator[Part]:
    """Every registered encoder, decoder, branch, fusion head, loss, metric and data set.

    salkit's own come first, then those of the installed plugins.
    """
    records = load_plugins()
    of_plugins = {entry[:2] for record in records for entry in record.registered}
    for kind, target in REGISTRIES.items():
        target.import_from_location()
        for name, cls in sorted(target.module_dict.items()):
            own = cls.__module__.startswith('salkit.')
            if own and (kind, name) not in of_plugins | WRAPPERS:
                usual = DATASET if kind == 'dataset' else None
                yield Part(kind, cls, 'salkit', BUILT_INS.get((kind, name), usual))
    for record in records:
        for kind, name, smoke in record.registered:
            if kind in REGISTRIES:
                cls = REGISTRIES[kind].module_dict[name]
                yield Part(kind, cls, record.distribution, smoke)


def registered_part(kind: str, cls: type) -> Part | None:
    """The entry of `cls` in the registry called `kind`, or None where it is not registered."""
    return next((p for p in registered_parts() if p.registry == kind and p.cls is cls), None)

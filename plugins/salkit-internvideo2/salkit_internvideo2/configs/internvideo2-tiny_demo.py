# A tiny InternVideo2 from random weights on the demo data, at 56 x 84: 4 x 6 patches of 14.
_base_ = 'salkit::demo/umt-tiny_cc-kl.py'
model = dict(
    encoder=dict(
        _delete_=True,
        type='InternVideo2Encoder',
        arch=dict(embed_dim=128, depth=4, num_heads=4),
        clip_len=8,
        layer_scale=0.1,
        init_cfg=None,
    )
)

_size = (56, 84)
_train_pipeline = [
    dict(type='LoadClip', size=_size, cache_frames=16384),
    dict(type='LoadTargets', size=_size),
    dict(type='FlipClip', horizontal=0.5, vertical=0.5),
    dict(type='RecolorClip', permute=1.0, invert=0.5),
    dict(type='PackClip'),
]
_test_pipeline = [
    dict(type='LoadClip', size=_size),
    dict(type='LoadTargets'),
    dict(type='PackClip'),
]
train_dataloader = dict(dataset=dict(pipeline=_train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=_test_pipeline))

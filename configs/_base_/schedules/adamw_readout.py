# A readout trained on frozen features: AdamW, a short warm-up, a cosine to almost zero.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=2e-3, weight_decay=1e-4),
    clip_grad=dict(max_norm=1.0),
    # The few numbers of blur and center bias have a scale of their own and are not to vanish.
    paramwise_cfg=dict(
        custom_keys={
            'decoder.blur': dict(lr_mult=5.0, decay_mult=0.0),
            'decoder.center_bias': dict(lr_mult=5.0, decay_mult=0.0),
        },
    ),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.02, by_epoch=False, begin=0, end=50),
    dict(
        type='CosineAnnealingLR',
        eta_min_ratio=0.02,
        begin=0,
        end='max_epochs',
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(by_epoch=True, max_epochs=2, val_interval=1)
val_cfg = dict()
test_cfg = dict()

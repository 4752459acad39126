# For models trained from nothing in minutes: Adam, a short warm-up, then a cosine to almost zero.
_max_epochs = 42
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=1e-3),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.02, by_epoch=False, begin=0, end=24),
    dict(
        type='CosineAnnealingLR',
        eta_min_ratio=0.02,
        T_max=_max_epochs,
        begin=0,
        end=_max_epochs,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(by_epoch=True, max_epochs=_max_epochs, val_interval=6)
val_cfg = dict()
test_cfg = dict()

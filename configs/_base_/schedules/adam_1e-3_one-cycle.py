# For models trained from nothing in minutes: Adam, a short warm-up, then a cosine to
# almost zero at the end of training.
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
        begin=0,
        end='max_epochs',
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
# Two threads with half of the clips each: on a CPU, small models gain by it.
train_cfg = dict(by_epoch=True, max_epochs=32, val_interval=4, cpu_parts=2)
val_cfg = dict()
test_cfg = dict()

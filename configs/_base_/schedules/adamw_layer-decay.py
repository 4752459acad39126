# For encoders that were trained before: AdamW at rates that fall from the decoder to the clip,
# warm-up and cosine, bfloat16, gradients clipped and the weights averaged.
_base_ = '../runtime.py'
optim_wrapper = dict(
    type='BFloat16OptimWrapper',
    constructor='LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(layer_decay_rate=0.75),
    optimizer=dict(type='AdamW', lr=1e-4, weight_decay=0.05),
    clip_grad=dict(max_norm=1.0),
    # batch_size times this is 16 in every config of this recipe.
    accumulative_counts=1,
)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=0.01,
        begin=0,
        end=1,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        eta_min=0.0,
        begin=0,
        end='max_epochs',
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(by_epoch=True, max_epochs=10, val_interval=1)
val_cfg = dict()
test_cfg = dict()
# Validated, kept as best and predicted with is the average of the last 1000 steps or so. `interval`
# counts batches: it goes with accumulative_counts.
default_hooks = dict(ema=dict(type='EMAHook', momentum=0.001, interval=1))

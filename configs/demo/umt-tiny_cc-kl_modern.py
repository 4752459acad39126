# umt-tiny_cc-kl trained as the recipe of salfom/umt-l16_cc-kl_modern has it, as far as a model that
# starts from nothing can be: rates that hardly differ, a shorter average.
_base_ = [
    '../_base_/models/salfom_umt-tiny.py',
    '../_base_/datasets/demo_64x96.py',
    '../_base_/schedules/adamw_layer-decay.py',
]
train_cfg = dict(max_epochs=32, val_interval=4, cpu_parts=2)
optim_wrapper = dict(
    optimizer=dict(lr=1e-3),
    paramwise_cfg=dict(layer_decay_rate=0.9),
)
default_hooks = dict(ema=dict(momentum=0.02))

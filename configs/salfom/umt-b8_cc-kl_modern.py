# UMT-B-8 by the recipe to begin with; 12 GB of GPU memory.
_base_ = './umt-l16_cc-kl_modern.py'
model = dict(encoder=dict(arch='base', clip_len=8))
train_dataloader = dict(batch_size=8, dataset=dict(clip_len=8))
val_dataloader = dict(dataset=dict(clip_len=8))
test_dataloader = dict(dataset=dict(clip_len=8))
# Of half the blocks: a faster fall.
optim_wrapper = dict(accumulative_counts=2, paramwise_cfg=dict(layer_decay_rate=0.65))
default_hooks = dict(ema=dict(interval=2))

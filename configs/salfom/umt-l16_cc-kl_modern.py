# The recipe to begin with: SalFoM with layer-wise rates, averaged weights, bfloat16, 64 augmented
# clips a video and epoch; 24 GB of GPU memory.
_base_ = [
    '../_base_/models/salfom_umt-l16.py',
    '../_base_/datasets/dhf1k_224_aug.py',
    '../_base_/schedules/adamw_layer-decay.py',
]
train_dataloader = dict(batch_size=4, num_workers=8, dataset=dict(clips_per_video=64))
optim_wrapper = dict(accumulative_counts=4)
default_hooks = dict(ema=dict(interval=4))

# umt-l16_cc-kl_modern on a GPU of 80 GB: larger batches, the same 16 clips a step.
_base_ = './umt-l16_cc-kl_modern.py'
train_dataloader = dict(batch_size=16)
optim_wrapper = dict(accumulative_counts=1)
default_hooks = dict(ema=dict(interval=1))

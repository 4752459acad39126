# umt-l16_cc-kl_modern on a GPU of 12 GB: blocks of the encoder are computed twice, to keep less.
_base_ = './umt-l16_cc-kl_modern.py'
model = dict(encoder=dict(activation_checkpointing=True))
train_dataloader = dict(batch_size=2)
optim_wrapper = dict(accumulative_counts=8)
default_hooks = dict(ema=dict(interval=8))

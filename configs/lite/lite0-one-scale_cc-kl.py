# The second step of lite0: EfficientNet-Lite0 and its readout at a small rate, from the best
# checkpoint of lite0-head_cc-kl.
_base_ = './lite0-head_cc-kl.py'
model = dict(encoder=dict(frozen_trunk=False, init_cfg=None))
load_from = 'work_dirs/lite0-head_cc-kl'
optim_wrapper = dict(
    optimizer=dict(lr=5e-4),
    paramwise_cfg=dict(custom_keys={'encoder': dict(lr_mult=0.4)}),
)
train_cfg = dict(max_epochs=6)

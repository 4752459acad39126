# lite0, the model that salkit ships: EfficientNet-Lite0 and a readout, trained on photographs. The
# second of two steps: it goes on from the best checkpoint of lite0-head_cc-kl, with everything at a
# small rate.
_base_ = './lite0-head_cc-kl.py'
model = dict(
    encoder=dict(frozen_trunk=False, init_cfg=None),
    # What follows was chosen on the val splits and on a third of the films.
    decoder=dict(center_gain=1.75),
    test_scales=(1.0, 0.6),
    smooth_s=0.4,
)
load_from = 'work_dirs/lite0-head_cc-kl'
optim_wrapper = dict(
    optimizer=dict(lr=5e-4),
    paramwise_cfg=dict(custom_keys={'encoder': dict(lr_mult=0.4)}),
)
train_cfg = dict(max_epochs=6)

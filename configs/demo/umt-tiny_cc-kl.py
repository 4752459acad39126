# The embedded default: a tiny SalFoM on the demo data, minutes on two CPU cores.
_base_ = [
    '../_base_/models/salfom_umt-tiny.py',
    '../_base_/datasets/demo_64x96.py',
    '../_base_/schedules/adam_1e-5.py',
    '../_base_/runtime.py',
]
optim_wrapper = dict(optimizer=dict(lr=1e-3))
train_cfg = dict(max_epochs=60, val_interval=5)

# SalFoM as published, its training clips augmented: random cuts, mirrored, other colours, speed.
_base_ = [
    '../_base_/models/salfom_umt-l16.py',
    '../_base_/datasets/dhf1k_224_aug.py',
    '../_base_/schedules/adam_1e-5.py',
    '../_base_/runtime.py',
]
# A checkpoint of this model with its optimiser takes 4.8 GB: one per validation is enough.
default_hooks = dict(checkpoint=dict(interval=3))

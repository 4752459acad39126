# SalFoM as published: UMT-L on 16 frames, CC + KL, DHF1K, Adam 1e-5 (paper, table 4, row CC+KL).
_base_ = [
    '../_base_/models/salfom_umt-l16.py',
    '../_base_/datasets/dhf1k_224.py',
    '../_base_/schedules/adam_1e-5.py',
    '../_base_/runtime.py',
]
# A checkpoint of this model with its optimiser takes 4.8 GB: one per validation is enough.
default_hooks = dict(checkpoint=dict(interval=3))

# The embedded default: a tiny SalFoM on the demo data, minutes on two CPU cores.
_base_ = [
    '../_base_/models/salfom_umt-tiny.py',
    '../_base_/datasets/demo_64x96.py',
    '../_base_/schedules/adam_1e-3_one-cycle.py',
    '../_base_/runtime.py',
]

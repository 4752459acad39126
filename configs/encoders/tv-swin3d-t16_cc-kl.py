# SalFoM's decoder on Video Swin-T (torchvision, Kinetics-400), 16 frames.
_base_ = [
    '../_base_/models/salfom_swin3d-t.py',
    '../_base_/datasets/dhf1k_224.py',
    '../_base_/schedules/adam_1e-5.py',
    '../_base_/runtime.py',
]

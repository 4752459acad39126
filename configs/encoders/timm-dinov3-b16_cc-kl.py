# SalFoM's decoder on DINOv3 ViT-B/16 (timm), 16 frames.
_base_ = [
    '../_base_/models/salfom_dinov3-b.py',
    '../_base_/datasets/dhf1k_224.py',
    '../_base_/schedules/adam_1e-5.py',
    '../_base_/runtime.py',
]

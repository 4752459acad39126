# DINOv3 ViT-B/16 kept as it is: the temporal mixer and the decoder alone are trained.
_base_ = './timm-dinov3-b16_cc-kl.py'
model = dict(encoder=dict(frozen_trunk=True))

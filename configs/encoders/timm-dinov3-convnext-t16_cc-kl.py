# SalFoM's decoder on DINOv3 ConvNeXt-T (timm).
_base_ = './timm-dinov3-b16_cc-kl.py'
model = dict(encoder=dict(arch='convnext_tiny.dinov3_lvd1689m'))

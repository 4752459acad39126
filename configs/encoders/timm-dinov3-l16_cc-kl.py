# SalFoM's decoder on DINOv3 ViT-L/16 (timm).
_base_ = './timm-dinov3-b16_cc-kl.py'
model = dict(encoder=dict(arch='vit_large_patch16_dinov3.lvd1689m'))

# SalFoM's decoder on Perception Encoder spatial B/16 (timm).
_base_ = './timm-dinov3-b16_cc-kl.py'
model = dict(encoder=dict(arch='vit_pe_spatial_base_patch16_512.fb'))

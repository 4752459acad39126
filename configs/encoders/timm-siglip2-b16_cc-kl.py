# SalFoM's decoder on SigLIP 2 ViT-B/16 (timm).
_base_ = './timm-dinov3-b16_cc-kl.py'
model = dict(encoder=dict(arch='vit_base_patch16_siglip_224.v2_webli'))

# SalFoM's decoder on EVA-02 B/14 (timm): features of 16 x 16 patches.
_base_ = './timm-dinov3-b16_cc-kl.py'
model = dict(encoder=dict(arch='eva02_base_patch14_224.mim_in22k'))

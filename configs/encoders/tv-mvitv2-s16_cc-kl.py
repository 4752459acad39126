# SalFoM's decoder on MViTv2-S (torchvision, Kinetics-400).
_base_ = './tv-swin3d-t16_cc-kl.py'
model = dict(encoder=dict(arch='mvit_v2_s'))

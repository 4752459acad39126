# SalFoM's decoder on Video Swin-B (torchvision, Kinetics-400).
_base_ = './tv-swin3d-t16_cc-kl.py'
model = dict(encoder=dict(arch='swin3d_b'))

# Swin3D branch of depth 2 (paper, table 1).
_base_ = './umt-l16_cc-kl.py'
model = dict(decoder=dict(branches=dict(swin3d=dict(depth=2))))

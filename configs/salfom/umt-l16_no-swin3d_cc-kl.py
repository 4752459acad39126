# Without the Swin3D branch.
_base_ = './umt-l16_cc-kl.py'
model = dict(decoder=dict(branches=dict(swin3d=None)))

# The SFD branch alone.
_base_ = './umt-l16_cc-kl.py'
model = dict(decoder=dict(branches=dict(swin3d=None, dfd=None)))

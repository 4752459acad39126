# The Swin3D branch alone.
_base_ = './umt-l16_cc-kl.py'
model = dict(decoder=dict(branches=dict(dfd=None, sfd=None)))

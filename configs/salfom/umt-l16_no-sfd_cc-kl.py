# Without the SFD branch.
_base_ = './umt-l16_cc-kl.py'
model = dict(decoder=dict(branches=dict(sfd=None)))

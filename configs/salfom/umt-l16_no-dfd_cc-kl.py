# Without the DFD branch.
_base_ = './umt-l16_cc-kl.py'
model = dict(decoder=dict(branches=dict(dfd=None)))

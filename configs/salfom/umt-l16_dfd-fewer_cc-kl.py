# DFD branch with fewer layers (paper, table 2).
_base_ = './umt-l16_cc-kl.py'
model = dict(decoder=dict(branches=dict(dfd=dict(layers='fewer'))))

# DFD branch with extra layers (paper, table 2).
_base_ = './umt-l16_cc-kl.py'
model = dict(decoder=dict(branches=dict(dfd=dict(layers='extra'))))

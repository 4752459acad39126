# DFD branch of depth-wise separable 3D convolutions (paper, table 2).
_base_ = './umt-l16_cc-kl.py'
model = dict(decoder=dict(branches=dict(dfd=dict(separable=True))))

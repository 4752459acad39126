# UMT-L-16, its first 18 of 24 blocks (paper, table 3).
_base_ = './umt-l16_cc-kl.py'
model = dict(encoder=dict(depth=18))

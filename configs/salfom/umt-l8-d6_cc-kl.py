# UMT-L-8, its first 6 of 24 blocks (paper, table 3).
_base_ = './umt-l8_cc-kl.py'
model = dict(encoder=dict(depth=6))

# UMT-B-8, its first 6 of 12 blocks (paper, table 3).
_base_ = './umt-b8_cc-kl.py'
model = dict(encoder=dict(depth=6))

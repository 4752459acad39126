# UMT-B-8, all 12 blocks (paper, table 3).
_base_ = './umt-l8_cc-kl.py'
model = dict(encoder=dict(arch='base'))

# KL alone (paper, table 4).
_base_ = './umt-l16_cc-kl.py'
model = dict(losses=dict(cc=None))

# CC + KL + SIM (paper, table 4).
_base_ = './umt-l16_cc-kl.py'
model = dict(losses=dict(sim=dict(type='SIMLoss', weight=1.0)))

# CC + KL + SIM + NSS (paper, table 4).
_base_ = './umt-l16_cc-kl-sim.py'
model = dict(losses=dict(nss=dict(type='NSSLoss', weight=1.0)))

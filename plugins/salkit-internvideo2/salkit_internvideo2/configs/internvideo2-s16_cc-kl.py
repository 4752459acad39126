# InternVideo2-S, distilled from 1B, on 16 frames.
_base_ = './internvideo2-b16_cc-kl.py'
model = dict(encoder=dict(arch='s'))

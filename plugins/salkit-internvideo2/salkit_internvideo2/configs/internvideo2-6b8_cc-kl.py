# InternVideo2-6B on 8 frames with its first 44 of 48 blocks frozen: the last four and the decoder
# learn, and only these four are recomputed in the backward pass.
_base_ = './internvideo2-1b8_cc-kl.py'
model = dict(encoder=dict(arch='6b', frozen_stages=44))

# TinyEncoder with the decoder of SalFoM, on the demo data.
_base_ = 'salkit::demo/umt-tiny_cc-kl'

model = dict(encoder=dict(_delete_=True, type='TinyEncoder', width=32, clip_len=8))

# VideoMAE-B with a readout in place of SalFoM's decoder.
_base_ = './videomae-b16_cc-kl.py'
model = dict(
    decoder=dict(_delete_=True, type='ReadoutDecoder', width=48, depth=3, kernel=5, stride=8),
)

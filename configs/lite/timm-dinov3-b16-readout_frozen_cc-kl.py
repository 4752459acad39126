# A readout of DINOv3 ViT-B (timm), whose weights stay as they are; 16 frames.
_base_ = '../encoders/timm-dinov3-b16_frozen_cc-kl.py'
model = dict(
    decoder=dict(_delete_=True, type='ReadoutDecoder', width=48, depth=3, kernel=5, stride=8),
)

# SalFoM's decoder on DINOv3 ViT-B of timm, frame by frame, 16 frames; CC + KL.
_base_ = './salfom_umt-l16.py'
model = dict(
    # pretrained: have timm fetch the weights of `arch` before training; False: random ones.
    encoder=dict(
        _delete_=True,
        type='TimmFrameEncoder',
        arch='vit_base_patch16_dinov3.lvd1689m',
        clip_len=16,
        pretrained=True,
        init_cfg=None,
    ),
)

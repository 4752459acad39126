# SalFoM's decoder on Video Swin-T of torchvision, 16 frames; CC + KL.
_base_ = './salfom_umt-l16.py'
model = dict(
    # pretrained: weights that torchvision fetches before training; None starts from random ones.
    encoder=dict(
        _delete_=True,
        type='TorchvisionVideoEncoder',
        arch='swin3d_t',
        clip_len=16,
        pretrained='KINETICS400_V1',
        init_cfg=None,
    ),
)

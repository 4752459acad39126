# DHF1K at 224 x 224, 16 frames, with training clips that are cut, mirrored, recoloured and played
# at up to twice the speed. They are read at 256 x 256: `salkit cache` keeps that size.
_base_ = './dhf1k_224.py'

_read = (256, 256)
_train_pipeline = [
    dict(type='LoadClip', size=_read),
    dict(type='LoadTargets', size=_read),
    dict(type='RandomResizedCropClip', size=(224, 224), scale=(0.6, 1.0), ratio=(0.8, 1.25)),
    dict(type='FlipClip', horizontal=0.5),
    dict(type='ColorJitterClip', brightness=0.3, contrast=0.3, saturation=0.3, hue=0.03),
    dict(type='PackClip'),
]
train_dataloader = dict(dataset=dict(clip_stride=(1, 2), pipeline=_train_pipeline))

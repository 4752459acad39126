# Input of 224 x 384 pixels, nearer to the shape of DHF1K's frames (640 x 360).
_base_ = './umt-l16_cc-kl.py'
_size = (224, 384)
_train_pipeline = [
    dict(type='LoadClip', size=_size),
    dict(type='LoadTargets', size=_size),
    dict(type='PackClip'),
]
_test_pipeline = [
    dict(type='LoadClip', size=_size),
    dict(type='LoadTargets'),
    dict(type='PackClip'),
]
train_dataloader = dict(dataset=dict(pipeline=_train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=_test_pipeline))

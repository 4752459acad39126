# EfficientNet-Lite0 on a single frame, and a readout of its features; CC + KL.
model = dict(
    type='SaliencyModel',
    encoder=dict(
        type='TimmFrameEncoder',
        arch='tf_efficientnet_lite0',
        clip_len=1,
        out_indices=(2, 3, 4),
        # What no data taught is not in it: no mixing along time.
        temporal_depth=0,
        norm_eval=True,
        init_cfg=None,
    ),
    decoder=dict(type='ReadoutDecoder', width=48, depth=3, kernel=5, stride=8),
    losses=dict(cc=dict(type='CCLoss', weight=1.0), kl=dict(type='KLLoss', weight=1.0)),
    # A density is as smooth as its readout made it.
    blur_kernel=0,
)

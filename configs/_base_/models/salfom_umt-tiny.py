# SalFoM in small, for trials on a CPU: same parts, narrower.
model = dict(
    type='SaliencyModel',
    encoder=dict(type='UMTEncoder', arch='tiny', clip_len=8, init_cfg=None),
    decoder=dict(
        type='MultiBranchDecoder',
        branches=dict(
            swin3d=dict(type='Swin3DBranch', depth=1, width=0.25, num_heads=4),
            dfd=dict(type='DFDBranch', layers='standard', separable=False, width=0.25),
            sfd=dict(type='SFDBranch', layers='standard', separable=False, width=0.25),
        ),
        fusion=dict(type='ConvFusion', width=0.5),
    ),
    losses=dict(cc=dict(type='CCLoss', weight=1.0), kl=dict(type='KLLoss', weight=1.0)),
)

# SalFoM as published: UMT-L on 16 frames, three branches, CC + KL.
model = dict(
    type='SaliencyModel',
    # init_cfg: a checkpoint that training starts the encoder from; the paper's are UMT files.
    encoder=dict(type='UMTEncoder', arch='large', clip_len=16, init_cfg=None),
    decoder=dict(
        type='MultiBranchDecoder',
        branches=dict(
            swin3d=dict(type='Swin3DBranch', depth=6),
            dfd=dict(type='DFDBranch', layers='standard', separable=False),
            sfd=dict(type='SFDBranch', layers='standard', separable=False),
        ),
        fusion=dict(type='ConvFusion'),
    ),
    losses=dict(cc=dict(type='CCLoss', weight=1.0), kl=dict(type='KLLoss', weight=1.0)),
)

# The demo with LoRA of rank 8 on a frozen tiny UMT (of random weights where init_cfg names none).
_base_ = 'salkit::demo/umt-tiny_cc-kl.py'

model = dict(
    encoder=dict(
        _delete_=True,
        type='LoRAEncoder',
        encoder=dict(type='UMTEncoder', arch='tiny', clip_len=8, init_cfg=None),
        rank=8,
        alpha=16,
    )
)

# A tiny V-JEPA 2 from random weights on the demo data, minutes on two CPU cores.
_base_ = 'salkit::demo/umt-tiny_cc-kl.py'
model = dict(
    encoder=dict(
        _delete_=True,
        type='VJEPA2Encoder',
        arch=dict(hidden_size=128, num_hidden_layers=4, num_attention_heads=4),
        clip_len=8,
        pretrained=None,
        init_cfg=None,
    ),
)

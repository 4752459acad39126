# SalFoM's decoder on VideoMAE-L: 16 frames, CC + KL, DHF1K, Adam 1e-5.
_base_ = [
    'salkit::_base_/models/salfom_umt-l16.py',
    'salkit::_base_/datasets/dhf1k_224.py',
    'salkit::_base_/schedules/adam_1e-5.py',
    'salkit::_base_/runtime.py',
]
model = dict(
    encoder=dict(
        _delete_=True,
        type='VideoMAEEncoder',
        arch='large',
        clip_len=16,
        # Fetched from the Hugging Face hub before training. For a file instead: pretrained=None
        # and the file as init_cfg.
        pretrained='MCG-NJU/videomae-large',
        init_cfg=None,
    ),
)
# One checkpoint per validation is enough.
default_hooks = dict(checkpoint=dict(interval=3))

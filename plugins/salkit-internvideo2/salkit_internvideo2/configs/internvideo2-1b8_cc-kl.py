# InternVideo2-1B on 8 frames under SalFoM's decoder. The published weights that training starts
# from: model.encoder.pretrained='hf://OpenGVLab/InternVideo2-Stage1-1B-224p-f8/pretrain.pth'.
_base_ = [
    'salkit::_base_/models/salfom_umt-l16.py',
    'salkit::_base_/datasets/dhf1k_224.py',
    'salkit::_base_/schedules/adam_1e-5.py',
    'salkit::_base_/runtime.py',
]
model = dict(
    encoder=dict(
        _delete_=True,
        type='InternVideo2Encoder',
        arch='1b',
        clip_len=8,
        activation_checkpointing=True,
        pretrained=None,
        init_cfg=None,
    )
)
_clips = dict(dataset=dict(clip_len=8))
train_dataloader = _clips
val_dataloader = _clips
test_dataloader = _clips

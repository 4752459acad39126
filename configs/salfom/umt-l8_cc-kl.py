# UMT-L-8, all 24 blocks (paper, table 3).
_base_ = './umt-l16_cc-kl.py'
model = dict(encoder=dict(clip_len=8))
_clips = dict(dataset=dict(clip_len=8))
train_dataloader = _clips
val_dataloader = _clips
test_dataloader = _clips

# InternVideo2-B, distilled from 1B, on 16 frames.
_base_ = './internvideo2-1b8_cc-kl.py'
model = dict(encoder=dict(arch='b', clip_len=16, activation_checkpointing=False))
_clips = dict(dataset=dict(clip_len=16))
train_dataloader = _clips
val_dataloader = _clips
test_dataloader = _clips

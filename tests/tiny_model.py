"""A config and checkpoint on disk that predict quickly, maps that differ from frame to frame."""

from golden import weight

from salkit.checkpoints import write_checkpoint
from salkit.models import build_model

CONFIG = """
_base_ = 'salkit::demo/umt-tiny_cc-kl'

model = dict(encoder=dict(clip_len={clip_len}, depth=1), smooth_s={smooth_s})
_test = [
    dict(type='LoadClip', size={size}, keep_shape={keep_shape}),
    dict(type='LoadTargets'),
    dict(type='PackClip'),
]
test_dataloader = dict(
    batch_size=3,
    dataset=dict(clip_len={clip_len}, head='{head}', clip_stride={clip_stride}, pipeline=_test),
)
"""


def write_tiny_model(
    folder,
    clip_len=4,
    size=(32, 48),
    head='repeat-first',
    clip_stride=1,
    keep_shape=0,
    smooth_s=0.0,
):
    """Write `tiny.py` and `tiny.pth` into `folder` and give their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / 'tiny.py'
    config.write_text(
        CONFIG.format(
            clip_len=clip_len,
            size=size,
            head=head,
            clip_stride=clip_stride,
            keep_shape=keep_shape,
            smooth_s=smooth_s,
        )
    )
    model = build_model(config)
    state = model.state_dict()
    filled = {key: weight(key, value.shape) for key, value in state.items()}
    # Maps that differ, but not so much that float32 sums in another order would show.
    filled['decoder.fusion.layers.2.weight'] /= 3
    checkpoint = folder / 'tiny.pth'
    write_checkpoint(dict(state_dict=filled), checkpoint)
    return config, checkpoint

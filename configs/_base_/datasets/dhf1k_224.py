# DHF1K at 224 x 224, 16 frames: one random clip per video and epoch; validation on clips 32
# frames apart; testing on every frame.
dataset_type = 'DHF1KDataset'
data_root = 'data/dhf1k'

_size = (224, 224)
_train_pipeline = [
    dict(type='LoadClip', size=_size),
    dict(type='LoadTargets', size=_size),
    dict(type='PackClip'),
]
_test_pipeline = [
    dict(type='LoadClip', size=_size),
    dict(type='LoadTargets'),
    dict(type='PackClip'),
]

train_dataloader = dict(
    batch_size=1,
    num_workers=2,
    worker_timeout=300,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='pseudo_collate'),
    dataset=dict(split='train', clip_len=16, sampling='random', pipeline=_train_pipeline),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    worker_timeout=300,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='pseudo_collate'),
    dataset=dict(split='val', clip_len=16, sampling='strided', stride=32, pipeline=_test_pipeline),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    worker_timeout=300,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='pseudo_collate'),
    dataset=dict(
        split='test', clip_len=16, sampling='all', head='repeat-first', pipeline=_test_pipeline
    ),
)
val_evaluator = dict(type='SaliencyMetric', protocol='exact')
# Under what a careful author reports, and as the paper's tables were scored.
test_evaluator = dict(type='SaliencyMetric', protocol=['exact', 'tmfi'])

# The embedded demo data at 64 x 96, 8 frames. `data_root=DIR` points it at any folder in the
# layout <root>/<split>/<video>/{images,maps,fixation}/ instead.
dataset_type = 'DemoDataset'
data_root = None

_size = (64, 96)
# All resized frames stay in memory: on two cores a worker process would only take time from the
# model.
_train_pipeline = [
    dict(type='LoadClip', size=_size, cache_frames=16384),
    dict(type='LoadTargets', size=_size),
    dict(type='FlipClip', horizontal=0.5, vertical=0.5),
    dict(type='RecolorClip', permute=1.0, invert=0.5),
    dict(type='PackClip'),
]
_test_pipeline = [
    dict(type='LoadClip', size=_size),
    dict(type='LoadTargets'),
    dict(type='PackClip'),
]

train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    worker_timeout=300,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='pseudo_collate'),
    dataset=dict(split='train', clip_len=8, sampling='random', pipeline=_train_pipeline),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=0,
    worker_timeout=300,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='pseudo_collate'),
    dataset=dict(split='val', clip_len=8, sampling='strided', stride=8, pipeline=_test_pipeline),
)
test_dataloader = dict(
    batch_size=8,
    num_workers=0,
    worker_timeout=300,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='pseudo_collate'),
    dataset=dict(
        split='test', clip_len=8, sampling='all', head='repeat-first', pipeline=_test_pipeline
    ),
)
val_evaluator = dict(type='SaliencyMetric', protocol='exact')
# Under what a careful author reports, and as the paper's tables were scored.
test_evaluator = dict(type='SaliencyMetric', protocol=['exact', 'tmfi'])

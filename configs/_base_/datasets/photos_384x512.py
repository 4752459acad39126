# Photographs, each a video of one frame: OSIE, Crowd and Scene as `salkit prepare` makes them.
# Parts of them are cut out for training, at 320 x 416; whole ones are tested at 384 x 512, where
# things are as large as they were in the parts (Touvron et al. 2019, "Fixing the train-test
# resolution discrepancy").
_read = (480, 640)
_part = (320, 416)
_whole = (384, 512)
_train_pipeline = [
    dict(type='LoadClip', size=_read),
    dict(type='LoadTargets', size=_read),
    dict(type='RandomResizedCropClip', size=_part, scale=(0.5, 1.0), ratio=(0.75, 1.33)),
    dict(type='FlipClip', horizontal=0.5),
    dict(type='ColorJitterClip', brightness=0.2, contrast=0.2, saturation=0.2),
    dict(type='PackClip'),
]
# Frames of any other shape keep it.
_test_pipeline = [
    dict(type='LoadClip', size=_whole, keep_shape=32),
    dict(type='LoadTargets'),
    dict(type='PackClip'),
]
_train = dict(split='train', clip_len=1, sampling='random', pipeline=_train_pipeline)
_val = dict(split='val', clip_len=1, sampling='all', pipeline=_test_pipeline)
_test = dict(split='test', clip_len=1, sampling='all', pipeline=_test_pipeline)
_osie = dict(type='OSIEDataset', data_root='data/osie')
_crowd = dict(type='CrowdDataset', data_root='data/crowd')
_scene = dict(type='SceneDataset', data_root='data/scene')

train_dataloader = dict(
    batch_size=8,
    num_workers=2,
    worker_timeout=300,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='pseudo_collate'),
    dataset=dict(
        type='ConcatDataset',
        datasets=[dict(_osie, **_train), dict(_crowd, **_train), dict(_scene, **_train)],
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    worker_timeout=300,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='pseudo_collate'),
    dataset=dict(
        type='ConcatDataset',
        datasets=[dict(_osie, **_val), dict(_crowd, **_val), dict(_scene, **_val)],
    ),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    worker_timeout=300,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='pseudo_collate'),
    dataset=dict(
        type='ConcatDataset',
        datasets=[dict(_osie, **_test), dict(_crowd, **_test), dict(_scene, **_test)],
    ),
)
val_evaluator = dict(type='SaliencyMetric', protocol='exact')
test_evaluator = dict(type='SaliencyMetric', protocol='exact')

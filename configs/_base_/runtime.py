# What every run shares: logging, checkpoints, seeds.
default_scope = 'salkit'
default_hooks = dict(
    runtime_info=dict(type='RuntimeInfoHook'),
    timer=dict(type='IterTimerHook'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    epoch_seed=dict(type='EpochSeedHook'),
    finite_steps=dict(type='FiniteStepsHook', most_in_a_row=10),
    # Scores are logged by step, as losses are, so that their curves share an axis.
    logger=dict(type='LoggerHook', interval=20, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='SafeCheckpointHook',
        interval=1,
        # Of longer epochs, half an hour at most is lost.
        interval_minutes=30,
        max_keep_ckpts=2,
        save_best='CC',
        rule='greater',
    ),
    # What is seen of a run: TensorBoard, then the terminal (without it, mmengine's pages).
    training_scalars=dict(type='TrainingScalarsHook'),
    validation_panel=dict(type='ValidationPanelHook', videos=4),
    epoch_line=dict(type='EpochLineHook'),
)
custom_hooks = []
env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
visualizer = dict(
    type='Visualizer',
    vis_backends=[dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')],
)
log_processor = dict(type='LogProcessor', window_size=20, by_epoch=True)
log_level = 'INFO'
randomness = dict(seed=0)
load_from = None
resume = False

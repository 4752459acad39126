"""The rows of the tables as jobs: a config, a work dir and a command each."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ..config import apply_options, load_config
from .rows import Row
from .tables import SCORES, read_result, work_dir_of

DEMO_CONFIG = 'demo/umt-tiny_cc-kl'
# Small encoders that keep the published depths, so that every row is still a model of its own.
DEMO_ENCODERS = {
    'base': dict(embed_dim=48, depth=12, num_heads=4),
    'large': dict(embed_dim=64, depth=24, num_heads=4),
}
DEMO_WIDTH = 0.25
DEMO_OPTIONS = {
    'train_cfg.max_epochs': 2,
    'train_cfg.val_interval': 1,
    'train_dataloader.dataset.pipeline.0.size': (48, 64),
    'train_dataloader.dataset.pipeline.1.size': (48, 64),
    'val_dataloader.dataset.pipeline.0.size': (48, 64),
    'test_dataloader.dataset.pipeline.0.size': (48, 64),
    # Every 12th frame is enough to see that a row runs.
    'test_dataloader.dataset.sampling': 'strided',
    '+test_dataloader.dataset.stride': 12,
}
CONFIG_RECORD = 'sweep_config.py'


@dataclass
class Job:
    """One row to train and test.

    Attributes:
        row: which.
        work_dir: where its checkpoints, logs and scores lie.
        command: what runs it.
        config_text: the whole config, resolved; a work dir belongs to one config.
        config_file: where a made config is to be written, None for a packaged one.
    """

    row: Row
    work_dir: Path
    command: list[str]
    config_text: str
    config_file: Path | None = None

    @property
    def name(self) -> str:
        """The work dir's name."""
        return self.work_dir.name

    @property
    def done(self) -> bool:
        """Whether scores of this row, and of this config, lie there."""
        if self.conflict():
            return False
        try:
            read_result(self.work_dir / SCORES)
        except ValueError:
            return False
        return True

    def conflict(self) -> str | None:
        """Why the work dir cannot be used: it holds a run of another config."""
        record = self.work_dir / CONFIG_RECORD
        if record.is_file() and record.read_text(encoding='utf-8') != self.config_text:
            return (
                f'{self.work_dir}: holds a run of another config ({CONFIG_RECORD} differs); name '
                'another folder with --work-dirs, or remove it'
            )
        return None


def demo_version(cfg: Config, options: dict[str, Any] | None = None) -> Config:
    """The row of `cfg` in small: its model with a tiny encoder and narrow branches, the demo data.

    Depths, frames, layer variants, branches and losses stay those of the row.
    """
    model = cfg.model.to_dict() if hasattr(cfg.model, 'to_dict') else dict(cfg.model)
    demo = load_config(DEMO_CONFIG)
    encoder = model['encoder']
    encoder['arch'] = dict(DEMO_ENCODERS[encoder['arch']])
    for name, branch in model['decoder']['branches'].items():
        if branch is not None:
            branch['width'] = DEMO_WIDTH
            if name == 'swin3d':
                branch['num_heads'] = 4
    model['decoder']['fusion']['width'] = 0.5
    demo._cfg_dict.pop('model')
    demo.model = model
    clips = {
        f'{loader}_dataloader.dataset.clip_len': encoder['clip_len']
        for loader in ('train', 'val', 'test')
    }
    apply_options(demo, {**clips, **DEMO_OPTIONS, **(options or {})})
    return demo


def plan(
    rows: Sequence[Row],
    root: str | Path,
    *,
    demo: bool = False,
    options: dict[str, Any] | None = None,
    option_texts: Sequence[str] = (),
) -> list[Job]:
    """The jobs of `rows`, one work dir each below `root`.

    Args:
        rows: without repetitions.
        root: folder of the work dirs.
        demo: small versions on the demo data.
        options: overrides of every config.
        option_texts: the same as they were written on the command line.
    """
    jobs = []
    for row in rows:
        work_dir = work_dir_of(root, row.config)
        cfg = load_config(row.config, None if demo else options)
        config, config_file = row.config, None
        if demo:
            cfg = demo_version(cfg, options)
            config_file = Path(root) / 'configs' / f'{work_dir.name}.py'
            config = str(config_file)
        command = [sys.executable, '-m', 'salkit', 'train', config, '--work-dir', str(work_dir)]
        command += ['--resume', '--test']
        if option_texts and not demo:
            command += ['--cfg-options', *option_texts]
        jobs.append(Job(row, work_dir, command, cfg.pretty_text, config_file))
    return jobs


def slurm_command(job: Job, arguments: Sequence[str]) -> list[str]:
    """The job's command under srun, which waits for it and passes a cancellation on."""
    return ['srun', f'--job-name={job.name}', '--kill-on-bad-exit=1', *arguments, *job.command]

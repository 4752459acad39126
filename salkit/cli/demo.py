"""Show what lite0 sees; then train a tiny model on demo data, score it and draw a grid."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..utils.files import whole_file
from .common import add_cfg_options
from .test import evaluate
from .train import train

if TYPE_CHECKING:
    import numpy as np
    from mmengine.config import Config

    from ..datasets import VideoSaliencyDataset
    from ..metrics import ScoreReport
    from ..models import SaliencyModel

DEMO_CONFIG = 'demo/umt-tiny_cc-kl'
DEMO_WORK_DIR = Path('work_dirs/demo')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `salkit demo`."""
    parser.add_argument('--work-dir', default=str(DEMO_WORK_DIR), help=f'default: {DEMO_WORK_DIR}')
    add_cfg_options(parser, DEMO_CONFIG)


def _unique_videos(dataset: VideoSaliencyDataset) -> list[dict]:
    """The packed sample in the middle of each video of `dataset`."""
    middles: dict[int, list[int]] = {}
    for index in range(len(dataset)):
        middles.setdefault(dataset.locate(index)[0], []).append(index)
    return [dataset[indices[len(indices) // 2]] for indices in middles.values()]


def score_center_bias(
    center: np.ndarray, dataset: VideoSaliencyDataset, protocol: str
) -> ScoreReport:
    """Score one map (rows, columns) as the prediction of every frame of `dataset`."""
    import torch
    import torch.nn.functional as F

    from ..datasets.transforms import LoadTargets
    from ..media.images import read_image
    from ..metrics import SaliencyMetric

    metric, load = SaliencyMetric(protocol), LoadTargets()
    metric.use_dataset(dataset, testing=True)
    prediction = torch.from_numpy(center)[None, None]
    frames = []
    for index in range(len(dataset)):
        files = dataset.sample_files(index)
        size = read_image(files['frame_paths'][-1]).shape[:2]
        targets = load(dict(files, size=size))
        resized = F.interpolate(prediction, size, mode='bilinear', align_corners=False)[0, 0]
        density_map = torch.from_numpy(targets['density_map'])
        fixation_map = torch.from_numpy(targets['fixation_map'])
        names = files['video'], files['frame']
        scored = metric.score_frame(resized, density_map, fixation_map, *names)
        frames.append((('', '', *names), scored))
    metric.dataset_meta = dataset.metainfo
    metric.compute_metrics([frames])
    assert metric.report is not None
    return metric.report


def draw_grid(
    model: SaliencyModel, dataset: VideoSaliencyDataset, path: Path, rows: int = 6
) -> None:
    """Write a picture with a row a video, its middle frame: frame, density map, prediction."""
    import torch
    from mmengine.dataset import pseudo_collate
    from PIL import Image

    from ..media.panels import PanelRow, draw_panel

    samples = _unique_videos(dataset)[:rows]
    model.eval()
    with torch.no_grad():
        predictions = model.test_step(pseudo_collate(samples))
    panel = [
        PanelRow(
            f'video {sample["meta"].video}, frame {sample["meta"].frame}',
            sample['clip'][:, -1].permute(1, 2, 0).numpy(),
            sample['density_map'].numpy(),
            prediction['saliency_map'].cpu().numpy(),
        )
        for sample, prediction in zip(samples, predictions, strict=True)
    ]
    with whole_file(path) as temporary:
        Image.fromarray(draw_panel(panel)).save(temporary, format='PNG')


def resume_same_run(cfg: Config, work_dir: Path) -> None:
    """Let `cfg` go on from the latest checkpoint in `work_dir`, if that was made by the same run.

    A demo that was interrupted, or run before, then does nothing twice.
    """
    from ..checkpoints import read_checkpoint
    from ..engine import find_latest_checkpoint

    def without_start(text: str) -> list[str]:
        # Compared as text: the config in a checkpoint is a program that nobody has to trust.
        return [line for line in text.splitlines() if not line.startswith(('load_from', 'resume'))]

    latest = find_latest_checkpoint(work_dir)
    if latest is None:
        return
    earlier = read_checkpoint(latest).meta.get('cfg', '')
    if without_start(str(earlier)) == without_start(cfg.pretty_text):
        cfg.resume, cfg.load_from = True, str(latest)


def show_shipped_model(work_dir: Path) -> None:
    """Draw what the model that salkit ships sees in photographs, and in a clip of them."""
    from ..checkpoints.shipped import DEFAULT_MODEL
    from ..inference.predictor import SaliencyPredictor
    from ..inference.showcase import draw_photographs
    from ..media.photographs import PAN_FPS, panned_photographs

    predictor = SaliencyPredictor(DEFAULT_MODEL)
    picture = work_dir / f'{DEFAULT_MODEL}_photographs.jpg'
    draw_photographs(predictor, picture)
    panned = predictor.predict(panned_photographs(), fps=PAN_FPS)
    video = panned.overlay(work_dir / f'{DEFAULT_MODEL}_overlay.mp4')
    print(f'what {DEFAULT_MODEL} sees in photographs: {picture}; in a clip: {video}', flush=True)


def run(args: argparse.Namespace) -> int:
    """Run the whole demo."""
    from ..config import load_config, parse_options
    from ..utils.folders import check_folder_place

    work_dir = Path(args.work_dir)
    cfg = load_config(DEMO_CONFIG, parse_options(args.cfg_options))
    check_folder_place('--work-dir', work_dir)
    # What does not fit should not wait for PyTorch.
    work_dir.mkdir(parents=True, exist_ok=True)
    from ..checkpoints import read_checkpoint
    from ..datasets import DemoDataset
    from ..metrics.baseline_densities import mean_density_map
    from ..metrics.report import format_table
    from ..models import build_model
    from ..utils.files import write_json

    show_shipped_model(work_dir)
    resume_same_run(cfg, work_dir)
    runner = train(cfg, work_dir)
    checkpoint = read_checkpoint(runner.message_hub.get_info('best_ckpt'))
    found = evaluate(cfg, checkpoint, work_dir)
    # The demo runs in one process.
    assert found is not None
    report, *_ = found.reports.values()

    sets = {}
    for split in ('train', 'test'):
        options = {k: v for k, v in cfg[f'{split}_dataloader'].dataset.items() if k != 'type'}
        sets[split] = DemoDataset(**options)
    baseline = score_center_bias(
        mean_density_map(sets['train'].videos), sets['test'], report.protocol
    )
    draw_grid(build_model(cfg, checkpoint), sets['test'], work_dir / 'grid.png')
    scores = dict(
        model=report.to_json()['scores'],
        center_bias=baseline.to_json()['scores'],
        videos=report.videos,
        frames=report.frames,
        protocol=report.protocol,
        dataset=report.dataset,
        split=report.split,
        checkpoint=checkpoint.source,
    )
    write_json(scores, work_dir / 'scores.json')
    print(report.headline)
    print(format_table({'umt-tiny': report.scores, 'centre bias': baseline.scores}))
    print(f'scores: {work_dir / "scores.json"}; picture grid: {work_dir / "grid.png"}')
    print(f'to predict with it: salkit predict VIDEO --overlay --out out --model {work_dir}')
    return 0

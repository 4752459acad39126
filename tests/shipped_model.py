"""A work dir as a training of lite0 leaves it, with random weights in place of trained ones."""

import torch

from salkit.builder import build
from salkit.checkpoints import write_checkpoint
from salkit.config import load_config
from salkit.engine.runner import model_entry
from salkit.registry import MODELS

CONFIG = 'lite/lite0_cc-kl'


def write_lite0_work_dir(folder, seed=0):
    """Write `best_CC_epoch_1.pth` into `folder` and give the model that it holds."""
    cfg = load_config(CONFIG)
    torch.manual_seed(seed)
    model = build(MODELS, cfg.model)
    # Statistics of batches as a trained network has them: signals neither vanish nor grow.
    model.train()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.train()
            module.momentum = None
    with torch.no_grad():
        model(torch.randn(8, 3, 1, 96, 96))
    model.eval()
    state = {key: value.clone() for key, value in model.state_dict().items()}
    meta = dict(cfg=cfg.pretty_text, seed=seed, epoch=1, iter=7, **model_entry(cfg))
    folder.mkdir(parents=True, exist_ok=True)
    write_checkpoint(dict(state_dict=state, meta=meta), folder / 'best_CC_epoch_1.pth')
    return model

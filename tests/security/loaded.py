"""All that children of the tests have in memory when they begin."""

import gc
import importlib

from PIL import Image

from salkit.models.load import build_model

for name in (
    *('cv2', 'mmengine.runner', 'scipy.stats', 'yaml'),
    *('salkit.cli.common', 'salkit.engine.runner', 'salkit.inference.batch'),
    *('salkit.inference.predictor', 'salkit.metrics'),
    *('salkit.prepare', 'salkit.prepare.check', 'salkit.prepare.fixations', 'salkit.scoring'),
    *('salkit.media.video.writer', 'salkit.web.uploads'),
    # What every run of a training loads, and what the module of a test does.
    *('pytest', 'doors', 'readers'),
    *('matplotlib.backends.backend_agg', 'torch.utils.tensorboard', 'torch._dynamo'),
):
    importlib.import_module(name)
# The first of each takes half a second: plugins, decoders of pictures, PyTorch's layers.
Image.init()
build_model('demo/umt-tiny_cc-kl')
# Children that collect their garbage leave alone, unshared, what is here.
gc.freeze()

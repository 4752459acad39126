"""All that children of the tests have in memory when they begin."""

import importlib

from PIL import Image

from salkit.models.load import build_model

for name in (
    *('cv2', 'mmengine.runner', 'scipy.stats', 'yaml'),
    *('salkit.cli.common', 'salkit.engine.runner', 'salkit.inference.batch'),
    *('salkit.inference.predictor', 'salkit.metrics'),
    *('salkit.prepare', 'salkit.prepare.check', 'salkit.prepare.fixations', 'salkit.scoring'),
    *('salkit.media.video.writer', 'salkit.web.uploads'),
):
    importlib.import_module(name)
# The first of each takes half a second: plugins, decoders of pictures, PyTorch's layers.
Image.init()
build_model('demo/umt-tiny_cc-kl')

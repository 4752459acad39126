"""The registries that configs are assembled from.

Encoders, decoders (whole decoders and their branches) and losses are registries of their own: two
children of one mmengine registry that share a scope would replace each other. The rest are
children of mmengine's, because the Runner looks there.
"""

from mmengine import registry as mmengine_registry
from mmengine.registry import Registry

SCOPE = 'salkit'

ENCODERS = Registry('encoder', scope=SCOPE, locations=['salkit.encoders'])
DECODERS = Registry('decoder', scope=SCOPE, locations=['salkit.decoders'])
LOSSES = Registry('loss', scope=SCOPE, locations=['salkit.losses'])
MODELS = Registry(
    'model', parent=mmengine_registry.MODELS, scope=SCOPE, locations=['salkit.models']
)
DATASETS = Registry(
    'dataset', parent=mmengine_registry.DATASETS, scope=SCOPE, locations=['salkit.datasets.classes']
)
TRANSFORMS = Registry(
    'transform',
    parent=mmengine_registry.TRANSFORMS,
    scope=SCOPE,
    locations=['salkit.datasets.transforms'],
)
METRICS = Registry(
    'metric', parent=mmengine_registry.METRICS, scope=SCOPE, locations=['salkit.metrics']
)
OPTIM_WRAPPERS = Registry(
    'optim_wrapper',
    parent=mmengine_registry.OPTIM_WRAPPERS,
    scope=SCOPE,
    locations=['salkit.engine'],
)
RUNNERS = Registry(
    'runner', parent=mmengine_registry.RUNNERS, scope=SCOPE, locations=['salkit.engine']
)
DATA_SAMPLERS = Registry(
    'data sampler',
    parent=mmengine_registry.DATA_SAMPLERS,
    scope=SCOPE,
    locations=['salkit.datasets.classes'],
)
HOOKS = Registry('hook', parent=mmengine_registry.HOOKS, scope=SCOPE, locations=['salkit.engine'])

# salkit adds nothing to these so far; mmengine warns where a scope has no registry of its own.
for _parent in (
    mmengine_registry.EVALUATOR,
    mmengine_registry.FUNCTIONS,
    mmengine_registry.LOG_PROCESSORS,
    mmengine_registry.LOOPS,
    mmengine_registry.MODEL_WRAPPERS,
    mmengine_registry.OPTIMIZERS,
    mmengine_registry.OPTIM_WRAPPER_CONSTRUCTORS,
    mmengine_registry.PARAM_SCHEDULERS,
    mmengine_registry.RUNNER_CONSTRUCTORS,
    mmengine_registry.STRATEGIES,
    mmengine_registry.VISBACKENDS,
    mmengine_registry.VISUALIZERS,
    mmengine_registry.WEIGHT_INITIALIZERS,
):
    Registry(_parent.name, parent=_parent, scope=SCOPE, locations=['salkit.engine'])

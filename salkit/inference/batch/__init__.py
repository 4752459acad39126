"""Prediction on many inputs: what fails stops nothing else, what is finished is not done again."""

from .inputs import Input, expand_inputs, without_unreadable
from .many_inputs import PredictJob, PredictReport, predict_inputs, predict_on_ray
from .one_input import PredictOptions

__all__ = [
    'Input',
    'PredictJob',
    'PredictOptions',
    'PredictReport',
    'expand_inputs',
    'predict_inputs',
    'predict_on_ray',
    'without_unreadable',
]

"""Prediction on many inputs: what fails stops nothing else, what is finished is not done again."""

from .inputs import Input, expand_inputs
from .many_inputs import PredictReport, predict_inputs
from .one_input import PredictOptions

__all__ = ['Input', 'PredictOptions', 'PredictReport', 'expand_inputs', 'predict_inputs']

"""Embeddings of a network against the certified optimum for its class counts."""

from .compare import compare
from .fit import ControlFit, fit_control
from .result import Comparison

__all__ = ["Comparison", "ControlFit", "compare", "fit_control"]

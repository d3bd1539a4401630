"""The supervised contrastive loss and its gradient: the public functions."""

from __future__ import annotations

from typing import Any, TypedDict, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..controls import check_temperature
from ..exceptions import InvalidInputError
from .evaluate import Options, losses_and_gradient
from .gradient import check_out
from .layout import Layout, arrange
from .validate import check_base_temperature, check_choice, check_embeddings, check_jobs, check_real
from .variants import AVERAGES, REDUCTIONS, reduce

_BUDGET = 64_000_000
"""Bytes for keeping exponentials from the loss to the gradient; n ≤ 5300 in single precision."""


class SupConOptions(TypedDict, total=False):
    """Keyword arguments of `supcon_loss` and of `supcon_loss_and_grad`; see the former."""

    mask: ArrayLike | None
    temperature: float
    base_temperature: float | None
    reduction: str
    mean_over: str
    normalize: bool
    contrast_mode: str | None
    negatives_only: bool
    class_weights: Any
    n_jobs: int | None
    memory_budget: int

"""One evaluation, from validated input to losses and gradient.

With Q_il = a_i p_il + a_l p_li the gradient of Σ_i a_i ℓ_i with respect to h_i is
(1/τ) Σ_l Q_il h_l minus that of the positives (Khosla et al. 2020, supplementary section on
gradients, summed over both roles of a sample: anchor and contrast).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import Vector
from .kernels import log_normalizers
from .kernels.contrast import Contrast, Resources, precision
from .kernels.near_zero import NEAR, correct_near_zero
from .layout import Layout
from .options import Options
from .positives import per_item
from .rows import is_mapped
from .setup import Setup
from .workers import thread_count

_PANEL_BYTES = 1 << 23
"""Size of the panels that a memory-mapped file is read in."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What comes of one evaluation.

    Attributes
    ----------
    losses : ndarray
        One loss per item, or per row where there is no reduction.
    temperature : ndarray, shape (items,), or None
        Derivative of the sum of the losses by the temperature.
    """

    losses: Vector
    temperature: Vector | None


def evaluate(
    layout: Layout,
    setup: Setup,
    options: Options,
    gradient: NDArray[Any] | None,
    *,
    by_temperature: bool = False,
) -> Evaluation:
    """Evaluate, and fill in the gradient.

    Parameters
    ----------
    layout : Layout
        The embeddings in canonical order.
    setup : Setup
        What is contrasted.
    options : Options
        Everything else.
    gradient : ndarray, shape (rows, d), or None
        Where the gradient goes, in the precision of the embeddings.
    by_temperature : bool
        Whether the derivative by the temperature is wanted beside the gradient.
    """
    weights, rows, tau = setup.weights, setup.targets.rows, options.temperature
    entries, spread = len(weights) * layout.size, setup.denominator.spread
    dtype = precision(layout.rows.dtype, rows.largest_product + spread * tau, tau, entries)
    contrast = Contrast(
        rows, layout.items, layout.size, layout.anchors, tau, dtype, weights, setup.denominator
    )
    work = entries * rows.array.shape[1] * (0.5 if gradient is None else 1.5)
    jobs = thread_count(options.n_jobs, work)
    resources = Resources(jobs, options.memory_budget, _panel_rows(contrast))
    slope = None
    if gradient is None:
        logs = log_normalizers(contrast, resources, None)
    else:
        logs, slope = _differentiate(contrast, resources, setup, gradient, by_temperature)
    losses = _losses(contrast, setup, logs, options.reduction, jobs)
    if slope is not None and options.base_temperature is not None:  # the factor τ/base, too
        slope += per_item(losses, layout.items) / tau
    if setup.order is not None and options.reduction == "none":
        losses[setup.order] = losses.copy()
    return Evaluation(losses, slope)


def _differentiate(
    contrast: Contrast,
    resources: Resources,
    setup: Setup,
    gradient: NDArray[Any],
    by_temperature: bool,
) -> tuple[Vector, Vector | None]:
    """Return log Z of every row, and the derivative by the temperature; fill the gradient.

    By an array of more precision, or in another order, if need be.
    """
    in_place = gradient.dtype == contrast.dtype or is_mapped(gradient)
    in_place &= setup.order is None
    products = gradient if in_place else np.empty(gradient.shape, contrast.dtype)
    logs = log_normalizers(contrast, resources, products)
    setup.targets.subtract_gradient(products, contrast.weights / contrast.temperature)
    slope = _temperature_slope(contrast, products) if by_temperature else None
    contrast.rows.through_normalisation(products)
    if not in_place:
        gradient[slice(None) if setup.order is None else setup.order] = products
    return logs, slope


def _temperature_slope(contrast: Contrast, products: NDArray[Any]) -> Vector:
    """Return −Σ_i ⟨h_i, g_i⟩/(2τ) of each item: the loss depends on ⟨h_i, h_j⟩/τ alone."""
    along = np.empty(len(products))
    for part in contrast.rows.blocks():
        np.einsum("ij,ij->i", contrast.rows.doubles(part), products[part], out=along[part])
    return -per_item(along, contrast.items) / (2 * contrast.temperature)


def _losses(contrast: Contrast, setup: Setup, logs: Vector, reduction: str, jobs: int) -> Vector:
    """Return w_i ℓ_i, or its sums; one by one where some may be near zero."""
    weights, items, targets = contrast.weights, contrast.items, setup.targets
    logs += contrast.denominator.log_scale
    floor = setup.floor if contrast.dtype == np.float64 else None
    if reduction != "none":
        similarities = targets.totals(weights, items) / contrast.temperature
        totals = per_item(weights * logs, items) - similarities
        if floor is None or not (totals < NEAR * per_item(weights, items)).any():
            return totals
    each = targets.similarities()
    losses = logs - each / contrast.temperature
    if floor is not None:
        correct_near_zero(losses, contrast, floor, each, jobs)
    losses *= weights
    return losses if reduction == "none" else per_item(losses, items)


def _panel_rows(contrast: Contrast) -> int:
    """Hold all rows in memory at once, unless they come from a file."""
    if not is_mapped(contrast.rows.array):
        return contrast.size
    row_bytes = contrast.rows.array.shape[1] * contrast.dtype.itemsize
    return int(max(512, _PANEL_BYTES // row_bytes))

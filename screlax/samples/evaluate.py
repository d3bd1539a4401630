"""One evaluation, from validated input to losses and gradient.

With Q_il = w_i p_il + w_l p_li the gradient of Σ_i w_i ℓ_i with respect to h_i is
(1/τ) Σ_l Q_il h_l minus that of the positives (Khosla et al. 2020, supplementary section on
gradients, summed over both roles of a sample: anchor and contrast).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError
from ..types import Vector
from .kernels import log_normalizers
from .kernels.contrast import Contrast, Resources, precision
from .kernels.near_zero import NEAR, correct_near_zero
from .layout import Layout, encode, nonnegative
from .options import Options, row_weights, weights_of_classes
from .positives import ClassPositives, MaskPositives, Positives, per_item, require_symmetric
from .rows import Rows
from .workers import thread_count

_PANEL_BYTES = 1 << 23
"""Size of the panels that a memory-mapped file is read in."""


def losses_and_gradient(
    layout: Layout, labels: Any, mask: Any, options: Options, gradient: NDArray[Any] | None
) -> Vector:
    """Return one loss per item, or per row where there is no reduction; fill in the gradient.

    Parameters
    ----------
    layout : Layout
        The embeddings in canonical order.
    labels, mask : array-like or None
        One of both, for one item where it is a mask.
    options : Options
        Everything else.
    gradient : ndarray, shape (rows, d), or None
        Where the gradient goes, in the precision of the embeddings.
    """
    positives: Positives
    if mask is None:
        positives, class_weight = _from_labels(layout, labels, options)
    else:
        positives, class_weight = _from_mask(layout, mask, options), None
    counts, negatives = positives.counts, positives.negatives
    weights = row_weights(options, counts, negatives, class_weight, layout.items, layout.anchors)
    rows, temperature, entries = positives.rows, options.temperature, len(weights) * layout.size
    dtype = precision(layout.rows.dtype, rows.largest_product, temperature, entries)
    exclude = positives.exclude if options.negatives_only else None
    contrast = Contrast(
        rows, layout.items, layout.size, layout.anchors, temperature, dtype, weights, exclude
    )
    work = entries * rows.array.shape[1] * (0.5 if gradient is None else 1.5)
    jobs = thread_count(options.n_jobs, work)
    resources = Resources(jobs, options.memory_budget, _panel_rows(contrast))
    logs = _contrast(contrast, resources, positives, gradient)
    return _losses(contrast, positives, logs, options.reduction, jobs)


def _from_labels(
    layout: Layout, labels: Any, options: Options
) -> tuple[ClassPositives, Vector | None]:
    """Return the positives that labels make, and the weight of each row's class."""
    samples, weighted = layout.samples, options.class_weights is not None
    shapes = ((samples,), (layout.items, samples)) if layout.kind == "batch" else ((samples,),)
    codes = encode(labels, shapes, names=weighted, hint=layout.hint)
    numbers, class_weight = layout.per_row(codes.codes), None
    if weighted:
        class_weight = weights_of_classes(codes, options.class_weights)[numbers]
    if layout.items > 1:  # rows of different items have different classes
        numbers = numbers + codes.classes * np.repeat(np.arange(layout.items), layout.size)
    rows = Rows(layout.rows, options.normalize, layout.locate)
    return ClassPositives(rows, numbers, codes.classes * layout.items, layout.size), class_weight


def _from_mask(layout: Layout, mask: Any, options: Options) -> MaskPositives:
    """Return the positives that a mask marks."""
    if options.class_weights is not None:
        raise InvalidInputError(
            "class_weights needs labels, and a mask has no classes; weight the mask's rows instead"
        )
    matrix = nonnegative(mask, "mask", (layout.samples, layout.samples))
    if options.negatives_only:
        require_symmetric(matrix)
    return MaskPositives(Rows(layout.rows, options.normalize, layout.locate), matrix, layout)


def _contrast(
    contrast: Contrast, resources: Resources, positives: Positives, gradient: NDArray[Any] | None
) -> Vector:
    """Return log Z of every row; fill the gradient, by an array of more precision if need be."""
    if gradient is None:
        return log_normalizers(contrast, resources, None)
    in_place = gradient.dtype == contrast.dtype or _is_mapped(gradient)
    products = gradient if in_place else np.empty(gradient.shape, contrast.dtype)
    logs = log_normalizers(contrast, resources, products)
    positives.subtract_gradient(products, contrast.weights / contrast.temperature)
    contrast.rows.through_normalisation(products)
    if not in_place:
        gradient[...] = products
    return logs


def _losses(
    contrast: Contrast, positives: Positives, logs: Vector, reduction: str, jobs: int
) -> Vector:
    """Return w_i ℓ_i, or its sums; one by one where some may be near zero."""
    weights, items = contrast.weights, contrast.items
    exact = contrast.dtype == np.float64 and contrast.exclude is None
    if reduction != "none":
        similarities = positives.totals(weights, items) / contrast.temperature
        totals = per_item(weights * logs, items) - similarities
        if not (exact and (totals < NEAR * per_item(weights, items)).any()):
            return totals
    losses = logs - positives.similarities() / contrast.temperature
    if exact:
        correct_near_zero(losses, contrast, positives, jobs)
    losses *= weights
    return losses if reduction == "none" else per_item(losses, items)


def _panel_rows(contrast: Contrast) -> int:
    """Hold all rows in memory at once, unless they come from a file."""
    if not _is_mapped(contrast.rows.array):
        return contrast.size
    row_bytes = contrast.rows.array.shape[1] * contrast.dtype.itemsize
    return int(max(512, _PANEL_BYTES // row_bytes))


def _is_mapped(array: Any) -> bool:
    """Whether an array is, or is a view of, a memory map."""
    while array is not None:
        if isinstance(array, np.memmap):
            return True
        array = getattr(array, "base", None)
    return False

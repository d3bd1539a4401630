"""One evaluation, from validated input to losses and gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError
from .exponent import fastest_exponential, needs_shift
from .gradient import finish_gradient
from .labels import encode
from .layout import Layout
from .masks import MaskPositives, require_symmetric
from .near_zero import NEAR, correct_near_zero
from .options import Options
from .positives import ClassPositives, Positives, Vector
from .problem import Contrast, Resources
from .rows import Rows
from .scratch import keep_freed_memory
from .small import LARGEST_SMALL, contrast_small
from .streaming import contrast_tiled
from .strips import contrast_strips, fit_strips
from .validate import check_real
from .variants import class_weight_of_samples, row_weights
from .workers import thread_count

Kernel = Callable[[Contrast, Resources, NDArray[Any] | None], Vector]

_TINY = 4096
"""Gram entries up to which single precision input is computed in double: it costs nothing."""

_LARGEST_LOGIT = 1e300
"""Beyond it sums of products overflow."""

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
    class_weight = None
    if mask is not None:
        _refuse_class_weights(options)
        matrix = check_real(mask, "mask", (layout.samples, layout.samples))
        if options.negatives_only:
            require_symmetric(matrix)
        rows = Rows(layout.rows, options.normalize, layout.locate)
        positives: Positives = MaskPositives(rows, matrix, layout)
    else:
        weighted = options.class_weights is not None
        codes = encode(labels, layout.label_shapes, names=weighted, hint=layout.hint)
        if weighted:
            class_weight = _per_row(layout, class_weight_of_samples(codes, options.class_weights))
        rows = Rows(layout.rows, options.normalize, layout.locate)
        numbers = _distinct_across_items(layout, _per_row(layout, codes.codes), codes.classes)
        positives = ClassPositives(rows, numbers, codes.classes * layout.items, layout.size)
    weights = options.factor * row_weights(
        layout,
        positives,
        class_weight,
        reduction=options.reduction,
        mean_over=options.mean_over,
        negatives_only=options.negatives_only,
    )
    return _evaluate(layout, rows, positives, weights, options, gradient)


def _evaluate(
    layout: Layout,
    rows: Rows,
    positives: Positives,
    weights: Vector,
    options: Options,
    gradient: NDArray[Any] | None,
) -> Vector:
    keep_freed_memory()
    exclude = positives.exclude if options.negatives_only else None
    contrast = _contrast(layout, rows, weights, exclude, options.temperature)
    products = _products(gradient, contrast)
    work = len(rows) * layout.size * rows.array.shape[1]
    jobs = thread_count(options.n_jobs, work * (0.5 if products is None else 1.5))
    resources = Resources(jobs, options.memory_budget, _panel_rows(contrast))
    logs = _kernel(contrast, resources, products is not None)(contrast, resources, products)
    if products is not None and gradient is not None:
        finish_gradient(products, contrast, positives)
        if products is not gradient:
            gradient[...] = products
    if options.reduction != "none":
        similarities = positives.totals(weights, layout.items) / options.temperature
        totals = _per_item(weights * logs, layout.items) - similarities
        exact = contrast.dtype == np.float64 and exclude is None
        if not (exact and (totals < NEAR * _per_item(weights, layout.items)).any()):
            return totals
    losses = logs - positives.similarities() / options.temperature
    if contrast.dtype == np.float64 and exclude is None:
        correct_near_zero(losses, weights, rows, positives, layout.size, options.temperature, jobs)
    losses *= weights
    return losses if options.reduction == "none" else _per_item(losses, layout.items)


def _kernel(contrast: Contrast, resources: Resources, has_gradient: bool) -> Kernel:
    """Choose by size; large logits need the shift that only tiles have."""
    if needs_shift(contrast.largest_logit, contrast.dtype):
        return contrast_tiled
    if contrast.size <= LARGEST_SMALL:
        return contrast_small
    return contrast_strips if fit_strips(contrast, resources, has_gradient) else contrast_tiled


def _per_item(values: Vector, items: int) -> Vector:
    return np.asarray(values.reshape(items, -1).sum(axis=1))


def _contrast(
    layout: Layout, rows: Rows, weights: Vector, exclude: Any, temperature: float
) -> Contrast:
    logit = rows.largest_product / temperature
    dtype = precision(layout.rows.dtype, logit, temperature, len(rows) * layout.size)
    exponential = fastest_exponential(dtype)
    return Contrast(
        rows=rows,
        items=layout.items,
        size=layout.size,
        anchors=layout.anchors,
        temperature=temperature,
        dtype=dtype,
        exponential=exponential,
        weights=weights,
        exclude=exclude,
    )


def precision(
    dtype: np.dtype[Any], logit: float, temperature: float, entries: int
) -> np.dtype[Any]:
    """Choose the precision: double for large logits, and where it costs nothing.

    Parameters
    ----------
    dtype : dtype
        Of the embeddings.
    logit : float
        A bound on all logits.
    temperature : float
    entries : int
        Entries of the Gram matrix.

    Raises
    ------
    InvalidInputError
        If the logits are too large even for double precision.
    """
    if not logit < _LARGEST_LOGIT:
        raise InvalidInputError(
            f"logits reach {logit:.3g} at temperature {temperature:g}, too large for double "
            "precision; raise the temperature or normalise the embeddings"
        )
    is_double = entries <= _TINY or needs_shift(logit, dtype)
    return np.dtype(np.float64) if is_double else dtype


def _panel_rows(contrast: Contrast) -> int:
    """Hold all rows in memory at once, unless they come from a file."""
    if not _is_mapped(contrast.rows.array):
        return contrast.size
    row_bytes = contrast.rows.array.shape[1] * contrast.dtype.itemsize
    return int(max(512, _PANEL_BYTES // row_bytes))


def _is_mapped(array: Any) -> bool:
    while array is not None:
        if isinstance(array, np.memmap):
            return True
        array = getattr(array, "base", None)
    return False


def _products(gradient: NDArray[Any] | None, contrast: Contrast) -> NDArray[Any] | None:
    """Return an array for the products: the gradient's own, or one of more precision."""
    if gradient is None:
        return None
    if gradient.dtype == contrast.dtype or _is_mapped(gradient):
        return gradient
    return np.empty(gradient.shape, contrast.dtype)


def _per_row(layout: Layout, values: NDArray[Any]) -> NDArray[Any]:
    """Repeat values of samples, shape (samples,) or (items, samples), to all rows."""
    spread = layout.spread(values)
    return np.broadcast_to(spread, (layout.items, layout.size)).reshape(-1)


def _distinct_across_items(
    layout: Layout, codes: NDArray[np.int64], classes: int
) -> NDArray[np.int64]:
    if layout.items == 1:
        return codes
    return codes + classes * np.repeat(np.arange(layout.items), layout.size)


def _refuse_class_weights(options: Options) -> None:
    if options.class_weights is not None:
        raise InvalidInputError(
            "class_weights needs labels, and a mask has no classes; weight the mask's rows instead"
        )

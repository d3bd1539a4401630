"""The supervised contrastive loss and its gradient: the public functions."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Literal, Unpack, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidInputError
from ..io.arrays import real_array
from ..types import Vector
from .evaluate import evaluate
from .layout import Layout, arrange
from .option_types import Number, SupconOptions
from .options import Options
from .setup import from_mask, of_supcon

DEFAULT_BUDGET = 64_000_000
"""Bytes for keeping exponentials for the gradient; enough for n = 5300 in single precision."""

Loss = float | NDArray[np.float64]
ClassWeights = Mapping[Hashable, float] | ArrayLike


@overload
def supcon_loss(
    embeddings: ArrayLike,
    labels: ArrayLike | None = ...,
    *,
    reduction: Number = ...,
    **options: Unpack[SupconOptions],
) -> float: ...


@overload
def supcon_loss(
    embeddings: ArrayLike,
    labels: ArrayLike | None = ...,
    *,
    reduction: Literal["none"],
    **options: Unpack[SupconOptions],
) -> NDArray[np.float64]: ...


@overload
def supcon_loss(
    embeddings: ArrayLike,
    labels: ArrayLike | None = ...,
    *,
    reduction: str,
    **options: Unpack[SupconOptions],
) -> float | NDArray[np.float64]: ...


def supcon_loss(
    embeddings: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    mask: ArrayLike | None = None,
    temperature: float = 0.1,
    base_temperature: float | None = None,
    reduction: str = "mean",
    mean_over: str | None = None,
    normalize: bool = False,
    contrast_mode: str | None = None,
    negatives_only: bool = False,
    class_weights: ClassWeights | None = None,
    n_jobs: int | None = None,
) -> Loss:
    """Return the supervised contrastive loss of embeddings.

    The loss of an anchor i, a sample with at least one positive P(i), is

        ℓ_i = log Σ_{l≠i} exp(⟨h_i, h_l⟩/τ) − (1/|P(i)|) Σ_{j∈P(i)} ⟨h_i, h_j⟩/τ

    (Khosla et al. 2020, arXiv 2004.11362, equation 2, L_out). A sample without a positive is no
    anchor and has loss zero; it still is a negative of the others. No n×n array is formed. Every
    other loss of `screlax.losses` is evaluated by `contrastive_loss`.

    In double precision ℓ_i is right to some rounding units of the largest |⟨h_i, h_l⟩|/τ, also
    where it is near zero, as that of an anchor with one positive can be: see
    `screlax.samples.kernels.near_zero`.

    Parameters
    ----------
    embeddings : array-like, shape (n, d), (batch, n, d), or (n, views, d) with a `contrast_mode`
        float32 and float64 are used as they are, read-only, non-contiguous or memory-mapped;
        integers become float64. Samples of different items of a batch are not contrasted.
    labels : array-like, shape (n,), or (batch, n) for a batch
        Class of each sample: integers, strings, or other hashable objects, as an array, list,
        tensor, Series or data frame of one column; none may be missing. May be left out with a
        `contrast_mode`: then every sample is its own class, and the loss is that of SimCLR
        (NT-Xent, InfoNCE).
    mask : array-like, shape (n, n), or (batch, n, n), optional
        In place of labels: mask[i, j] > 0 makes j a positive of i, in proportion to the entry. The
        diagonal speaks of the other views of the same sample.
    temperature : float, default 0.1
        τ > 0. That of a problem, `UFM`, is 1 by default: give both, to compare values.
    base_temperature : float, optional
        Multiplies the loss by temperature/base_temperature, as the public SupContrast code does
        (there 0.07). By default there is no such factor.
    reduction : {"mean", "sum", "none"}
        "none" returns one loss per anchor.
    mean_over : {"anchors", "all"}, optional
        What a mean divides by: the samples that have a positive, as by default, or all of them
        (SupContrast). Refused with another reduction, which divides by nothing.
    normalize : bool, default False
        Whether to divide each embedding by its norm first; a zero embedding stays zero.
    contrast_mode : {None, "all", "one"}
        Reads rank 3 as (n, views, d): with every view an anchor, or only the first of each sample.
    negatives_only : bool, default False
        Leave the positives out of the denominator (NSCL). Then anchors also need a negative.
    class_weights : mapping or Series from label to weight, or array-like, optional
        Weights the anchors of each class. A mean is divided by the sum of weights. A Series speaks
        of its index; an array has one weight for each label that occurs, in sorted order.
    n_jobs : int, optional
        Number of threads, −1 for all cores; by default as many as the size justifies. The number
        does not change the result. While the call runs, BLAS is held to one thread.

    Returns
    -------
    float or ndarray of float64
        A number, or for a batch an array of shape (batch,). With reduction "none" shape (n,),
        (batch, n), or (n, views) for contrast_mode "all".

    Raises
    ------
    InvalidInputError
        If any input does not fit; the message names it.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> embeddings = np.array([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]])
    >>> round(screlax.supcon_loss(embeddings, [0, 0, 1, 1], temperature=1.0), 6)
    0.239545
    """
    options = Options(
        temperature=temperature,
        base_temperature=base_temperature,
        reduction=reduction,
        mean_over=mean_over,
        normalize=normalize,
        n_jobs=n_jobs,
    )
    layout = arrange(embeddings, contrast_mode)
    return layout.present(
        _run(layout, labels, mask, negatives_only, class_weights, options, None), reduction
    )


def supcon_loss_and_grad(
    embeddings: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    mask: ArrayLike | None = None,
    temperature: float = 0.1,
    base_temperature: float | None = None,
    reduction: str = "mean",
    mean_over: str | None = None,
    normalize: bool = False,
    contrast_mode: str | None = None,
    negatives_only: bool = False,
    class_weights: ClassWeights | None = None,
    n_jobs: int | None = None,
    memory_budget: int = DEFAULT_BUDGET,
    out: NDArray[Any] | None = None,
) -> tuple[Loss, NDArray[Any]]:
    """Return the supervised contrastive loss and its gradient with respect to the embeddings.

    Parameters
    ----------
    embeddings, labels
        As for `supcon_loss`.
    mask, temperature, base_temperature, reduction, mean_over, normalize, contrast_mode
        As for `supcon_loss`.
    negatives_only, class_weights, n_jobs
        As for `supcon_loss`.
    memory_budget : int
        Bytes that may be used to keep exponentials from the loss to the gradient. Where they do
        not all fit they are computed twice; the result is the same up to rounding.
    out : ndarray, optional
        Where to write the gradient, for instance a writable memory map: C-contiguous, of the shape
        and precision of the embeddings.

    Returns
    -------
    loss : float or ndarray of float64
        As for `supcon_loss`.
    gradient : ndarray
        Of the shape of the embeddings, float32 for float32 and half precision, else float64. Of the
        *sum* of the losses where several are returned: items of a batch are independent, so each
        gets the gradient of its own loss.

    Raises
    ------
    InvalidInputError
        If any input does not fit, `out` among them; the message names it.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> loss, gradient = screlax.supcon_loss_and_grad(np.eye(4), [0, 0, 1, 1], temperature=1.0)
    >>> round(loss, 6)
    1.098612
    >>> gradient.shape
    (4, 4)
    """
    options = Options(
        temperature=temperature,
        base_temperature=base_temperature,
        reduction=reduction,
        mean_over=mean_over,
        normalize=normalize,
        n_jobs=n_jobs,
        memory_budget=memory_budget,
    )
    layout = arrange(embeddings, contrast_mode)
    result = gradient_array(out, layout)
    in_order, shape = layout.kind != "one", layout.rows.shape
    gradient = result.reshape(shape) if in_order else np.empty(shape, result.dtype)
    losses = _run(layout, labels, mask, negatives_only, class_weights, options, gradient)
    if not in_order:
        result[...] = layout.restore_rows(gradient)
    return layout.present(losses, reduction), result


def _run(
    layout: Layout,
    labels: Any,
    mask: Any,
    negatives_only: bool,
    class_weights: Any,
    options: Options,
    gradient: NDArray[Any] | None,
) -> Vector:
    """Evaluate once, or with one mask per item one item at a time."""
    if labels is not None and mask is not None:
        raise InvalidInputError("labels and mask were both given; leave one of them out")
    if mask is None:
        given = own_classes(layout) if labels is None else labels
        setup = of_supcon(layout, given, negatives_only, class_weights, options)
        return evaluate(layout, setup, options, gradient).losses
    if class_weights is not None:
        raise InvalidInputError(
            "class_weights needs labels, and a mask has no classes; weight the mask's rows instead"
        )
    if layout.kind != "batch":
        setup = from_mask(layout, mask, negatives_only, options)
        return evaluate(layout, setup, options, gradient).losses
    masks, single = real_array(mask, "mask"), (layout.size, layout.size)
    if masks.shape not in (single, (layout.items, *single)):
        raise InvalidInputError(
            f"mask must have shape {single} or {(layout.items, *single)}, got {masks.shape}"
            f"{layout.hint}"
        )
    parts = []
    for number in range(layout.items):
        part, item = slice(number * layout.size, (number + 1) * layout.size), layout.item(number)
        own = masks[number] if masks.ndim == 3 else masks
        setup = from_mask(item, own, negatives_only, options)
        target = None if gradient is None else gradient[part]
        parts.append(evaluate(item, setup, options, target).losses)
    return np.concatenate(parts)


def own_classes(layout: Layout) -> NDArray[Any]:
    """Make every sample its own class, which needs several views."""
    if layout.kind in ("single", "batch"):
        raise InvalidInputError(
            "give labels, or a mask; embeddings of shape (n, views, d) with a contrast_mode can do "
            f"without{layout.hint}"
        )
    return np.arange(layout.samples)


def gradient_array(out: Any, layout: Layout) -> NDArray[Any]:
    """Return the array that a gradient is to be written to, or a new one where it is None."""
    shape, dtype = layout.shape, layout.rows.dtype
    if out is None:
        return np.empty(shape, dtype)
    right = isinstance(out, np.ndarray) and out.shape == shape and out.dtype == dtype
    if not (right and out.flags.c_contiguous and out.flags.writeable):
        described = f"{out.dtype} of shape {out.shape}" if hasattr(out, "dtype") else type(out)
        raise InvalidInputError(
            f"out must be a writable C-contiguous array of {dtype} and shape {shape}, "
            f"got {described}"
        )
    return np.asanyarray(out)

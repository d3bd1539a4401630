"""Any loss of the family, for embeddings: value and derivatives."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Literal, Unpack, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..problem.losses.base import Loss
from .evaluate import evaluate
from .loss_gradient import LossGradient
from .option_types import ContrastiveOptions, Number
from .options import Options
from .request import Request
from .supcon import DEFAULT_BUDGET


@overload
def contrastive_loss(
    embeddings: ArrayLike,
    labels: ArrayLike | None = ...,
    *,
    reduction: Number = ...,
    **options: Unpack[ContrastiveOptions],
) -> float: ...


@overload
def contrastive_loss(
    embeddings: ArrayLike,
    labels: ArrayLike | None = ...,
    *,
    reduction: Literal["none"],
    **options: Unpack[ContrastiveOptions],
) -> NDArray[np.float64]: ...


@overload
def contrastive_loss(
    embeddings: ArrayLike,
    labels: ArrayLike | None = ...,
    *,
    reduction: str,
    **options: Unpack[ContrastiveOptions],
) -> float | NDArray[np.float64]: ...


def contrastive_loss(
    embeddings: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    loss: Loss | str = "supcon",
    temperature: float = 0.1,
    base_temperature: float | None = None,
    reduction: str = "mean",
    mean_over: str | None = None,
    normalize: bool = False,
    contrast_mode: str | None = None,
    soft_labels: Any = None,
    keys: ArrayLike | None = None,
    key_labels: Any = None,
    contrast_with: str = "all",
    ignore: Hashable | None = None,
    ignored: str = "left out",
    n_jobs: int | None = None,
) -> float | NDArray[np.float64]:
    """Return a contrastive loss of embeddings, of any kind that `screlax.losses` has.

    With a_i, w_ij and T_ij from the loss and the classes that there are (see each loss), an anchor
    i, a sample with a positive, has

        ℓ_i = log Σ_{j≠i} w_ij exp(⟨h_i, h_j⟩/τ) − Σ_{j≠i} T_ij ⟨h_i, h_j⟩/τ

    and "sum" is Σ a_i ℓ_i, "mean" that divided by Σ a_i. Between embeddings the weights of a class
    are spread evenly: where all embeddings of a class coincide the sum is the loss of the same
    object at the Gram matrix of the class means, as `solve_relaxation` minimises it. No n×n array
    is formed.

    Parameters
    ----------
    embeddings : array-like, shape (n, d), (batch, n, d), or (n, views, d)
        As for `supcon_loss`. Read as (n, views, d) with a `contrast_mode`, and for a loss with
        several views.
    labels : array-like, shape (n,), or (batch, n) for a batch
        Class of each sample. Optional where there are views: then every sample is its own class.
    loss : Loss or str
        An object of `screlax.losses`, or its text, ``"class-averaged:anchors=classes"``.
    temperature, base_temperature, reduction, mean_over, normalize, contrast_mode, n_jobs
        As for `supcon_loss`.
    soft_labels : array-like, shape (n, labels), or list of n sets of labels, optional
        In place of labels, y ≥ 0: targets T_ij in proportion to ⟨y_i, y_j⟩, for probabilities of
        labels, or to the number of labels in common. Denominators have every other embedding once.
    keys : array-like, shape (keys, d), optional
        Embeddings that are contrasted with, and are no anchors: a queue, prototypes, class centres.
        They are anchors too where the loss says so (`Prototypes(loss_terms=True)`). Without keys
        the prototypes of that loss are copies of the class means of the embeddings as they are
        given, with the gradient that follows.
    key_labels : array-like, shape (keys,), or soft labels of keys
    contrast_with : {"all", "keys"}
        "keys" leaves the other samples out of denominators and targets, as MoCo does: of one query,
        with its own key and a queue, the loss is `mocov2plus_loss_func` of solo-learn. Of a batch
        and a memory it is `SupConLoss` of pytorch-metric-learning with a reference set; "all" is
        that in its `CrossBatchMemory`.
    ignore : hashable, optional
        A label, such as −1, of samples without a class.
    ignored : {"left out", "negatives"}
        What becomes of them: nothing, or negatives of all others (together one class, without
        anchors). Left-out samples have loss and gradient zero.

    Returns
    -------
    float or ndarray of float64
        As `supcon_loss`. With reduction "none" one loss for each sample, not for keys.

    Raises
    ------
    InvalidInputError
        If any input does not fit; the message names it.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> embeddings = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]])
    >>> labels = ["a", "a", "a", "b", "b"]
    >>> loss = screlax.losses.ClassAveraged()
    >>> round(screlax.contrastive_loss(embeddings, labels, loss=loss, temperature=1.0), 6)
    0.126928
    >>> problem = screlax.UFM([3, 2], screlax.Sphere(1.0), loss=loss)
    >>> float(round(screlax.solve_relaxation(problem).mean_value, 6))
    0.126928
    """
    options = Options(
        temperature=temperature,
        base_temperature=base_temperature,
        reduction=reduction,
        mean_over=mean_over,
        normalize=normalize,
        n_jobs=n_jobs,
    )
    request = Request(
        loss, contrast_mode, soft_labels, keys, key_labels, contrast_with, ignore, ignored
    )
    prepared = request.prepare(embeddings, labels, options)
    losses = evaluate(prepared.layout, prepared.setup, options, None).losses
    return prepared.present(losses, reduction)


def contrastive_loss_and_grad(
    embeddings: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    loss: Loss | str = "supcon",
    temperature: float = 0.1,
    base_temperature: float | None = None,
    reduction: str = "mean",
    mean_over: str | None = None,
    normalize: bool = False,
    contrast_mode: str | None = None,
    soft_labels: Any = None,
    keys: ArrayLike | None = None,
    key_labels: Any = None,
    contrast_with: str = "all",
    ignore: Hashable | None = None,
    ignored: str = "left out",
    n_jobs: int | None = None,
    memory_budget: int = DEFAULT_BUDGET,
) -> LossGradient:
    """Return a contrastive loss and its derivatives by embeddings, keys and temperature.

    Parameters
    ----------
    embeddings, labels, loss
        As for `contrastive_loss`.
    temperature, base_temperature, reduction, mean_over, normalize, contrast_mode
        As for `contrastive_loss`.
    soft_labels, keys, key_labels, contrast_with, ignore, ignored, n_jobs
        As for `contrastive_loss`.
    memory_budget : int
        As for `supcon_loss_and_grad`.

    Returns
    -------
    LossGradient
        A named tuple (loss, gradient, keys, temperature). The derivative by the temperature is
        −Σ_i ⟨h_i, ∂/∂h_i⟩/(2τ) over embeddings and keys, since the loss depends on ⟨h_i, h_j⟩/τ.

    Raises
    ------
    InvalidInputError
        If any input does not fit; the message names it.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> queue, of_queue = np.eye(4)[[0, 1, 3]], [0, 1, 2]
    >>> result = screlax.contrastive_loss_and_grad(
    ...     np.eye(4), [0, 0, 1, 1], temperature=1.0, keys=queue, key_labels=of_queue
    ... )
    >>> round(result.loss, 6), result.gradient.shape, result.keys.shape
    (1.855634, (4, 4), (3, 4))
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
    request = Request(
        loss, contrast_mode, soft_labels, keys, key_labels, contrast_with, ignore, ignored
    )
    prepared = request.prepare(embeddings, labels, options)
    gradient = np.empty(prepared.layout.rows.shape, prepared.layout.rows.dtype)
    evaluation = evaluate(prepared.layout, prepared.setup, options, gradient, by_temperature=True)
    assert evaluation.temperature is not None
    slope = evaluation.temperature
    return LossGradient(
        prepared.present(evaluation.losses, reduction),
        *prepared.split(gradient),
        slope if prepared.layout.kind == "batch" else float(slope[0]),
    )

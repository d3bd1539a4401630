"""Any loss of the family, for embeddings: value and derivatives."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks import check_choice
from ..errors import InvalidInputError
from ..problem.labels import label_array
from ..problem.losses.base import Loss, check_loss
from ..types import Vector
from .evaluate import evaluate
from .keys import Keys, given_keys, joined_labels, tied_prototypes
from .layout import Layout, arrange, check_embeddings
from .loss_terms import LossTerms
from .options import Options
from .setup import Setup, from_labels, from_soft_labels
from .soft_labels import soft_label_matrix
from .supcon import DEFAULT_BUDGET, own_classes
from .supcon import Loss as Value


class LossGradient(NamedTuple):
    """A loss and its derivatives.

    Attributes
    ----------
    loss : float or ndarray of float64
        As `contrastive_loss` returns it.
    gradient : ndarray
        By the embeddings, in their shape; of the sum where there are several losses.
    keys : ndarray, shape (keys, d), or None
        By the keys; a queue without gradient leaves it unused.
    temperature : float, or ndarray of shape (batch,)
        By the temperature; of the sum where there are several losses of one item.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> loss, gradient, *_ = screlax.contrastive_loss_and_grad(np.eye(4), [0, 0, 1, 1])
    >>> bool(np.isclose(loss, np.log(3))), gradient.shape
    (True, (4, 4))
    """

    loss: Value
    gradient: NDArray[Any]
    keys: NDArray[Any] | None
    temperature: float | NDArray[np.float64]


def contrastive_loss(
    embeddings: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    loss: Loss | str = "supcon",
    temperature: float = 0.1,
    base_temperature: float | None = None,
    reduction: str = "mean",
    mean_over: str = "anchors",
    normalize: bool = False,
    contrast_mode: str | None = None,
    soft_labels: Any = None,
    keys: ArrayLike | None = None,
    key_labels: Any = None,
    contrast_with: str = "all",
    ignore: Hashable | None = None,
    ignored: str = "left out",
    n_jobs: int | None = None,
) -> Value:
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
        "keys" leaves the other samples out of denominators and targets, as MoCo does.
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
    request = _Request(
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
    mean_over: str = "anchors",
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
    request = _Request(
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


@dataclass(frozen=True, eq=False)
class _Prepared:
    """Checked input, and the way back to its shape.

    Attributes
    ----------
    layout : Layout
        Of the samples that are evaluated, and the keys.
    setup : Setup
    keys : Keys or None
    kept : ndarray of bool, shape (n,), or None
        Which samples are evaluated; None for all.
    """

    layout: Layout
    setup: Setup
    keys: Keys | None
    kept: NDArray[np.bool_] | None

    def present(self, losses: Vector, reduction: str) -> Value:
        """Give losses their shape."""
        shown = self.layout.present(losses, reduction)
        return shown if self.kept is None or reduction != "none" else self._scattered(shown)

    def split(self, gradient: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Return the gradients by the embeddings, in their shape, and by keys that were given."""
        count = len(gradient) - self.layout.keys
        mine, theirs = gradient[:count], gradient[count:]
        if self.keys is not None and self.keys.tied is not None:
            mine = (mine + self.keys.tied.T @ theirs.astype(np.float64)).astype(gradient.dtype)
        given = self.keys is not None and self.keys.tied is None
        shaped = self.layout.restore_rows(mine)
        if self.kept is not None:
            shaped = self._scattered(shaped)
        return shaped, np.ascontiguousarray(theirs) if given else None

    def _scattered(self, values: Any) -> NDArray[Any]:
        assert self.kept is not None
        everything = np.zeros((len(self.kept), *values.shape[1:]), values.dtype)
        everything[self.kept] = values
        return everything


@dataclass(frozen=True, eq=False)
class _Request:
    """What is asked for, besides embeddings, labels and `Options`."""

    loss: Loss | str
    contrast_mode: str | None
    soft_labels: Any
    keys: Any
    key_labels: Any
    contrast_with: str
    ignore: Hashable | None
    ignored: str

    def prepare(self, embeddings: Any, labels: Any, options: Options) -> _Prepared:
        """Check everything, and bring it to canonical form."""
        check_choice(self.contrast_with, "contrast_with", ("all", "keys"))
        check_choice(self.ignored, "ignored", ("left out", "negatives"))
        loss = self._checked_loss()
        if (self.keys is None) != (self.key_labels is None):
            raise InvalidInputError("keys and key_labels belong together; give both, or neither")
        if self.keys is None and self.contrast_with == "keys":
            raise InvalidInputError("contrast_with='keys' needs keys, with key_labels")
        array, kept, labels, silent = self._without_ignored(embeddings, labels)
        layout = arrange(array, self._mode(loss, array))
        if self.soft_labels is not None:
            return self._prepare_soft(layout, loss, labels, options)
        given = own_classes(layout) if labels is None else labels
        joint, keys = self._with_keys(layout, loss, given, silent)
        if keys is not None:
            keys_only = self.contrast_with == "keys"
            layout = keys.appended(layout, loss.keys_are_anchors and not keys_only)
            if silent is not None:
                silent = np.concatenate([silent, np.zeros(len(keys.rows), dtype=bool)])
        only = self.contrast_with == "keys"
        setup = from_labels(layout, joint, LossTerms(loss), options, silent, only)
        return _Prepared(layout, setup, keys, kept)

    def _checked_loss(self) -> Loss:
        loss = check_loss(self.loss)
        if loss.orbit_option_names:
            raise InvalidInputError(
                f"{', '.join(loss.orbit_option_names)} of the loss {loss} are those of a problem's "
                "orbits; give the loss as it was before it was part of a problem"
            )
        return loss

    def _mode(self, loss: Loss, array: NDArray[Any]) -> str | None:
        """Return how to read the shape: as views where the loss has several."""
        views = loss.view_count
        if views == 1:
            return self.contrast_mode
        if array.ndim != 3 or array.shape[1] != views:
            raise InvalidInputError(
                f"the loss {loss} has {views} views: give embeddings of shape (n, {views}, d), got "
                f"{array.shape}"
            )
        return self.contrast_mode or "all"

    def _without_ignored(
        self, embeddings: Any, labels: Any
    ) -> tuple[NDArray[Any], NDArray[np.bool_] | None, Any, NDArray[np.bool_] | None]:
        """Return embeddings and labels, which of them are left, and which of these are silent."""
        array = check_embeddings(embeddings)
        if self.ignore is None:
            return array, None, labels, None
        if labels is None:
            raise InvalidInputError(f"ignore={self.ignore!r} is a label, and there are no labels")
        given = label_array(labels, shapes=((len(array),), array.shape[:2]))
        out = np.array([label == self.ignore for label in given.reshape(-1).tolist()], dtype=bool)
        out = out.reshape(given.shape)
        if self.ignored == "negatives":
            return array, None, given, out
        if given.ndim != 1 or len(given) != len(array):
            raise InvalidInputError(
                "samples cannot be left out of the items of a batch, which would differ in size; "
                "take ignored='negatives', or evaluate the items one by one"
            )
        if out.all():
            raise InvalidInputError(f"every label is {self.ignore!r}: no sample is left")
        return array[~out], ~out, given[~out], None

    def _with_keys(
        self, layout: Layout, loss: Loss, labels: Any, silent: NDArray[np.bool_] | None
    ) -> tuple[Any, Keys | None]:
        """Return labels of samples and keys, and the keys: given ones, or prototypes."""
        shape = ((layout.samples,), (layout.items, layout.samples))
        array = label_array(labels, shapes=shape if layout.kind == "batch" else shape[:1])
        if array.shape not in shape:  # refused where the labels are numbered
            return array, None
        if self.keys is None:
            keys = tied_prototypes(loss, array, layout, silent)
        else:
            of_keys = label_array(self.key_labels, what="key_labels", one_per="key")
            keys = given_keys(self.keys, of_keys, layout)
        return (array, None) if keys is None else (joined_labels(array, keys), keys)

    def _prepare_soft(self, layout: Layout, loss: Loss, labels: Any, options: Options) -> _Prepared:
        if labels is not None:
            raise InvalidInputError("labels and soft_labels were both given; leave one of them out")
        if layout.kind == "batch":
            raise InvalidInputError("soft_labels are for one set of embeddings, not for a batch")
        samples, keys = layout.samples, None
        count = 0 if self.keys is None else len(np.asarray(self.keys))
        matrix = soft_label_matrix(self.soft_labels, samples, self.key_labels, count)
        if self.keys is not None:
            keys = given_keys(self.keys, np.arange(count), layout)
            layout = keys.appended(layout, False)
        only = self.contrast_with == "keys"
        setup = from_soft_labels(layout, matrix, LossTerms(loss), options, only)
        return _Prepared(layout, setup, keys, None)

"""The unconstrained features model (UFM) of supervised contrastive learning."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidInputError
from .class_sizes import ClassSizes
from .constraints.norms import Control, check_control, check_temperature


@dataclass(frozen=True)
class UFM:
    """A supervised contrastive problem whose embeddings are free variables.

    Minimise over H = [h_1 … h_n], with Gram matrix G = HᵀH, the *sum over anchors*

        SC(G) = Σ_i [ log Σ_{l≠i} exp(G_il/τ) − (1/(n_{y_i}−1)) Σ_{j≠i, y_j=y_i} G_ij/τ ]

    plus (λ/2)‖H‖_F² (`Ridge`), or subject to a norm constraint (`Ball`, `Sphere`, `Budget`).
    Anchors are the samples whose class has at least two samples; a singleton class only serves as
    negatives. Source: Behnia and Thrampoulidis, ISIT 2024 (arXiv 2402.18884), equations 1 to 3.

    Parameters
    ----------
    class_sizes : array-like of int, shape (k,), or ClassSizes
        Number of samples of each class.
    control : Ridge, Ball, Sphere or Budget
        What keeps the embeddings bounded.
    temperature : float, default 1.0
        τ > 0.
    class_labels : sequence of hashable, optional
        The label that each class stands for, in class order; `from_labels` fills it in. NumPy
        scalars become Python objects.

    Raises
    ------
    InvalidInputError
        If the counts, the control or the temperature do not make a problem.
    """

    class_sizes: ClassSizes
    control: Control
    temperature: float = 1.0
    class_labels: tuple[Hashable, ...] | None = field(default=None, compare=False)

    def __init__(
        self,
        class_sizes: ArrayLike | ClassSizes,
        control: Control,
        temperature: float = 1.0,
        class_labels: Sequence[Hashable] | None = None,
    ) -> None:
        sizes = ClassSizes.from_counts(class_sizes)
        labels = None if class_labels is None else _distinct_labels(class_labels, sizes.classes)
        object.__setattr__(self, "class_sizes", sizes)
        object.__setattr__(self, "control", check_control(control))
        object.__setattr__(self, "temperature", check_temperature(temperature))
        object.__setattr__(self, "class_labels", labels)

    @classmethod
    def from_labels(
        cls, labels: ArrayLike | Sequence[Hashable], control: Control, temperature: float = 1.0
    ) -> UFM:
        """Build from one label per sample, of any hashable type.

        Classes are numbered in sorted order of their labels where those can be sorted, else in
        order of first appearance; `class_labels` keeps the map.

        Parameters
        ----------
        labels : array-like, shape (n,)
            Integers, strings, tuples, anything hashable.
        control, temperature
            As for `UFM`.

        Raises
        ------
        InvalidInputError
            If there are no labels, they are not one-dimensional, or one is NaN.
        """
        class_labels, counts = count_labels(labels)
        return cls(counts, control, temperature, class_labels)

    @classmethod
    def from_pairs(
        cls,
        sizes: ArrayLike,
        multiplicities: ArrayLike,
        control: Control,
        temperature: float = 1.0,
    ) -> UFM:
        """Build from (size, multiplicity) pairs; see `ClassSizes.from_pairs`."""
        return cls(ClassSizes.from_pairs(sizes, multiplicities), control, temperature)

    @property
    def samples(self) -> int:
        """Number of samples n."""
        return self.class_sizes.samples

    @property
    def classes(self) -> int:
        """Number of classes k."""
        return self.class_sizes.classes

    @property
    def anchors(self) -> int:
        """Number of anchors: the objective divided by it is the per-anchor mean."""
        return self.class_sizes.anchors

    @property
    def control_at_unit_temperature(self) -> Control:
        """The control of the equivalent problem in G/τ with τ = 1; the value is the same."""
        return self.control.at_unit_temperature(self.temperature)

    def class_index(self, labels: ArrayLike | Sequence[Hashable]) -> NDArray[np.int64]:
        """Return the class number of each label, shape (n,).

        Without `class_labels` the labels must already be class numbers 0 … k−1.

        Raises
        ------
        InvalidInputError
            If a label belongs to no class of this problem.
        """
        fast = self._integer_index(labels)
        if fast is not None:
            return fast
        values = _flat_labels(labels)
        _check_hashable(values)
        if self.class_labels is None:
            lookup = {value: int(value) for value in set(values) if _is_class(value, self.classes)}
        else:
            lookup = {label: number for number, label in enumerate(self.class_labels)}
        unknown = [value for value in dict.fromkeys(values) if value not in lookup]
        if unknown:
            raise InvalidInputError(
                f"label {unknown[0]!r} is no class of this problem, which has {self.classes}"
                + (" numbered from 0" if self.class_labels is None else "")
            )
        return np.fromiter((lookup[value] for value in values), dtype=np.int64, count=len(values))

    def _integer_index(self, labels: Any) -> NDArray[np.int64] | None:
        """Return class numbers of an integer array without a Python object for each label.

        None where that does not apply, or where a label is unknown: the general way then says so.
        """
        if not (isinstance(labels, np.ndarray) and labels.ndim == 1 and labels.dtype.kind in "iu"):
            return None
        names = self.class_labels
        if names is None:
            known = np.arange(self.classes)
        elif all(type(name) is int and abs(name) < 2**62 for name in names):
            known = np.array(names)
        else:
            return None
        order = np.argsort(known, kind="stable")
        place = np.minimum(np.searchsorted(known, labels, sorter=order), len(known) - 1)
        found: NDArray[np.int64] = order[place].astype(np.int64)
        return found if np.array_equal(known[found], labels) else None

    def zero_threshold(self) -> float:
        """Return λ_max: with `Ridge(λ)` the optimum is exactly zero if and only if λ ≥ λ_max.

        λ_max = 2n/((n−1)τ) with at least two classes of two or more samples, whatever the
        imbalance; with one such class and κ singletons (κ + √(κn))/((n−1)τ). Both are the λ at
        which the dual slack at G = 0, where every softmax row is uniform, becomes singular.
        """
        n, singletons = self.samples, self.class_sizes.singletons
        scale = (n - 1) * self.temperature
        if self.classes - singletons >= 2:
            return 2 * n / scale
        return (singletons + math.sqrt(singletons * n)) / scale

    def is_zero_optimal(self) -> bool:
        """Whether G = 0 is the optimum: ridge at or above `zero_threshold`."""
        return self.control.is_penalty and self.control.parameter >= self.zero_threshold()


def _flat_labels(labels: Any, one_per: str = "sample") -> list[Any]:
    """List labels as Python objects, so that 3, np.int64(3) and a file's 3 are one class."""
    if isinstance(labels, str | bytes) or not hasattr(labels, "__iter__"):
        raise InvalidInputError(
            f"labels must be a sequence with one label per {one_per}: {labels!r}"
        )
    if hasattr(labels, "tolist") and hasattr(labels, "ndim"):
        if labels.ndim != 1:
            raise InvalidInputError(
                f"labels must be one-dimensional, got shape {tuple(labels.shape)}"
            )
        labels = labels.tolist()
    return [_plain(label) for label in labels]


def _plain(label: Any) -> Any:
    """Turn NumPy scalars, also within tuples, into the Python objects they stand for."""
    if isinstance(label, np.generic):
        return label.item()
    return tuple(map(_plain, label)) if type(label) is tuple else label


def _check_hashable(labels: list[Any]) -> None:
    for position, label in enumerate(labels):
        try:
            hash(label)
        except TypeError:
            raise InvalidInputError(f"label {position} is not hashable: {label!r}") from None


def _check_names(labels: list[Any]) -> None:
    """Refuse labels that cannot name a class: not hashable, or NaN."""
    _check_hashable(labels)
    for position, label in enumerate(labels):
        if _is_missing(label):
            raise InvalidInputError(f"label {position} is NaN; every sample needs a class")


def _is_missing(label: Any) -> bool:
    """Whether a label is a NaN or contains one: not equal to itself, or undecided about it."""
    if type(label) is tuple:
        return any(map(_is_missing, label))
    try:
        return bool(label != label)
    except (TypeError, ValueError):
        return True


def _is_class(value: Any, classes: int) -> bool:
    return isinstance(value, int | float) and 0 <= value < classes and value == int(value)


def _distinct_labels(class_labels: Any, classes: int) -> tuple[Hashable, ...]:
    """Check that there is one label per class, and that no two are the same."""
    labels = _flat_labels(class_labels, "class")
    _check_names(labels)
    if len(labels) != classes or len(set(labels)) != len(labels):
        raise InvalidInputError(
            f"class_labels must be {classes} different labels, one per class, "
            f"got {len(labels)} of which {len(set(labels))} differ"
        )
    return tuple(labels)


def count_labels(labels: Any) -> tuple[tuple[Hashable, ...], list[int]]:
    """Return the classes of labels, one per sample, in the order of `UFM.from_labels`, and counts.

    Raises
    ------
    InvalidInputError
        If there are none, they are not one-dimensional, or one is NaN.
    """
    values = _flat_labels(labels)
    _check_names(values)
    counts = Counter(values)
    if not counts:
        raise InvalidInputError("labels are empty; give one label per sample")
    try:
        ordered = tuple(sorted(counts))
    except TypeError:
        ordered = tuple(counts)
    return ordered, [counts[label] for label in ordered]

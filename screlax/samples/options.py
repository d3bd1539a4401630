"""The options of the loss that are not data, checked once, and what they make of the anchors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import check_choice, check_jobs, positive_number, whole_number
from ..errors import InvalidInputError
from ..problem.constraints.norms import check_temperature
from ..problem.per_class import per_class
from ..types import Vector
from .layout import Codes, nonnegative
from .workers import cores


@dataclass(frozen=True, eq=False)
class Options:
    """Checked options of an evaluation; `factor` is temperature/base_temperature."""

    temperature: float
    base_temperature: float | None
    reduction: str
    mean_over: str | None
    normalize: bool
    n_jobs: int | None = 1
    memory_budget: int = 0
    factor: float = field(init=False, default=1.0)

    def __post_init__(self) -> None:
        """Raise an `InvalidInputError` that names the bad one."""
        temperature = check_temperature(self.temperature)
        check_choice(self.reduction, "reduction", ("mean", "sum", "none"))
        check_choice(self.mean_over, "mean_over", (None, "anchors", "all"))
        if self.mean_over is not None and self.reduction != "mean":
            raise InvalidInputError(
                f"mean_over={self.mean_over!r} has no effect with reduction={self.reduction!r}, "
                "which divides by nothing; leave it out"
            )
        budget = whole_number(self.memory_budget, "memory_budget, in bytes,", 0)
        if self.base_temperature is not None:
            factor = temperature / positive_number(self.base_temperature, "base_temperature")
            object.__setattr__(self, "factor", factor)
        jobs = check_jobs(self.n_jobs)
        object.__setattr__(self, "n_jobs", cores() if jobs == -1 else jobs)
        object.__setattr__(self, "temperature", temperature)
        object.__setattr__(self, "memory_budget", budget)


def weights_of_classes(codes: Codes, class_weights: Any) -> Vector:
    """Return the weight of each class that has a name; an array speaks of them in sorted order."""
    assert codes.names is not None
    given = per_class(class_weights, "class_weights")
    weights = given.numbers
    if given.labels is not None:
        weights = given.numbers_of(codes.names, "class_weights")
    elif len(weights) != codes.classes:
        raise InvalidInputError(
            f"class_weights must have shape ({codes.classes},), one for each label that occurs, in "
            f"sorted order, got {weights.shape}; where a class may be absent, as from a batch, "
            "give a mapping from label to weight"
        )
    return nonnegative(weights, "class_weights", (codes.classes,))


def row_weights(
    options: Options,
    counted: NDArray[np.bool_],
    weights: Vector | None = None,
    items: int = 1,
    anchors: int | None = None,
) -> Vector:
    """Return w_i, so that the reduced loss is Σ_i w_i ℓ_i; zero for rows that are no anchors.

    An anchor is among the first rows of its item, as many as `anchors`, and one of those `counted`,
    which have a loss. A mean is weighted, and zero where nothing is averaged.
    """
    size = len(counted) // items
    if weights is None:
        weights = np.ones(len(counted))
    if anchors is not None and anchors < size:
        weights = np.where(np.arange(size) < anchors, weights, 0.0)
    anchored = weights * counted
    if options.reduction == "mean":
        averaged = weights if options.mean_over == "all" else anchored
        totals = averaged.reshape(items, size).sum(axis=1)
        totals[totals == 0] = 1.0
        anchored /= totals[0] if items == 1 else totals.repeat(size)
    return options.factor * anchored

"""Which problems a path consists of: one with other strengths, temperatures or batch sizes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from ..checks import MOST_TASKS, whole_number
from ..errors import InvalidInputError
from ..io.arrays import real_array
from ..problem.class_sizes import MAX_SIZE
from ..problem.ufm import UFM
from ..types import Vector

_ABOVE = 1 + 1e-6
"""How far above the smallest λ with an optimum a path ends."""


def problems_of_path(
    problem: UFM,
    strengths: ArrayLike | None,
    temperatures: ArrayLike | None,
    batch_sizes: ArrayLike | None,
    vary: str | None,
    points: int | None,
) -> list[UFM]:
    """Return the problems, in the order given; see `screlax.regularization_path`."""
    if sum(given is not None for given in (strengths, temperatures, batch_sizes)) > 1:
        raise InvalidInputError(
            "give strengths or temperatures (or batch sizes), not both: a path has one parameter"
        )
    kinds = {"strengths": strengths, "temperatures": temperatures, "batch_sizes": batch_sizes}
    given = [name for name, each in kinds.items() if each is not None]
    if given and points is not None:
        raise InvalidInputError(
            f"points={points!r} has no effect beside {given[0]}=: it is of the default path"
        )
    if vary is not None and given not in ([], ["strengths"]):
        raise InvalidInputError(
            f"vary={vary!r} has no effect beside {given[0]}=: it is for values of the control"
        )
    control = problem.control
    if vary is not None:
        control.with_number(vary, 1.0)  # refuses what is none
    if batch_sizes is not None:
        return problems_of_sizes(problem, batch_sizes)
    if temperatures is not None:
        return [
            replace(problem, temperature=t)
            for t in _positive(temperatures, "temperatures").tolist()
        ]
    if strengths is None:
        points = whole_number(100 if points is None else points, "points", 2, MOST_TASKS)
        top = problem.zero_threshold() if problem.control.is_penalty else None
        values = (
            np.geomspace(10 * problem.temperature / 1e3, 10 * problem.temperature, points)
            if top is None
            else np.geomspace(top, max(top / 1e6, _ABOVE * problem.bounded_threshold()), points)
        )
    else:
        values = _positive(strengths, "strengths")
    if vary is None:
        return [replace(problem, control=control.with_parameter(v)) for v in values.tolist()]
    if strengths is None:
        values = np.array([control.number_for(vary, value) for value in values])
    return [replace(problem, control=control.with_number(vary, v)) for v in values.tolist()]


def _positive(values: ArrayLike, what: str) -> Vector:
    array = real_array(values, what).astype(float).reshape(-1)
    wrong = ~(np.isfinite(array) & (array > 0))
    if not array.size or wrong.any():
        shown = array[wrong][0] if array.size else "none"
        raise InvalidInputError(f"{what} must be positive and finite numbers, got {shown}")
    return array


def problems_of_sizes(problem: UFM, sizes: ArrayLike) -> list[UFM]:
    """Return the problem in batches of these sizes: shuffled ones where it has no sampler.

    Raises
    ------
    InvalidInputError
        If the sampler has no size, or a size is no whole number from two on.
    """
    numbers = real_array(sizes, "batch sizes").reshape(-1).tolist()
    if not numbers:
        raise InvalidInputError("batch sizes are empty; give at least one")
    found = [whole_number(number, "batch size", 2, MAX_SIZE) for number in numbers]
    if problem.batches is None:
        loss = problem.loss
        return [replace(problem, loss=loss.in_batches(f"shuffle:size={size}")) for size in found]
    if size_of(problem) is None:
        raise InvalidInputError(
            f"batches {problem.batches} have no size to vary; choose sampler shuffle or weighted"
        )
    return [replace(problem, loss=problem.loss.with_options(size=size)) for size in found]


def size_of(problem: UFM) -> int | None:
    """Return how many samples a batch has, None of all samples or a sampler without a size."""
    return getattr(problem.batches, "size", None)

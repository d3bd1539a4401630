"""Paths in the batch size: one problem in batches of many sizes, and how far each takes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from ..checks import whole_number
from ..errors import InvalidInputError
from ..gram.class_products import class_distance
from ..io.arrays import real_array
from ..problem.class_sizes import MAX_SIZE
from ..problem.ufm import UFM
from ..solution.solution import Solution
from ..types import Vector
from .solve import silent_solution


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


def batch_columns(solutions: Sequence[Solution]) -> dict[str, Vector]:
    """Return batch_size and from_all_samples, ‖G/‖G‖ − G*/‖G*‖‖ from the optimum of all samples.

    Nothing where no solution is one of batches; NaN where one of them is not.
    """
    if all(size_of(solution.problem) is None for solution in solutions):
        return {}
    sizes = [size_of(solution.problem) for solution in solutions]
    whole: dict[tuple[float, float], Solution] = {}
    distances = np.full(len(solutions), np.nan)
    for number, solution in enumerate(solutions):
        problem = solution.problem
        key = problem.control.parameter, problem.temperature
        if key not in whole:
            whole[key] = silent_solution(replace(problem, loss=problem.loss.of_all_samples))
        copies = problem.class_sizes.multiplicities.astype(float)
        here, there = solution.orbit_gram.dense(), whole[key].orbit_gram.dense()
        distances[number] = class_distance(here, there, copies)
    return {
        "batch_size": np.array([np.nan if size is None else float(size) for size in sizes]),
        "from_all_samples": distances,
    }

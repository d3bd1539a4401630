"""Paths point by point: with any method, a conic solver from where it ended at the last point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..errors import InvalidInputError
from ..problem.ufm import UFM
from ..solution.solution import Solution
from .cvxpy_run import Memory
from .path_problems import size_of
from .solve import silent_solution


def solved_in_turn(
    problems: Sequence[UFM], *, solver: str, tol: float | None, warm_start: bool, **options: Any
) -> list[Solution]:
    """Return a solution of each problem of a path, in the order given.

    They are solved in the order of what varies, so that each starts from a neighbour, and from the
    strongest control or the highest temperature, where solvers are quickest.

    Parameters
    ----------
    problems : sequence of UFM
        One problem with another parameter, temperature or batch size.
    solver, tol, **options
        As for `silent_solution`.
    warm_start : bool
        Whether a solver that can starts from where it ended at the last point.
    """
    memory: Memory | None = {} if warm_start else None
    solved: dict[int, Solution] = {}
    for number in sorted(range(len(problems)), key=lambda number: _ease(problems[number])):
        problem = problems[number]
        with point_named(problem):
            solved[number] = silent_solution(
                problem, solver=solver, tol=tol, memory=memory, **options
            )
    return [solved[number] for number in range(len(problems))]


@contextmanager
def point_named(problem: UFM) -> Iterator[None]:
    """Say in a refusal which point of the path it is of, as its user gave one problem of many."""
    try:
        yield
    except InvalidInputError as error:
        at = f"{problem.control}, temperature {problem.temperature:g}"
        raise type(error)(f"{error} (the point of the path at {at}; choose others)") from None


def _ease(problem: UFM) -> tuple[float, float, int]:
    """Return what sorts problems of one path from the strongest control on."""
    control = problem.control
    size = size_of(problem)
    strength = -control.parameter if control.is_penalty else control.parameter
    return strength, -problem.temperature, 0 if size is None else size

"""`solve_nonconvex`: run descent from several starts and prove how far each run got."""

from __future__ import annotations

from collections.abc import Callable

from numpy.typing import ArrayLike

from ..problem import UFM
from .result import NonconvexResult

Callback = Callable[[int, int, float, float], bool | None]


def solve_nonconvex(
    problem: UFM,
    dim: int,
    *,
    starts: int = 1,
    method: str = "lbfgs",
    seed: int = 0,
    level: str = "classes",
    initial: ArrayLike | None = None,
    max_iterations: int = 2000,
    tol: float = 1e-9,
    lower: float | None = None,
    callback: Callback | None = None,
) -> NonconvexResult:
    """Minimise the nonconvex objective over embeddings of a given dimension."""
    raise NotImplementedError

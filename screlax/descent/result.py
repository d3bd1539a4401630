"""What descent on the embeddings found, and how far from the global optimum that provably is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import Status
from ..problem.ufm import UFM
from ..types import Matrix, Vector


@dataclass(frozen=True, eq=False)
class NonconvexResult:
    """The runs of `solve_nonconvex`, best first in every array and tuple.

    Attributes
    ----------
    problem : UFM
        The problem whose embeddings were optimised.
    level : str
        "classes" (p = k, one embedding per class) or "samples" (every embedding by itself, views
        and prototypes included, in class order: `problem.points`).
    dim : int
        Embedding dimension.
    method : str
        The descent method.
    tol : float
        Relative gap up to which `status` is optimal.
    lower : float
        Certified lower bound on the objective, for embeddings of any dimension.
    embeddings : ndarray, shape (p, dim)
        The best embeddings, one per row, feasible for the control.
    values : ndarray, shape (starts,)
        Objective of every run, summed over anchors.
    gaps, relative_gaps : ndarray, shape (starts,)
        Certified gap of every run, value − lower, and the same by value and spread of the
        objective, gap/(|value| + value − infimum).
    all_embeddings : ndarray, shape (starts, p, dim)
        The embeddings of every run.
    histories : tuple of ndarray, each of shape (iterations + 1, 3)
        Per run the columns iteration, value and gradient norm: of the objective per anchor on the
        manifold of the control, in coordinates √(r_c/τ) h, r_c the embeddings a row stands for.
    iterations : ndarray of int, shape (starts,)
        Iterations of every run, all phases together.
    seconds : ndarray, shape (starts,)
        Wall time of every run, without the relaxation.
    messages : tuple of str
        Why every run stopped; no other attribute depends on it.
    order : ndarray of int, shape (starts,)
        Number of the start behind every run: `values[0]` is start `order[0]`.

    Examples
    --------
    >>> import screlax
    >>> problem = screlax.UFM([50, 20, 5], screlax.Sphere(1.0), 0.5)
    >>> result = screlax.solve_nonconvex(problem, dim=4, starts=3)
    >>> result.embeddings.shape, result.values.shape, bool(result.gap >= 0)
    ((3, 4), (3,), True)
    >>> result.histories[0].shape[1]  # iteration, value, gradient norm
    3
    """

    problem: UFM
    level: str
    dim: int
    method: str
    tol: float
    lower: float
    embeddings: Matrix
    values: Vector
    gaps: Vector
    relative_gaps: Vector
    all_embeddings: NDArray[np.float64]
    histories: tuple[Matrix, ...]
    iterations: NDArray[np.int64]
    seconds: Vector
    messages: tuple[str, ...]
    order: NDArray[np.int64]

    @property
    def value(self) -> float:
        """Objective of the best embeddings, summed over anchors."""
        return float(self.values[0])

    @property
    def gap(self) -> float:
        """Certified gap of the best embeddings, value − lower."""
        return float(self.gaps[0])

    @property
    def relative_gap(self) -> float:
        """The gap of the best embeddings by value and spread of the objective."""
        return float(self.relative_gaps[0])

    @property
    def status(self) -> Status:
        """`optimal` if and only if the certified relative gap is at most `tol`."""
        return Status.OPTIMAL if self.relative_gap <= self.tol else Status.INACCURATE

    def __repr__(self) -> str:
        return (
            f"<NonconvexResult {self.status}: value {self.value:.10g}, relative gap "
            f"{self.relative_gap:.1e}, {self.problem.description}, dim={self.dim}, "
            f"{len(self.values)} starts, {self.method} at level {self.level}>"
        )

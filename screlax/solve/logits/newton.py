"""Truncated Newton on factors B = A Wᵀ of the orbit sums, with a diagonal preconditioner.

minimise f(A Wᵀ) + μ/2 (‖A‖² + ‖W‖²), whose least over the factors of a B is f(B) + μ‖B‖_* (Srebro,
Rennie and Jaakkola 2004). With as many columns as the optimum has rank there are no spurious local
minima (Haeffele and Vidal 2015, arXiv 1506.07540).

Rotating both factors changes nothing, so that the Hessian has a kernel, whose curvature away from
the optimum is small and of either sign. The model of a step is convex: with singular values of the
slope above μ brought down to it, which at the optimum none are, and with the norm of the gradient
added to its curvature. Superlinear convergence survives both; without them conjugate gradients
leave along rotations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg

from ...types import Matrix, Vector
from ..trust_region import TrustRegionResult, minimize
from .elimination import EliminatedRows, RowPoint

EXACT = 1e-12
"""Norm of the gradient in scaled coordinates to stop at."""

_NEAR = 30
"""Gradients that are small, in tolerances."""

_NOISE = 1e-6
"""Size of the noise on a start, relative to its entries: zeros in it would stay zero."""

_ABOVE = 1e3
"""Excess of singular values over μ that is no stationary point of B, in tolerances."""

_AWAY = 1e-4
"""How far to move along them, in logits."""

_ROUNDS = 8
"""How often columns are added at most."""


@dataclass(frozen=True, eq=False)
class FactorPoint:
    """A point (A, W) and the rows there, the scales of its coordinates, and what a step needs.

    `gradient` is that by scaled coordinates, `slope` that by B with singular values at most μ.
    """

    point: Matrix
    rows: RowPoint
    scales: Matrix
    gradient: Matrix
    slope: Matrix
    damping: float


class FactoredLogits:
    """The objective by (A, W), shape (2, m, width), over a `unit` that makes it about one.

    Steps are in coordinates that are multiplied by the root of the Hessian's diagonal.
    """

    def __init__(self, rows: EliminatedRows, unit: float) -> None:
        self.rows, self.weight, self._unit = rows, rows.weight, unit

    def local_model(self, point: Matrix) -> FactorPoint:
        """See `TrustRegionProblem`."""
        rows = self.rows.at(point[0] @ point[1].T)
        bend, slope = self.rows.diagonal(rows), self.rows.gradient(rows)
        bends = np.stack([bend @ point[1] ** 2, bend.T @ point[0] ** 2])
        scales = np.sqrt((self.weight + bends) / self._unit)
        gradient = self._along(slope, point) / (self._unit * scales)
        damping = float(np.linalg.norm(gradient))
        return FactorPoint(point, rows, scales, gradient, clipped(slope, self.weight), damping)

    def change(self, model: FactorPoint, candidate: Matrix) -> float:
        """See `TrustRegionProblem`."""
        loss = self.rows.change(model.rows, self.rows.at(candidate[0] @ candidate[1].T))
        norms = np.vdot(candidate - model.point, candidate + model.point)
        return float(loss + self.weight / 2 * norms) / self._unit

    def noise(self, model: FactorPoint) -> float:
        """See `TrustRegionProblem`."""
        return self.rows.noise(model.rows) / self._unit

    def gradient(self, model: FactorPoint) -> Matrix:
        """Return the gradient by scaled coordinates."""
        return model.gradient

    def hessian(self, model: FactorPoint, direction: Matrix) -> Matrix:
        """Return the convex model's Hessian by scaled coordinates, applied to a direction."""
        (first, second), moves = model.point, direction / model.scales
        bent = self.rows.hessian(model.rows, moves[0] @ second.T + first @ moves[1].T)
        found = self._along(model.slope, moves)
        found += np.stack([bent @ second, bent.T @ first])
        return np.asarray(found / (self._unit * model.scales) + model.damping * direction)

    def retract(self, point: Matrix, step: Matrix) -> Matrix:
        """Move along scaled coordinates."""
        return np.asarray(point + step / self.local_model(point).scales)

    def _along(self, slope: Matrix, factors: Matrix) -> Matrix:
        return np.stack([slope @ factors[1], slope.T @ factors[0]]) + self.weight * factors


class Patience:
    """Stops where the gradient is small and a step no longer halves it: that is rounding."""

    def __init__(self, small: float) -> None:
        self._small, self._last = small, math.inf

    def __call__(self, point: Matrix, norm: float) -> str:
        """Return why to stop, or nothing."""
        is_stuck = norm <= self._small and norm > self._last / 2
        self._last = norm
        return "gradient no longer falls" if is_stuck else ""


def clipped(slope: Matrix, most: float) -> Matrix:
    """Return a matrix with singular values above a number brought down to it."""
    left, values, right = linalg.svd(slope)
    above = values > most
    return np.asarray(slope - (left[:, above] * (values[above] - most)) @ right[above])


def width_of(rows: EliminatedRows) -> int:
    """Return the rank that an optimum without adjustments has at most, as far as was ever seen.

    The number of orbits whose classes would not merge, or one less than all.
    """
    return max(1, min(len(rows.copies) - 1, int(rows.splits.sum())))


def factors_of(rows: EliminatedRows, sums: Matrix, width: int) -> Matrix:
    """Return balanced factors of the best approximation of that rank, with a little noise."""
    left, values, right = linalg.svd(sums)
    size = max(float(values[0]), 1 / rows.strength.max()) / len(sums)
    root = np.sqrt(values[:width])
    factors = np.stack([left[:, :width] * root, right[:width].T * root])
    noise = np.random.default_rng(0).standard_normal(factors.shape)
    return np.asarray(factors + _NOISE * math.sqrt(size) * noise)


def first_sums(rows: EliminatedRows) -> Matrix:
    """Return B to begin with: the logit gaps of balanced classes with the same p_own − p_in.

    Without what adds one number to all logits of a row, which only costs norm.
    """
    classes = rows.copies.sum()
    share = 0.9 * np.minimum(rows.weight / np.maximum(rows.steepest, 1e-300), 1.0)
    gaps = np.log(np.maximum(1 - share * (classes - 1) / classes, 1e-9) * classes / share)
    sums = np.diag((np.maximum(gaps, 0.0) + 0.1) / rows.strength)
    unit: Vector = rows.kernel / np.linalg.norm(rows.kernel)
    return np.asarray(sums - np.outer(sums @ unit, unit))


def polish(
    rows: EliminatedRows,
    start: Matrix,
    *,
    tolerance: float = EXACT,
    deadline: float = math.inf,
) -> tuple[RowPoint, TrustRegionResult]:
    """Minimise from near orbit sums B; return the point reached, and how.

    Parameters
    ----------
    rows : EliminatedRows
    start : ndarray, shape (m, m)
    tolerance : float
        Norm of the gradient in scaled coordinates, whose square is a share of the value.
    deadline : float
        Value of `time.perf_counter()` after which to stop.
    """
    factors = factors_of(rows, start, width_of(rows))
    problem = FactoredLogits(rows, unit_of(rows, factors, factors[0] @ factors[1].T))
    sums, run = descend(problem, factors, np.empty((2, len(start), 0)), tolerance, deadline)
    return rows.at(sums), run


def unit_of(rows: EliminatedRows, factors: Matrix, sums: Matrix) -> float:
    """Return the objective at factors and sums B, or the scale of the loss where that is less."""
    begun = rows.value(rows.at(sums)) + rows.weight / 2 * float(np.vdot(factors, factors))
    return min(begun, rows.scale)


def descend(
    problem: FactoredLogits,
    factors: Matrix,
    free: Matrix,
    tolerance: float,
    deadline: float = math.inf,
) -> tuple[Matrix, TrustRegionResult]:
    """Minimise from factors and `free` columns, which have no price; return B without, and how.

    Where singular values of the slope stay above μ the objective falls along their vectors.
    """
    rows, steps, width = problem.rows, 0, factors.shape[2]
    most = len(rows.copies) - (free.shape[2] == 0)
    for _ in range(_ROUNDS):
        found = minimize(
            problem,
            np.concatenate([factors, free], axis=2),
            gradient_tolerance=tolerance,
            deadline=deadline,
            observe=Patience(_NEAR * tolerance),
        )
        first, second = found.point
        steps += found.iterations
        sums, free = first[:, :width] @ second[:, :width].T, found.point[:, :, width:]
        left, values, right = linalg.svd(rows.gradient(rows.at(first @ second.T)))
        above = int((values > rows.weight * (1 + _ABOVE * tolerance)).sum())
        if above == 0:
            break
        away = _AWAY / rows.strength.max() * left[:, :above] @ right[:above]
        width = max(width, min(most, width + above))
        factors = factors_of(rows, sums - away, width)
    return sums, replace(found, iterations=steps)

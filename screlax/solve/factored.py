"""Burer–Monteiro on the relaxation, for whatever slack the solution has.

With one row z_g = (y_g, u_g √(1 − 1/κ_g)) per cell,

    pair_gh = ⟨y_g, y_h⟩ (g ≠ h),   pair_gg = ‖y_g‖² − u_g²/κ_g,   own_g = ‖z_g‖²,

covers all feasible Gram matrices (δ_g = u_g², zero where κ_g = 1). The unknown is X = N^{1/2} Z,
N the mass, on the manifold of the control. Where every cell has one point (level "classes") there
is no u, and X are embeddings. With more columns than the rank there are no spurious local minima
(Behnia and Thrampoulidis 2024, theorem on the landscape; Boumal, Voroninski and Bandeira 2016 for
the general argument): a second-order method finds the optimum.

Conjugate gradients run without a preconditioner. A diagonal one (curvature of the loss plus slack)
took 352 Hessian products instead of 506 on CIFAR-100-LT ridge and 74 instead of 320 on a sphere,
but 9055 instead of 7600 with sizes over six orders of magnitude, and beside singletons on a ball it
stalled a hundred times further from the optimum (gap 1e-13 instead of 1e-15).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg

from ..gram.blocks import gram_blocks
from ..gram.cells import CellGram
from ..problem.losses.softmax_rows import RowWeights
from ..problem.program import Program
from ..types import Matrix
from .lifted import Lifted
from .scaling import scaled_descent
from .trust_region import TrustRegionResult, minimize

_NOISE = 1e-2
"""Size of the noise on a start, relative to its entries: zeros in it would stay zero."""


@dataclass(frozen=True, eq=False)
class CellPoint:
    """A point X with softmax rows and dual slack (gradient by own and pair) of its Gram matrix."""

    point: Matrix
    softmax: RowWeights
    slack: CellGram


class CellObjective:
    """The objective of the relaxation as a function of X, see `FactoredObjective`.

    Parameters
    ----------
    relaxation : Program
        At any level.
    width : int
        Columns of y: at level "classes" the embedding dimension.

    Attributes
    ----------
    columns : int
        Columns of X: those of y, and one for u where a cell has several points.
    """

    def __init__(self, relaxation: Program, width: int) -> None:
        self.relaxation, self.width = relaxation, width
        self.cells, self.control = relaxation.cells, relaxation.control
        self.mass = self.cells.mass
        self.anchors, self.infimum = relaxation.loss.anchor_count, relaxation.infimum
        self._several = relaxation.cells.points > 1
        self.columns = width + bool(self._several.any())
        self._root = np.sqrt(self.mass)[:, None]
        self.others = np.maximum(relaxation.cells.points - 1, 1)
        self._penalty = relaxation.penalty

    def point_of(self, gram: CellGram) -> Matrix:
        """Return X of a Gram matrix, negative eigenvalues and columns beyond `width` dropped."""
        values, vectors = linalg.eigh(gram_blocks(self.relaxation.cells, gram).shared)
        factor = vectors[:, ::-1] * np.sqrt(np.maximum(values[::-1], 0.0))
        point = np.zeros((self.relaxation.size, self.columns))
        kept = min(self.width, factor.shape[1])
        point[:, :kept] = factor[:, :kept]
        if self.columns > self.width:
            spread = np.where(self._several, np.maximum(gram.spread, 0.0), 0.0)
            points = self.relaxation.cells.points
            point[:, self.width] = self._root[:, 0] * np.sqrt(spread * (points - 1) / points)
        return point

    def masked(self, step: Matrix) -> Matrix:
        """Return a step without u where a cell has one point."""
        step = step.copy()
        step[~self._several, self.width :] = 0.0
        return step

    def gram(self, point: Matrix) -> CellGram:
        """Return the Gram matrix G/τ of a point."""
        return self._bilinear(point, point).scaled(0.5)

    def value(self, point: Matrix) -> float:
        """See `FactoredObjective`."""
        return self.relaxation.value(self.gram(point))

    def value_and_gradient(self, point: Matrix) -> tuple[float, Matrix]:
        """See `FactoredObjective`."""
        gram = self.gram(point)
        slack = self.relaxation.slack(self.relaxation.loss.expand(gram), self._penalty)
        return self.relaxation.value(gram), self._pull_back(slack, point)

    def expand(self, point: Matrix) -> CellPoint:
        """See `FactoredObjective`."""
        softmax = self.relaxation.loss.expand(self.gram(point))
        return CellPoint(point, softmax, self.relaxation.slack(softmax, self._penalty))

    def gradient(self, at: CellPoint) -> Matrix:
        """See `FactoredObjective`."""
        return self._pull_back(at.slack, at.point)

    def hessian(self, at: CellPoint, direction: Matrix) -> Matrix:
        """See `FactoredObjective`."""
        curved = self.relaxation.loss.curvature(at.softmax, self._bilinear(at.point, direction))
        return self._pull_back(curved, at.point) + self._pull_back(at.slack, direction)

    def change(self, at: CellPoint, step: Matrix) -> float:
        """See `FactoredObjective`."""
        first, second = self._bilinear(at.point, step), self.gram(step)
        moved = first.plus(second)
        if max(float(np.abs(moved.own).max()), float(np.abs(moved.pair).max())) > 1:
            return self.value(at.point + step) - self.value(at.point)
        return self.relaxation.change(at.softmax, moved)

    def _bilinear(self, point: Matrix, direction: Matrix) -> CellGram:
        """Return the change of (own, pair) along a change of X; at X itself twice the matrix."""
        rows, moves = point / self._root, direction / self._root
        half = rows[:, : self.width] @ moves[:, : self.width].T
        pair = half + half.T
        own = np.diagonal(pair).copy()
        if self.columns > self.width:
            spread = 2 * rows[:, self.width] * moves[:, self.width]
            own += spread
            pair[np.diag_indices_from(pair)] -= np.where(self._several, spread / self.others, 0.0)
        return CellGram(own, pair)

    def _pull_back(self, coefficients: CellGram, point: Matrix) -> Matrix:
        """Return 2 S X in factored coordinates: coefficients of (own, pair) to those of X."""
        rows = point / self._root
        result = np.empty_like(point)
        vectors = rows[:, : self.width]
        result[:, : self.width] = coefficients.own[:, None] * vectors + coefficients.pair @ vectors
        if self.columns > self.width:
            on_spread = coefficients.own - np.diagonal(coefficients.pair) / self.others
            result[:, self.width] = np.where(self._several, on_spread, 0.0) * rows[:, self.width]
        return np.asarray(2 * result / self._root)


def factored_start(problem: Lifted, gram: CellGram, seed: int = 0) -> Matrix:
    """Return a point near a Gram matrix, slightly perturbed, so that no zero stays one."""
    objective = problem.objective
    assert isinstance(objective, CellObjective)
    rows = objective.point_of(gram)
    scale = _NOISE * np.sqrt(np.mean(rows**2) + 1e-12)
    noise = np.random.default_rng(seed).standard_normal(rows.shape) * scale
    return problem.lift(rows + objective.masked(noise), inside=_NOISE**2)


def solve_factored(
    relaxation: Program,
    start: CellGram,
    *,
    accuracy: float = 1e-13,
    seed: int = 0,
    deadline: float = np.inf,
    scaled: bool = False,
) -> tuple[CellGram, TrustRegionResult]:
    """Minimise from near a Gram matrix; return the Gram matrix reached, and how.

    Parameters
    ----------
    relaxation : Program
        At any level.
    start : CellGram
        Where to begin; negative eigenvalues are dropped and a little noise is added.
    accuracy : float
        Gradient norm to reach, relative to the number of anchors per norm of the embeddings.
    seed : int
        Of the noise.
    deadline : float
        Value of `time.perf_counter()` after which to stop.
    scaled : bool
        Whether to begin with scaled steps (`screlax.solve.scaling`).
    """
    objective = CellObjective(relaxation, width=relaxation.size)
    problem = Lifted(objective, objective.columns)
    point = factored_start(problem, start, seed)
    scale = float(np.linalg.norm(point)) or 1.0
    tolerance, steps = accuracy * objective.anchors / scale, 0
    if scaled:
        point, steps = scaled_descent(problem, point, tolerance, deadline)
    result = minimize(problem, point, gradient_tolerance=tolerance, deadline=deadline)
    result = replace(result, iterations=steps + result.iterations)
    return objective.gram(problem.rows(result.point)), result

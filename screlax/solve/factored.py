"""Burer–Monteiro on the relaxation, for whatever slack the solution has.

With one row z_g = (y_g, u_g √(1 − 1/κ_g)) per cell,

    pair_gh = ⟨y_g, y_h⟩ (g ≠ h),   pair_gg = ‖y_g‖² − u_g²/κ_g,   own_g = ‖z_g‖²,

covers all feasible Gram matrices (δ_g = u_g², zero where κ_g = 1). The unknown is X = N^{1/2} Z,
N the mass. Ridge is free; a sphere fixes the norm of every row, a ball does the same with one slack
coordinate more, a budget fixes the norm of X as a whole. With more columns than the rank there are
no spurious local minima (Behnia and Thrampoulidis 2024, theorem on the landscape; Boumal,
Voroninski and Bandeira 2016 for the general argument): a second-order method finds the optimum.

Conjugate gradients run without a preconditioner. A diagonal one (curvature of the loss plus slack)
took 352 Hessian products instead of 506 on CIFAR-100-LT ridge and 74 instead of 320 on a sphere,
but 9055 instead of 7600 with sizes over six orders of magnitude, and beside singletons on a ball it
stalled a hundred times further from the optimum (gap 1e-13 instead of 1e-15).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from ..gram.levels import CellGram, Matrix, Vector
from ..problem.constraints.norms import Ball, Budget, Sphere
from ..problem.program import Relaxation, RowWeights
from ..proof.blocks import gram_blocks
from .trust_region import TrustRegionResult, minimize


@dataclass(frozen=True, eq=False)
class LocalModel:
    """What gradient and Hessian share at a point.

    Attributes
    ----------
    point : ndarray, shape (m, c)
        X.
    softmax : RowWeights
        Softmax rows at its Gram matrix.
    slack : CellGram
        Gradient by (own, pair).
    euclidean : ndarray, shape (m, c)
        Gradient by X before projection.
    radial : ndarray, shape (m, 1)
        What the constraint subtracts from the Hessian, per row.
    """

    point: Matrix
    softmax: RowWeights
    slack: CellGram
    euclidean: Matrix
    radial: Matrix


class BurerMonteiro:
    """The factored relaxation as a `TrustRegionProblem`.

    Parameters
    ----------
    relaxation : Relaxation
        At any level.
    width : int
        Columns of y.
    """

    def __init__(self, relaxation: Relaxation, width: int) -> None:
        self.relaxation = relaxation
        self.width = width
        self._root = np.sqrt(relaxation.mass)[:, None]
        self._is_ball = isinstance(relaxation.control, Ball)
        self._fixed_rows = isinstance(relaxation.control, Ball | Sphere)
        self._fixed_total = isinstance(relaxation.control, Budget)
        # share of own and of pair_gg that u² has
        self._own_share = 1 - 1 / relaxation.points
        self._ridge = relaxation.ridge_multipliers()

    @property
    def columns(self) -> int:
        """Columns of X: y, the spread u, and the slack of a ball."""
        return self.width + 1 + self._is_ball

    def start(self, gram: CellGram, generator: np.random.Generator) -> Matrix:
        """Return a point near a Gram matrix (negative eigenvalues dropped), slightly perturbed."""
        relaxation = self.relaxation
        blocks = gram_blocks(relaxation, gram)
        values, vectors = linalg.eigh(blocks.shared)
        factor = vectors[:, ::-1] * np.sqrt(np.maximum(values[::-1], 0.0))
        point = np.zeros((relaxation.size, self.columns))
        kept = min(self.width, factor.shape[1])
        point[:, :kept] = factor[:, :kept]
        spread = np.sqrt(np.maximum(np.where(relaxation.points > 1, gram.spread, 0.0), 0.0))
        point[:, self.width] = self._root[:, 0] * spread * np.sqrt(self._own_share)
        scale = 1e-2 * np.sqrt(np.mean(point**2) + 1e-12)
        noise = generator.standard_normal(point.shape) * scale
        noise[relaxation.points == 1, self.width] = 0.0
        return self._onto_manifold(point + noise)

    def gram(self, point: Matrix) -> CellGram:
        """Return the Gram matrix G/τ of a point."""
        vectors, spread, norms = self._parts(point)
        pair = vectors @ vectors.T
        pair[np.diag_indices_from(pair)] -= spread / self.relaxation.points
        return CellGram(norms, pair)

    def value(self, point: Matrix) -> float:
        """Objective; see `TrustRegionProblem`."""
        return self.relaxation.value(self.gram(point))

    def change(self, model: LocalModel, candidate: Matrix) -> float:
        """Return the change of the objective from the model's point to another point."""
        step = candidate - model.point
        first = self._push_forward(model.point, step)
        second = self._push_forward(step, step)
        moved = CellGram(first.own + second.own / 2, first.pair + second.pair / 2)
        if max(float(np.abs(moved.own).max()), float(np.abs(moved.pair).max())) > 1:
            return self.value(candidate) - self.value(model.point)
        return self.relaxation.change(model.softmax, moved)

    def noise(self, model: LocalModel) -> float:
        """Return the change of the objective by rounding the norms that the control fixes."""
        fixed = np.abs(model.radial) * _row_dot(model.point, model.point)
        return 16 * float(np.finfo(float).eps) * float(fixed.sum())

    def local_model(self, point: Matrix) -> LocalModel:
        """Evaluate softmax, slack and gradient at a point."""
        softmax = self.relaxation.softmax(self.gram(point))
        slack = self.relaxation.slack(softmax, self._ridge)
        euclidean = self._pull_back(slack, point)
        radial = np.zeros((len(point), 1))
        if self._fixed_rows:
            radial = _row_dot(euclidean, point) / _row_dot(point, point)
        elif self._fixed_total:
            radial += np.vdot(euclidean, point) / np.vdot(point, point)
        return LocalModel(point, softmax, slack, euclidean, radial)

    def _on_spread(self, coefficients: CellGram) -> Vector:
        """Return the coefficient of u² from those of (own, pair), zero where there is no u."""
        others = np.maximum(self.relaxation.points - 1, 1)
        on_spread = coefficients.own - np.diagonal(coefficients.pair) / others
        return np.where(self.relaxation.points > 1, on_spread, 0.0)

    def gradient(self, model: LocalModel) -> Matrix:
        """Riemannian gradient."""
        return model.euclidean - model.radial * model.point

    def hessian(self, model: LocalModel, direction: Matrix) -> Matrix:
        """Riemannian Hessian applied to a tangent direction."""
        change = self._push_forward(model.point, direction)
        curved = self.relaxation.curvature(model.softmax, change)
        product = self._pull_back(curved, model.point) + self._pull_back(model.slack, direction)
        return self._project(model.point, product - model.radial * direction)

    def retract(self, point: Matrix, step: Matrix) -> Matrix:
        """Add and rescale to the constraint."""
        return self._onto_manifold(point + step)

    def _parts(self, point: Matrix) -> tuple[Matrix, Vector, Vector]:
        """Return y, u² and own of a point."""
        rows = point / self._root
        vectors, last = rows[:, : self.width], rows[:, self.width]
        share = self._own_share
        spread = np.divide(last**2, share, out=np.zeros_like(last), where=share > 0)
        return vectors, spread, (vectors**2).sum(axis=1) + last**2

    def _push_forward(self, point: Matrix, direction: Matrix) -> CellGram:
        """Return the change of (own, pair) along a change of X."""
        rows, moves = point / self._root, direction / self._root
        vectors, ways = rows[:, : self.width], moves[:, : self.width]
        last = 2 * rows[:, self.width] * moves[:, self.width]
        pair = vectors @ ways.T
        pair = pair + pair.T
        own = np.diagonal(pair) + last
        several = self.relaxation.points > 1
        pair[np.diag_indices_from(pair)] -= np.where(
            several, last / np.maximum(self.relaxation.points - 1, 1), 0.0
        )
        return CellGram(own, pair)

    def _pull_back(self, coefficients: CellGram, point: Matrix) -> Matrix:
        """Return 2 S X in factored coordinates: coefficients of (own, pair) to those of X."""
        rows = point / self._root
        result = np.zeros_like(point)
        vectors = rows[:, : self.width]
        result[:, : self.width] = 2 * (
            coefficients.own[:, None] * vectors + coefficients.pair @ vectors
        )
        result[:, self.width] = 2 * self._on_spread(coefficients) * rows[:, self.width]
        return result / self._root

    def _project(self, point: Matrix, direction: Matrix) -> Matrix:
        if self._fixed_rows:
            return direction - point * (_row_dot(direction, point) / _row_dot(point, point))
        if self._fixed_total:
            return direction - point * (np.vdot(direction, point) / np.vdot(point, point))
        return direction

    def _onto_manifold(self, point: Matrix) -> Matrix:
        control, relaxation = self.relaxation.control, self.relaxation
        if self._fixed_rows:
            wanted = relaxation.mass[:, None] * control.parameter
            return np.asarray(point * np.sqrt(wanted / _row_dot(point, point)))
        if self._fixed_total:
            total = relaxation.samples * control.parameter
            return np.asarray(point * np.sqrt(total / np.vdot(point, point)))
        return point


def _row_dot(first: Matrix, second: Matrix) -> Matrix:
    return np.asarray((first * second).sum(axis=1, keepdims=True))


def solve_burer_monteiro(
    relaxation: Relaxation,
    start: CellGram,
    *,
    accuracy: float = 1e-13,
    seed: int = 0,
    deadline: float = np.inf,
) -> tuple[CellGram, TrustRegionResult]:
    """Minimise from near a Gram matrix; return the Gram matrix reached, and how.

    Parameters
    ----------
    relaxation : Relaxation
        At any level.
    start : CellGram
        Where to begin; negative eigenvalues are dropped and a little noise is added.
    accuracy : float
        Gradient norm to reach, relative to the number of anchors per norm of the embeddings.
    seed : int
        Of the noise.
    deadline : float
        Value of `time.perf_counter()` after which to stop.
    """
    problem = BurerMonteiro(relaxation, width=relaxation.size)
    point = problem.start(start, np.random.default_rng(seed))
    scale = float(np.linalg.norm(point)) or 1.0
    result = minimize(
        problem,
        point,
        gradient_tolerance=accuracy * relaxation.anchors.sum() / scale,
        deadline=deadline,
    )
    return problem.gram(result.point), result

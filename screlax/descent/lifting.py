"""The control as a sphere: one slack coordinate turns every norm bound into an equation.

    ridge    X free
    sphere   every row of X has norm² n_c ρ/τ
    ball     the same, with one more coordinate that is dropped: ‖h‖² ≤ ρ
    budget   X as a whole has norm² nρ/τ, with one more number that is dropped: mean ‖h‖² ≤ ρ

A point on the boundary has slack zero, which descent reaches smoothly: objective and constraint
depend on the square of the slack, and the curvature along it is twice the multiplier of the bound
(Nocedal and Wright, Numerical Optimization, section 15.3, squared slacks; the spheres with their
gradient, Hessian and retraction as in Absil, Mahony and Sepulchre, Optimization Algorithms on
Matrix Manifolds, chapters 3 to 5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..gram.levels import Matrix, Vector
from ..problem.constraints.norms import Ball, Budget, Control, Sphere
from .objective import Objective


@dataclass(frozen=True, eq=False)
class LiftedPoint:
    """What gradient and Hessian share at a point.

    Attributes
    ----------
    point : ndarray, shape (p, columns)
        X with its slack.
    objective : Any
        The objective's own expansion, see `Objective.expand`.
    euclidean : ndarray, shape (p, columns)
        Gradient before projection.
    radial : ndarray, shape (p, 1)
        Multiplier of ‖x‖²/2 in the Lagrangian, per row; zero for ridge.
    """

    point: Matrix
    objective: Any
    euclidean: Matrix
    radial: Matrix


class Lifted:
    """Objective and control as a `TrustRegionProblem` on a product of spheres.

    Parameters
    ----------
    objective : Objective
    dim : int
        Embedding dimension.
    """

    def __init__(self, objective: Objective, dim: int) -> None:
        self.objective, self.dim = objective, dim
        self.control: Control = objective.control
        self.mass: Vector = objective.mass
        self.has_slack = isinstance(self.control, Ball | Budget)
        self._fixed_rows = isinstance(self.control, Ball | Sphere)
        self._fixed_total = isinstance(self.control, Budget)
        self.shape = (len(self.mass), dim + self.has_slack)

    def lift(self, rows: Matrix, inside: float = 0.0) -> Matrix:
        """Return the point of embeddings X, shape (p, dim), brought within the control.

        Rows outside a ball and all rows on a sphere are rescaled, and so is everything beyond a
        budget.

        Parameters
        ----------
        rows : ndarray, shape (p, dim)
        inside : float
            Share of the norm bound that the slack gets at least: at zero it would never change.
        """
        point = np.zeros(self.shape)
        point[:, : self.dim] = rows
        if self.has_slack:
            bound, norms = self._bounds(), self._squares(rows)
            slack = np.sqrt(np.maximum(bound - norms, inside * bound))
            point[: len(slack), self.dim] = slack[:, 0]
        return self.onto(point)

    def lower_to_rows(self, point: Matrix) -> Matrix:
        """Return X, shape (p, dim), without the slack."""
        return point[:, : self.dim]

    def random(self, generator: np.random.Generator) -> Matrix:
        """Return a point uniform on the spheres; for ridge normal, of mean ‖h‖² = τ."""
        point = generator.standard_normal(self.shape)
        if self.has_slack and self._fixed_total:
            point[1:, self.dim] = 0.0
        if not (self._fixed_rows or self._fixed_total):
            point *= np.sqrt(self.mass[:, None] / self.dim)
        elif self._fixed_total:
            point[:, : self.dim] *= np.sqrt(self.mass[:, None])
        return self.onto(point)

    def onto(self, point: Matrix) -> Matrix:
        """Rescale to the spheres."""
        if self._fixed_rows or self._fixed_total:
            return np.asarray(point * np.sqrt(self._bounds() / self._squares(point)))
        return point

    def through_scaling(self, raw: Matrix, gradient: Matrix) -> Matrix:
        """Return the gradient by an unscaled point from that, tangent, at the rescaled point."""
        if self._fixed_rows or self._fixed_total:
            return np.asarray(gradient * np.sqrt(self._bounds() / self._squares(raw)))
        return gradient

    def project(self, point: Matrix, direction: Matrix) -> Matrix:
        """Return the tangent part of a direction, without unused slack."""
        if self._fixed_total:
            direction = direction.copy()
            direction[1:, self.dim] = 0.0
            return direction - point * (np.vdot(direction, point) / np.vdot(point, point))
        if self._fixed_rows:
            along = np.einsum("ij,ij->i", direction, point)[:, None] / self._squares(point)
            return np.asarray(direction - point * along)
        return direction

    def value(self, point: Matrix) -> float:
        """Return the objective at a point."""
        return self.objective.value(self.lower_to_rows(point))

    def value_and_gradient(self, point: Matrix) -> tuple[float, Matrix]:
        """Return the objective and its Riemannian gradient."""
        value, gradient = self.objective.value_and_gradient(self.lower_to_rows(point))
        return value, self.project(point, self._padded(gradient))

    def local_model(self, point: Matrix) -> LiftedPoint:
        """See `TrustRegionProblem`."""
        expansion = self.objective.expand(self.lower_to_rows(point))
        euclidean = self._padded(self.objective.gradient(expansion))
        radial = np.zeros((len(point), 1))
        if self._fixed_rows:
            radial = np.einsum("ij,ij->i", euclidean, point)[:, None] / self._squares(point)
        elif self._fixed_total:
            radial += np.vdot(euclidean, point) / np.vdot(point, point)
        return LiftedPoint(point, expansion, euclidean, radial)

    def gradient(self, model: LiftedPoint) -> Matrix:
        """Riemannian gradient."""
        return model.euclidean - model.radial * model.point

    def hessian(self, model: LiftedPoint, direction: Matrix) -> Matrix:
        """Riemannian Hessian: that of the Lagrangian on the tangent space."""
        product = self.objective.hessian(model.objective, self.lower_to_rows(direction))
        return self.project(model.point, self._padded(product) - model.radial * direction)

    def retract(self, point: Matrix, step: Matrix) -> Matrix:
        """Add and rescale to the spheres."""
        return self.onto(point + step)

    def change(self, model: LiftedPoint, candidate: Matrix) -> float:
        """See `TrustRegionProblem`."""
        step = self.lower_to_rows(candidate) - self.lower_to_rows(model.point)
        return self.objective.change(model.objective, step)

    def noise(self, model: LiftedPoint) -> float:
        """Return the change of the objective by rounding the norms that the control fixes."""
        fixed = np.abs(model.radial) * self._row_squares(model.point)
        return 16 * float(np.finfo(float).eps) * float(fixed.sum())

    def _bounds(self) -> Matrix:
        """Squared norms that the control prescribes, shape (p, 1) or (1, 1)."""
        if self._fixed_total:
            return np.array([[self.mass.sum() * self.control.parameter]])
        return np.asarray(self.mass[:, None] * self.control.parameter)

    def _squares(self, point: Matrix) -> Matrix:
        """Squared norms that the control speaks of, shape (p, 1) or (1, 1)."""
        squares = self._row_squares(point)
        return squares.sum(keepdims=True) if self._fixed_total else squares

    @staticmethod
    def _row_squares(point: Matrix) -> Matrix:
        return np.asarray(np.einsum("ij,ij->i", point, point)[:, None])

    def _padded(self, rows: Matrix) -> Matrix:
        """Append a zero derivative by the slack, which the objective does not know."""
        if not self.has_slack:
            return rows
        return np.hstack([rows, np.zeros((len(rows), 1))])

"""The factored problem: an objective of X, G = XXᵀ in the scale of `mass`, on its manifold.

Points are X = (N/τ)^{1/2} H, N the samples that each row stands for: then the temperature is one,
(λ/2)‖H‖² becomes (λτ/2)‖X‖², and rows of large and small classes curve the objective alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..gram.cells import Cells
from ..problem.constraints.norm_control import NormControl
from ..types import Matrix, Vector


class FactoredObjective(Protocol):
    """Sum of the loss over anchors plus the penalty, as a function of X, shape (p, columns)."""

    cells: Cells
    """What each row stands for."""
    mass: Vector
    """How many samples each row stands for, shape (p,)."""
    control: NormControl
    """The control at unit temperature."""
    anchors: float
    """Number of terms of the loss."""
    infimum: float
    """What it is never below, −inf if nothing is known."""

    def value(self, point: Matrix) -> float:
        """Return the objective, with its digits also where it is nearly zero."""

    def value_and_gradient(self, point: Matrix) -> tuple[float, Matrix]:
        """Return objective and gradient, as fast as possible."""

    def expand(self, point: Matrix) -> Any:
        """Everything that `gradient`, `hessian` and `change` share at a point."""

    def gradient(self, at: Any) -> Matrix:
        """Return the gradient."""

    def hessian(self, at: Any, direction: Matrix) -> Matrix:
        """Return the Hessian applied to a direction."""

    def change(self, at: Any, step: Matrix) -> float:
        """Return objective(X + step) − objective(X), accurate however small."""


@dataclass(frozen=True, eq=False)
class LiftedPoint:
    """What gradient and Hessian share at a point.

    Attributes
    ----------
    point : ndarray, shape (p, columns)
        X with its slack.
    objective : Any
        The objective's own expansion, see `FactoredObjective.expand`.
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
    """Objective and control as a `TrustRegionProblem` on a manifold.

    Parameters
    ----------
    objective : FactoredObjective
    columns : int
        Columns of X, without slack.
    """

    def __init__(self, objective: FactoredObjective, columns: int) -> None:
        self.objective, self.columns = objective, columns
        self.control, self.mass = objective.control, objective.mass
        self.manifold = self.control.manifold(objective.cells)
        self.shape = (len(self.mass), columns + self.manifold.has_slack)

    def lift(self, rows: Matrix, inside: float = 0.0) -> Matrix:
        """Return the point of embeddings X, shape (p, columns), brought within the control.

        Rows outside a ball and all rows on a sphere are rescaled, and so is everything beyond a
        budget; `inside` is the share of the bound that the slack gets at least.
        """
        return self.manifold.with_slack(rows, inside)

    def rows(self, point: Matrix) -> Matrix:
        """Return X, shape (p, columns), without the slack."""
        return point[:, : self.columns]

    def random(self, generator: np.random.Generator) -> Matrix:
        """Return a point uniform on the spheres; for ridge normal, of mean ‖h‖² = τ."""
        return self.manifold.random(generator, self.columns, self.mass)

    def onto(self, point: Matrix) -> Matrix:
        """Rescale to the control."""
        return self.manifold.onto(point)

    def through_scaling(self, raw: Matrix, gradient: Matrix) -> Matrix:
        """Return the gradient by an unscaled point from that, tangent, at the rescaled point."""
        return self.manifold.through_scaling(raw, gradient)

    def project(self, point: Matrix, direction: Matrix) -> Matrix:
        """Return the tangent part of a direction, without unused slack."""
        return self.manifold.project(point, direction)

    def value(self, point: Matrix) -> float:
        """Return the objective at a point."""
        return self.objective.value(self.rows(point))

    def value_and_gradient(self, point: Matrix) -> tuple[float, Matrix]:
        """Return the objective and its Riemannian gradient."""
        value, gradient = self.objective.value_and_gradient(self.rows(point))
        return value, self.project(point, self._padded(gradient))

    def local_model(self, point: Matrix) -> LiftedPoint:
        """See `TrustRegionProblem`."""
        expansion = self.objective.expand(self.rows(point))
        euclidean = self._padded(self.objective.gradient(expansion))
        return LiftedPoint(point, expansion, euclidean, self.manifold.radial(point, euclidean))

    def gradient(self, model: LiftedPoint) -> Matrix:
        """Riemannian gradient."""
        return model.euclidean - model.radial * model.point

    def hessian(self, model: LiftedPoint, direction: Matrix) -> Matrix:
        """Riemannian Hessian: that of the Lagrangian on the tangent space."""
        product = self.objective.hessian(model.objective, self.rows(direction))
        return self.project(model.point, self._padded(product) - model.radial * direction)

    def retract(self, point: Matrix, step: Matrix) -> Matrix:
        """Add and rescale to the control."""
        return self.onto(point + step)

    def change(self, model: LiftedPoint, candidate: Matrix) -> float:
        """See `TrustRegionProblem`."""
        step = self.rows(candidate) - self.rows(model.point)
        return self.objective.change(model.objective, step)

    def noise(self, model: LiftedPoint) -> float:
        """Return the change of the objective by rounding the norms that the control fixes."""
        return self.manifold.rounding(model.point, model.radial)

    def _padded(self, rows: Matrix) -> Matrix:
        """Append a zero derivative by the slack, which the objective does not know."""
        if not self.manifold.has_slack:
            return rows
        return np.hstack([rows, np.zeros((len(rows), 1))])

"""Cross-entropy with features and classifier of fixed norms: descent on a product of spheres.

Row g of X holds √κ_g times the mean feature of orbit g and, in the last column, the size of the
differences within it; row m + g the same of the classifier. Every row has its own norm. What is
minimised is log loss: the loss itself falls like e^{−s}, and with it the curvature.
Source: Burer and Monteiro 2003; manifolds as in `screlax.gram.manifold`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import SolverCapabilityError
from ...gram.logits import CellMatrix, LogitGram
from ...gram.manifold import Manifold
from ...gram.rounding import UNIT
from ...problem.logits import LogitProgram
from ...types import Matrix, Vector

_LEAST = 1e-240
"""Loss below which its derivatives are rounded to zero."""


@dataclass(frozen=True, eq=False)
class SpherePoint:
    """A point, its logits, and loss, softmax rows and multipliers there."""

    point: Matrix
    gram: LogitGram
    loss: float
    rows: CellMatrix
    slack: CellMatrix
    gradient: Matrix
    radial: Matrix


class SphereProblem:
    """The problem above, in rows multiplied by √`mass`, which evens out curvature.

    Parameters
    ----------
    program : LogitProgram
        With fixed norms.
    mass : ndarray, shape (2m,)
    """

    def __init__(self, program: LogitProgram, mass: Vector) -> None:
        self.program, self.root = program, np.sqrt(mass)[:, None]
        copies = np.tile(program.copies, 2)
        self.manifold = Manifold((mass * copies * program.norm.amount)[:, None])
        self.others = np.maximum(program.copies - 1, 1)
        self.ones = np.ones(program.size)

    def logits(self, first: Matrix, second: Matrix) -> CellMatrix:
        """Return the logits of features in one matrix and the classifier in another."""
        m = self.program.size
        features, classifier = (first / self.root)[:m], (second / self.root)[m:]
        split = features[:, -1] * classifier[:, -1] / self.others
        shared = features[:, :-1] @ classifier[:, :-1].T
        return CellMatrix.from_shared(shared, split, self.program.copies)

    def pulled_back(self, slack: CellMatrix, point: Matrix) -> Matrix:
        """Return the derivative by X of logits that count with these coefficients."""
        m, rows = self.program.size, point / self.root
        shared = slack.shared(self.ones, self.ones, self.program.copies)
        split = np.where(self.program.copies > 1, slack.spread, 0.0)
        found = np.empty_like(point)
        found[:m, :-1], found[m:, :-1] = shared @ rows[m:, :-1], shared.T @ rows[:m, :-1]
        found[:m, -1], found[m:, -1] = split * rows[m:, -1], split * rows[:m, -1]
        return np.asarray(found / self.root)

    def local_model(self, point: Matrix) -> SpherePoint:
        """See `TrustRegionProblem`."""
        gram = self.program.gram(self.logits(point, point))
        loss, rows = self.program.loss(gram), self.program.rows(gram)
        if not loss > _LEAST:
            raise SolverCapabilityError(
                f"with norms fixed at s/τ = {self.program.norm.amount:g} the loss is below "
                f"{_LEAST:g}, where double precision loses its derivatives; take a smaller scale"
            )
        slack = self.program.slack(rows)
        gradient = self.pulled_back(slack, point) / loss
        radial = self.manifold.radial(point, gradient)
        return SpherePoint(point, gram, loss, rows, slack, gradient, radial)

    def change(self, model: SpherePoint, candidate: Matrix) -> float:
        """See `TrustRegionProblem`."""
        loss = self.program.loss(self.program.gram(self.logits(candidate, candidate)))
        return float(np.log(loss) - np.log(model.loss)) if loss > 0 else -np.inf

    def noise(self, model: SpherePoint) -> float:
        """See `TrustRegionProblem`."""
        return 64 * UNIT * (1 + self.program.norm.amount)

    def gradient(self, model: SpherePoint) -> Matrix:
        """See `TrustRegionProblem`."""
        tangent = model.gradient - model.radial * model.point
        return self.manifold.project(model.point, tangent)  # again: near zero the rest is rounding

    def hessian(self, model: SpherePoint, direction: Matrix) -> Matrix:
        """See `TrustRegionProblem`."""
        direction = self.manifold.project(model.point, direction)
        first, second = self.logits(direction, model.point), self.logits(model.point, direction)
        moved = CellMatrix(first.own + second.own, first.pair + second.pair)
        curved = self.program.curvature(model.rows, moved)
        found = self.pulled_back(curved, model.point) + self.pulled_back(model.slack, direction)
        found /= model.loss
        found -= float(np.vdot(model.gradient, direction)) * model.gradient
        return self.manifold.project(model.point, found - model.radial * direction)

    def retract(self, point: Matrix, step: Matrix) -> Matrix:
        """See `TrustRegionProblem`."""
        return self.manifold.onto(point + step)

    def masses(self, model: SpherePoint) -> Vector:
        """Return the multipliers of ‖h‖²/2 and ‖w‖²/2 over the loss, shape (2m,)."""
        return np.asarray(-model.radial[:, 0] * self.root[:, 0] ** 2)

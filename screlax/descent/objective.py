"""The objective of one embedding per class, with exact gradient and Hessian.

Points are X = (N/τ)^{1/2} H, N the samples that each row stands for: then the temperature is one,
(λ/2)‖H‖² becomes (λτ/2)‖X‖², and rows of large and small classes curve the objective alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..gram.levels import CellGram, Level, Matrix, Vector
from ..problem.constraints.norms import Control
from ..problem.program import RowWeights, build_relaxation
from ..problem.ufm import UFM


class Objective(Protocol):
    """Sum of the loss over anchors plus the ridge penalty, as a function of X, shape (p, dim)."""

    mass: Vector
    """How many samples each row stands for, shape (p,)."""
    control: Control
    """The control at unit temperature."""
    anchors: int
    """Number of terms of the loss."""

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
class ClassPoint:
    """Softmax rows and dual slack at the Gram matrix of a point."""

    point: Matrix
    softmax: RowWeights
    slack: CellGram


class ClassObjective:
    """One embedding per class: the samples of a class coincide, which loses nothing at the optimum.

        Σ_c n_c [ log( (n_c−1) e^{M_cc/τ} + Σ_{b≠c} n_b e^{M_cb/τ} ) − M_cc/τ ],   M = HHᵀ

    over classes of two or more samples, in O(k² dim); gradient and Hessian by the chain rule
    from those of the relaxation at level "classes".

    Parameters
    ----------
    problem : UFM
    """

    def __init__(self, problem: UFM) -> None:
        self.relaxation = build_relaxation(problem, Level.CLASSES)
        self.mass, self.control = self.relaxation.mass, self.relaxation.control
        self.anchors = problem.anchors
        self._root = np.sqrt(self.mass)[:, None]
        self._ridge = self.relaxation.ridge_multipliers()

    def _gram(self, point: Matrix) -> CellGram:
        rows = point / self._root
        return CellGram.from_matrix(rows @ rows.T)

    def value(self, point: Matrix) -> float:
        """See `Objective`."""
        return self.relaxation.value(self._gram(point))

    def value_and_gradient(self, point: Matrix) -> tuple[float, Matrix]:
        """See `Objective`."""
        gram = self._gram(point)
        slack = self.relaxation.slack(self.relaxation.softmax(gram), self._ridge)
        return self.relaxation.value(gram), self._pull_back(slack, point)

    def expand(self, point: Matrix) -> ClassPoint:
        """See `Objective`."""
        softmax = self.relaxation.softmax(self._gram(point))
        return ClassPoint(point, softmax, self.relaxation.slack(softmax, self._ridge))

    def gradient(self, at: ClassPoint) -> Matrix:
        """See `Objective`."""
        return self._pull_back(at.slack, at.point)

    def hessian(self, at: ClassPoint, direction: Matrix) -> Matrix:
        """See `Objective`."""
        curved = self.relaxation.curvature(at.softmax, self._change_of_gram(at.point, direction))
        return self._pull_back(curved, at.point) + self._pull_back(at.slack, direction)

    def change(self, at: ClassPoint, step: Matrix) -> float:
        """See `Objective`."""
        first, second = self._change_of_gram(at.point, step), self._gram(step)
        moved = CellGram(first.own + second.own, first.pair + second.pair)
        if np.abs(moved.pair).max() > 1:
            return self.value(at.point + step) - self.value(at.point)
        return self.relaxation.change(at.softmax, moved)

    def _change_of_gram(self, point: Matrix, direction: Matrix) -> CellGram:
        half = (point / self._root) @ (direction / self._root).T
        return CellGram.from_matrix(half + half.T)

    def _pull_back(self, coefficients: CellGram, point: Matrix) -> Matrix:
        """Return 2 N^{-1/2} S N^{-1/2} X from the coefficients S of (own, pair)."""
        rows = point / self._root
        moved = coefficients.own[:, None] * rows + coefficients.pair @ rows
        return np.asarray(2 * moved / self._root)

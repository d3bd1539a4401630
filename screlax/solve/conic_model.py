"""The relaxation in cvxpy: the loss in its conic form, the control's bounds, one PSD block."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from ..gram.cells import CellGram
from ..problem.program import Program
from ..proof.dual import DualPoint
from ..types import Matrix, Vector
from .conic_solvers import FIRST_ORDER
from .cvxpy_run import CvxpyModel


class ConicModel(CvxpyModel):
    """The cvxpy problem of a relaxation, and the way back from its variables.

    Parameters
    ----------
    relaxation : Program
        The program to pose.
    temperature : float, default 1.0
        τ: the variable is G, the relaxation speaks of G/τ.
    summed : bool, default False
        Whether the objective is the sum over anchors; solvers prefer the mean.

    Attributes
    ----------
    gram : cvxpy.Variable, shape (m, m)
        Inner products, in the units of G.
    problem : cvxpy.Problem
    """

    form = "primal"

    def __init__(
        self, relaxation: Program, temperature: float = 1.0, *, summed: bool = False
    ) -> None:
        import cvxpy

        self.relaxation, self._temperature = relaxation, temperature
        anchors = relaxation.loss.anchor_count
        self._anchors = 1.0 if summed else anchors
        self._several = np.flatnonzero(relaxation.cells.points > 1)
        self.gram = cvxpy.Variable((relaxation.size, relaxation.size), symmetric=True, name="gram")
        self._spread: Any = None
        if self._several.size:
            self._spread = cvxpy.Variable(len(self._several), nonneg=True, name="spread")
        flat = cvxpy.vec(self.gram, order="C")  # cvxpy.diag takes a 1×1 matrix for a vector
        diagonal = flat[np.arange(relaxation.size) * (relaxation.size + 1)]
        own = (diagonal + self._spread_per_cell(self._spread)) / temperature
        self._norm_bounds = relaxation.control.conic(own, relaxation.cells)
        self._loss = relaxation.loss.conic(own, self.gram / temperature)
        objective = self._loss.objective
        penalty = relaxation.penalty / anchors
        if penalty.any():
            objective = objective + penalty @ own
        self._entries = self._nonnegative_entries(flat)
        self._linear = self._convex = []
        if relaxation.linear is not None:
            self._linear = relaxation.linear.conic(own, self.gram / temperature)
        if relaxation.convex is not None:
            self._convex = relaxation.convex.conic(self.gram / temperature)
        self.problem = cvxpy.Problem(
            cvxpy.Minimize(objective * (anchors / self._anchors)),
            [
                *self._loss.constraints,
                self._semidefinite(cvxpy),
                *self._norm_bounds,
                *self._entries,
                *self._linear,
                *self._convex,
            ],
        )

    def accuracy(self, solver: str, tol: float) -> float:
        """Return what to ask of a solver; the last digits of an interior-point one cost little."""
        wanted = tol / 100 if solver in FIRST_ORDER else 1e-4 * min(tol, 1e-6)
        return max(wanted, 1e-12)

    @property
    def spread(self) -> tuple[Any, Any]:
        """What the norms of cells of several points have on top, and which cells these are."""
        return self._spread, self._several

    def found(self) -> CellGram | None:
        """Return the Gram matrix G/τ the solver ended at, or None where it left no numbers."""
        pair = self.gram.value
        spread = self._spread.value if self._several.size else np.zeros(0)
        if pair is None or spread is None:
            return None
        own = np.diagonal(pair) + self._spread_per_cell(spread)
        gram = CellGram(np.asarray(own, dtype=float), np.asarray(pair, dtype=float))
        return gram.scaled(1 / self._temperature)

    def dual(self) -> DualPoint | None:
        """Return the solver's dual variables, or None where there are none."""
        rows, entries = self._loss.rows(), self._entry_multipliers()
        linear = self._linear_multipliers()
        if rows is None and entries is None and linear is None:
            return None
        return DualPoint(rows, self._multipliers(), entries, linear)

    def _multipliers(self) -> Vector | None:
        """Return the weight of each own_g in the solver's Lagrangian, on the scale of the sum."""
        values = [constraint.dual_value for constraint in self._norm_bounds]
        multipliers = self.relaxation.control.conic_multipliers(values, self.relaxation.cells)
        return None if multipliers is None else multipliers * self._anchors

    def _linear_multipliers(self) -> Vector | None:
        """Return the multipliers of linear constraints, on the scale of the sum."""
        if self.relaxation.linear is None:
            return None
        found = self.relaxation.linear.conic_multipliers(self._linear)
        return None if found is None else found * self._anchors

    def _nonnegative_entries(self, flat: Any) -> list[Any]:
        """Return the bound of the inner products of different points, if there is one."""
        size, alone = self.relaxation.size, self.relaxation.cells.points == 1
        if not self.relaxation.is_nonnegative:
            return []
        row, column = np.triu_indices(size)
        different = (row != column) | ~alone[row]
        self._bounded = row[different], column[different]
        return [flat[self._bounded[0] * size + self._bounded[1]] >= 0]

    def _entry_multipliers(self) -> Matrix | None:
        """Return the multipliers of that bound as coefficients of `pair`, on the sum's scale."""
        if not self._entries or self._entries[0].dual_value is None:
            return None
        found = np.zeros((self.relaxation.size,) * 2)
        found[self._bounded] = self._entries[0].dual_value
        return (found + found.T) / 2 * (self._anchors * self._temperature)

    def _spread_per_cell(self, spread: Any) -> Any:
        size, several = self.relaxation.size, self._several
        if not several.size:
            return np.zeros(size)
        ones = np.ones(len(several))
        place = sparse.csr_array((ones, (several, range(len(several)))), (size, len(several)))
        return place @ spread

    def _semidefinite(self, cvxpy: Any) -> Any:
        if not self._several.size:
            return self.gram >> 0
        root = np.sqrt(self.relaxation.cells.points)
        blocks = cvxpy.multiply(np.outer(root, root), self.gram)
        return blocks + cvxpy.diag(self._spread_per_cell(self._spread)) >> 0

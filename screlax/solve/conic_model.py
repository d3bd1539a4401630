"""The relaxation as a conic program in cvxpy: one PSD block, one exponential cone per entry.

With anchors scaled to sum to one and the temperature folded in, and e running over the entries of
the rows of the loss (their logarithmic weight added),

    minimise   Σ_g (ω_g/Σω) (t_g − targets_g) + penalty
    subject to exp(entry_e − t_row(e)) ≤ z_e,   Σ_{e in row g} z_e ≤ 1,   Gram blocks ⪰ 0.

The multipliers of the entries are the softmax rows P, up to ω_g.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..gram.levels import CellGram, Matrix, Vector
from ..problem.program import Relaxation, RowWeights
from ..proof.dual import DualPoint


@dataclass(frozen=True, eq=False)
class Entries:
    """The exponentials of the loss, listed: row, column, log weight; own entries come first."""

    row: NDArray[np.int64]
    column: NDArray[np.int64]
    log_weight: Vector
    own_count: int

    @classmethod
    def of(cls, relaxation: Relaxation) -> Entries:
        """List the entries with a positive weight in rows that have anchors."""
        anchored = relaxation.anchors > 0
        own = np.flatnonzero(anchored & (relaxation.weight.own > 0))
        row, column = np.nonzero(relaxation.weight.pair * anchored[:, None] > 0)
        weight = np.concatenate([relaxation.weight.own[own], relaxation.weight.pair[row, column]])
        return cls(
            np.concatenate([own, row]), np.concatenate([own, column]), np.log(weight), len(own)
        )

    def rows_from(self, size: int, values: Vector) -> RowWeights:
        """Put one value per entry back into rows."""
        own, pair = np.zeros(size), np.zeros((size, size))
        split = self.own_count
        own[self.row[:split]] = values[:split]
        pair[self.row[split:], self.column[split:]] = values[split:]
        return RowWeights(own, pair)


class ConicModel:
    """The cvxpy problem of a relaxation, and the way back from its variables.

    Parameters
    ----------
    relaxation : Relaxation
        The program to pose.
    """

    def __init__(self, relaxation: Relaxation) -> None:
        import cvxpy

        self.relaxation = relaxation
        self.entries = Entries.of(relaxation)
        self._several = np.flatnonzero(relaxation.points > 1)
        self._root = np.sqrt(relaxation.points)
        self._pair = cvxpy.Variable((relaxation.size, relaxation.size), symmetric=True)
        self._spread: Any = None
        if self._several.size:
            self._spread = cvxpy.Variable(len(self._several), nonneg=True)
        flat = cvxpy.vec(self._pair, order="C")  # cvxpy.diag takes a 1×1 matrix for a vector
        diagonal = flat[np.arange(relaxation.size) * (relaxation.size + 1)]
        self._own = diagonal + self._spread_per_cell(self._spread)
        self._norm_bounds = relaxation.control.conic(self._own, relaxation.mass)
        cones = self._loss_cones(cvxpy)
        self.problem = cvxpy.Problem(
            cvxpy.Minimize(self._objective(cvxpy)),
            [*cones, self._semidefinite(cvxpy), *self._norm_bounds],
        )

    def solve(
        self, solver: str, verbose: bool, arguments: dict[str, Any]
    ) -> tuple[str, int | None]:
        """Run a solver; return its status and number of iterations.

        The steps of `cvxpy.Problem.solve` without its warning that the solution may be inaccurate,
        which the certificate supersedes: warning filters belong to all threads of the process.
        """
        import cvxpy

        data, chain, inverse = self.problem.get_problem_data(
            solver, verbose=verbose, solver_opts=arguments
        )
        found = chain.solve_via_data(self.problem, data, False, verbose, dict(arguments))
        solution = chain.invert(found, inverse)
        if solution.status in cvxpy.settings.ERROR:
            raise cvxpy.error.SolverError(f"its status is {solution.status}")
        self.problem.unpack(solution)
        iterations = solution.attr.get(cvxpy.settings.NUM_ITERS)
        return str(solution.status), None if iterations is None else int(iterations)

    def gram(self) -> CellGram | None:
        """Return the Gram matrix the solver ended at, or None where it left no numbers."""
        pair = self._pair.value
        spread = self._spread.value if self._several.size else np.zeros(0)
        if pair is None or spread is None:
            return None
        own = np.diagonal(pair) + self._spread_per_cell(spread)
        return CellGram(np.asarray(own, dtype=float), np.asarray(pair, dtype=float))

    def dual(self) -> DualPoint | None:
        """Return the solver's multipliers of the entries as rows, or None where there are none."""
        values = self._exponentials.dual_value
        if values is None or values[0] is None:
            return None
        # the dual exponential cone lies on the negative side of its first coordinate
        rows = self.entries.rows_from(self.relaxation.size, -np.ravel(values[0]))
        return DualPoint(rows, self._multipliers())

    def _multipliers(self) -> Vector | None:
        """Return the weight of each own_g in the solver's Lagrangian, on the scale of the sum."""
        relaxation = self.relaxation
        values = [constraint.dual_value for constraint in self._norm_bounds]
        multipliers = relaxation.control.conic_multipliers(values, relaxation.mass)
        return None if multipliers is None else multipliers * relaxation.anchors.sum()

    def _spread_per_cell(self, spread: Any) -> Any:
        size, several = self.relaxation.size, self._several
        if not several.size:
            return np.zeros(size)
        ones = np.ones(len(several))
        return sparse.csr_array((ones, (several, range(len(several)))), (size, len(several))) @ (
            spread
        )

    def _loss_cones(self, cvxpy: Any) -> list[Any]:
        entries, size = self.entries, self.relaxation.size
        split = entries.own_count
        count = len(entries.row)
        flat = entries.row[split:] * size + entries.column[split:]
        logits = cvxpy.hstack(
            [self._own[entries.row[:split]], cvxpy.vec(self._pair, order="C")[flat]]
        )
        rows, row_number = np.unique(entries.row, return_inverse=True)
        self._normalizer = cvxpy.Variable(len(rows))
        self._anchored_rows = rows
        bound = cvxpy.Variable(count)
        exponent = logits + entries.log_weight - self._normalizer[row_number]
        self._exponentials = cvxpy.ExpCone(exponent, np.ones(count), bound)
        row_sum = sparse.csr_array((np.ones(count), (row_number, range(count))))
        return [self._exponentials, row_sum @ bound <= 1]

    def _objective(self, cvxpy: Any) -> Any:
        relaxation = self.relaxation
        share = relaxation.anchors / relaxation.anchors.sum()
        own_target = share * relaxation.target.own
        pair_target = share[:, None] * relaxation.target.pair
        objective = share[self._anchored_rows] @ self._normalizer - own_target @ self._own
        if pair_target.any():
            objective -= cvxpy.sum(cvxpy.multiply(pair_target, self._pair))
        penalty = relaxation.ridge_multipliers() / relaxation.anchors.sum()
        if penalty.any():
            objective += penalty @ self._own
        return objective

    def _semidefinite(self, cvxpy: Any) -> Any:
        if not self._several.size:
            return self._pair >> 0
        scale: Matrix = np.outer(self._root, self._root)
        blocks = cvxpy.multiply(scale, self._pair)
        return blocks + cvxpy.diag(self._spread_per_cell(self._spread)) >> 0

"""A row softmax as exponential cones in cvxpy: one for every entry.

With anchors scaled to sum to one, and e running over the entries of the rows of the loss (their
logarithmic weight added),

    minimise   Σ_g (ω_g/Σω) (t_g − targets_g)
    subject to exp(entry_e − t_row(e)) ≤ z_e,   Σ_{e in row g} z_e ≤ 1.

The multipliers of the entries are the softmax rows P, up to ω_g.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from .softmax_rows import RowWeights, SoftmaxRows


class ConicRows:
    """The loss per anchor of cvxpy expressions, and its dual rows; see `ConicLoss`.

    Parameters
    ----------
    loss : SoftmaxRows
    own, pair : cvxpy.Expression, shapes (m,) and (m, m)
        The entries of X = G/τ.
    """

    def __init__(self, loss: SoftmaxRows, own: Any, pair: Any) -> None:
        import cvxpy

        self._size = len(loss.anchors)
        self._row, self._column, weight, self._split = loss.entries()
        flat = self._row[self._split :] * self._size + self._column[self._split :]
        logits = cvxpy.hstack([own[self._row[: self._split]], cvxpy.vec(pair, order="C")[flat]])
        anchored, row_number = np.unique(self._row, return_inverse=True)
        normalizer, count = cvxpy.Variable(len(anchored)), len(self._row)
        bound = cvxpy.Variable(count)
        exponent = logits + np.log(weight) - normalizer[row_number]
        self._exponentials = cvxpy.ExpCone(exponent, np.ones(count), bound)
        row_sum = sparse.csr_array((np.ones(count), (row_number, range(count))))
        self.constraints: list[Any] = [self._exponentials, row_sum @ bound <= 1]
        share = loss.anchors / loss.anchor_count
        self.objective: Any = share[anchored] @ normalizer - (share * loss.target.own) @ own
        pair_target = share[:, None] * loss.target.pair
        if pair_target.any():
            self.objective -= cvxpy.sum(cvxpy.multiply(pair_target, pair))

    def rows(self) -> RowWeights | None:
        """Return the solver's multipliers of the entries as rows, or None where there are none."""
        from .softmax_rows import RowWeights

        values = self._exponentials.dual_value
        if values is None or values[0] is None:
            return None
        # the dual exponential cone lies on the negative side of its first coordinate
        mass, split = -np.ravel(values[0]), self._split
        own, pair = np.zeros(self._size), np.zeros((self._size, self._size))
        own[self._row[:split]] = mass[:split]
        pair[self._row[split:], self._column[split:]] = mass[split:]
        return RowWeights(own, pair)

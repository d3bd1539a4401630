"""The dual program in cvxpy: stochastic rows of largest entropy whose slack is semidefinite.

    maximise   Σ_g ω_g Σ_e p_e log(w_e / p_e) − price(y)
    subject to p ≥ 0, rows summing to one,  S(P, y) ⪰ 0,

as many exponential cones as the primal program has and one semidefinite block, whose multiplier is
the Gram matrix. Solvers end far nearer to both optima than with the primal form at the same
tolerance: a point that is nearly dual feasible is what the certificate needs.

The cones are posed about reference rows r, the softmax of orthogonal classes of the norms to be
expected: Σ p log(p/w) = Σ p log(p/r) + Σ p log(r/w), whose last part is linear. Entries are counted
in units of a root of r, between one, which suits the multiplier of a cone, and r, which suits p.
Without that the entries of a row, from e^{−ρ/τ} to one, lie far apart: Clarabel stalls at 85 sizes
and ρ/τ = 10, and SCS takes ten to a hundred times as many iterations.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from scipy import sparse

from ..gram.cells import CellGram
from ..problem.losses.softmax_rows import RowWeights, SoftmaxRows
from ..problem.program import Program
from ..proof.dual import DualPoint
from ..types import Vector
from .conic_solvers import FIRST_ORDER
from .cvxpy_run import CvxpyModel

_POWER = 0.25
"""Of r in the units; one half and one are slower."""

_LARGEST = 30.0
"""Norms beyond which the reference no longer grows: units would have no digits beside one."""


class EntropyModel(CvxpyModel):
    """The cvxpy problem of the dual of a row softmax, and the way back from its variables.

    Parameters
    ----------
    relaxation : Program
        With real features, a loss that is a row softmax and a control that says its `conic_dual`.

    Attributes
    ----------
    about_reference : bool
        Whether cones are posed about reference rows, else as they are.
    """

    form = "dual"
    about_reference: ClassVar[bool] = True

    def __init__(self, relaxation: Program) -> None:
        import cvxpy

        loss = relaxation.loss.softmax_rows
        assert loss is not None
        self._loss, self._cells = loss, relaxation.cells
        self._anchors = loss.anchor_count
        self._list_entries(loss)
        reference, unit = self._weight, np.ones(len(self._weight))
        if self.about_reference:
            reference = self._reference_rows(relaxation)
            unit = reference**_POWER
        scaled, entropy = cvxpy.Variable(len(unit)), cvxpy.Variable(len(unit))
        self._rows = cvxpy.multiply(unit, scaled)
        dual = relaxation.control.conic_dual(self._cells)
        assert dual is not None
        self._multipliers, price = dual
        size, count = relaxation.size, np.arange(len(self._row))
        sums = sparse.csr_array((np.ones(len(count)), (self._row, count)), (size, len(count)))
        slack, self._split = self._slack(cvxpy)
        self._semidefinite = slack >> 0
        constraints = [
            cvxpy.ExpCone(-entropy, scaled, reference / unit),  # times the unit ≥ p log(p/r)
            (sums @ self._rows)[loss.anchors > 0] == 1,
            self._semidefinite,
            *([] if self._split is None else [self._split]),
        ]
        share = (loss.anchors / self._anchors)[self._row] * unit
        linear = share * np.log(reference / self._weight)
        self.problem = cvxpy.Problem(
            cvxpy.Minimize(share @ entropy + linear @ scaled + price / self._anchors), constraints
        )

    def accuracy(self, solver: str, tol: float) -> float:
        """Return what to ask of a solver: the certified gap comes out as large or smaller.

        Of an interior-point one never less than for the default, as its last digits cost little,
        and more where a smaller gap is wanted: the error of the Gram matrix is the root of it.
        """
        if solver in FIRST_ORDER:
            return max(tol / 10, 1e-12)
        return max(1e-7 if tol >= 1e-6 else 1e3 * tol**2, 1e-12)

    def found(self) -> CellGram | None:
        """Return the Gram matrix G/τ, the multiplier of the slack; None without numbers."""
        if self._semidefinite.dual_value is None:
            return None
        shared = self._anchors * np.asarray(self._semidefinite.dual_value)
        pair = shared * np.outer(self._scale, self._scale)
        own = np.diagonal(pair).copy()
        if self._split is not None:
            several = self._several
            apart = self._anchors * np.ravel(self._split.dual_value) * self._scale[several] ** 2
            own[several] += apart
            pair[several, several] -= apart / (self._cells.points[several] - 1)
        return CellGram(own, pair)

    def dual(self) -> DualPoint | None:
        """Return the rows and multipliers, which certify; None without numbers."""
        if self._rows.value is None:
            return None
        size, split = len(self._cells), self._own_entries
        own, pair = np.zeros(size), np.zeros((size, size))
        mass = np.maximum(self._rows.value, 0.0)
        own[self._row[:split]] = mass[:split]
        pair[self._row[split:], self._column[split:]] = mass[split:]
        given = getattr(self._multipliers, "value", self._multipliers)
        return DualPoint(RowWeights(own, pair), None if given is None else np.asarray(given))

    def _list_entries(self, loss: SoftmaxRows) -> None:
        """List the entries with a weight in rows with anchors, own entries first."""
        self._row, self._column, weight, self._own_entries = loss.entries()
        total = np.bincount(self._row, weight, len(loss.anchors))
        self._weight = weight / total[self._row]  # what is left out of a row is a constant
        self._scale = 1 / np.sqrt(self._cells.mass)
        self._several = np.flatnonzero(self._cells.points > 1)

    def _slack(self, cvxpy: Any) -> tuple[Any, Any]:
        """Return S per sample on sums over cells, and what bounds it on differences within."""
        loss, size, scale = self._loss, len(self._cells), self._scale
        own = self._own_coefficients() @ self._rows - loss.anchors * loss.target.own
        own = cvxpy.multiply(scale**2, own + self._multipliers)
        target = loss.anchors[:, None] * loss.target.pair
        target = (target + target.T) / 2 * np.outer(scale, scale)
        pair = self._pair_coefficients() @ self._rows - np.ravel(target)
        diagonal = np.arange(size) * (size + 1)
        place = sparse.csr_array((np.ones(size), (diagonal, np.arange(size))), (size**2, size))
        whole = cvxpy.reshape(pair + place @ own, (size, size), order="C")
        if not len(self._several):
            return whole, None
        others = 1 / (self._cells.points[self._several] - 1)
        within = cvxpy.multiply(others, pair[diagonal[self._several]])
        return whole, own[self._several] - within >= 0

    def _reference_rows(self, relaxation: Program) -> Vector:
        """Return the softmax of classes orthogonal to each other, by entry; any would do.

        Its squared norms are those of the bound or, where there is a penalty y per cell, those at
        which ω (t − p) = y, t and p what the targets and the softmax have on the positives.
        """
        loss, penalty, size = self._loss, relaxation.penalty, len(self._cells)
        row, first = self._row, self._own_entries
        place = row[first:], self._column[first:]
        target = np.concatenate([loss.target.own[row[:first]], loss.target.pair[place]])
        positive = target > 0
        inside = np.bincount(row, self._weight * positive, size)
        with np.errstate(divide="ignore", invalid="ignore"):
            reached = np.bincount(row, target, size) - penalty / loss.anchors
            ratio = reached / (1 - reached) * (1 - inside) / inside
        usable = (penalty > 0) & np.isfinite(ratio) & (ratio > 1)
        norms = np.log(np.where(usable, ratio, 1.0))
        norms = np.minimum(np.maximum(norms, relaxation.control.limits(self._cells)), _LARGEST)
        share = self._weight * np.exp(np.where(positive, 0.0, -norms[row]))
        return np.asarray(share / np.bincount(row, share, size)[row])

    def _own_coefficients(self) -> sparse.csr_array:
        """Return what gives ω p_own of every cell from the entries."""
        rows, count = self._row[: self._own_entries], self._own_entries
        shape = len(self._cells), len(self._row)
        return sparse.csr_array((self._loss.anchors[rows], (rows, np.arange(count))), shape)

    def _pair_coefficients(self) -> sparse.csr_array:
        """Return what gives the symmetric part of diag(ω) P per sample from the entries."""
        first, size = self._own_entries, len(self._cells)
        row, column = self._row[first:], self._column[first:]
        entry = np.arange(first, len(self._row))
        half: Vector = self._loss.anchors[row] / 2 * self._scale[row] * self._scale[column]
        places = np.concatenate([row * size + column, column * size + row])
        numbers = np.concatenate([half, half]), (places, np.concatenate([entry, entry]))
        return sparse.csr_array(numbers, (size**2, len(self._row)))


class PlainEntropyModel(EntropyModel):
    """The same without reference rows.

    For interior-point methods under a penalty: with them Clarabel stalls early at 85 sizes.
    """

    about_reference = False

"""The SC objective of one embedding per sample, with exact Hessian products, in row blocks."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..gram.cells import Level
from ..problem.levels import cells_at, samples_to_classes
from ..problem.ufm import UFM
from ..samples import supcon_loss_and_grad
from ..types import Matrix, Vector

_BLOCK_NUMBERS = 50_000
"""Entries of a block of rows of an n×n matrix: few enough to stay in a processor's cache."""

_KEPT_NUMBERS = 16_000_000
"""Up to this many entries the n×n softmax is kept between Hessian products."""

_LARGE = 30.0
"""Entries this far above a row's mean positive make its loss large; then a shift is needed."""


@dataclass(frozen=True, eq=False)
class SamplePoint:
    """A point X, the log normaliser of every softmax row, P X, and P where it is small enough."""

    point: Matrix
    log_normalizer: Vector
    averaged: Matrix
    softmax: Matrix | None


class SampleObjective:
    """One embedding per point, in class order: the loss of `supcon_loss`, summed.

    For losses that are SC of the points (`Loss.is_supcon_of_points`); a point is a sample, or a
    view or a prototype where there are any.

    Value and gradient come from the fast loss. With P the softmax rows (zero for singletons), T
    the mean over positives, D = V Xᵀ + X Vᵀ and C_il = P_il (D_il − Σ_j P_ij D_ij),

        gradient   (P + Pᵀ − 2T) X + λτ X
        Hessian V  (P + Pᵀ − 2T) V + λτ V + (C + Cᵀ) X

    in O(n² dim), a block of rows of `block_numbers` entries at a time; up to `kept_numbers` entries
    the n×n softmax is kept.
    """

    def __init__(
        self,
        problem: UFM,
        block_numbers: int = _BLOCK_NUMBERS,
        kept_numbers: int = _KEPT_NUMBERS,
    ) -> None:
        sizes = np.asarray(problem.points)
        self.labels = samples_to_classes(problem.points).cell_of_point
        self.cells = cells_at(problem.points, Level.SAMPLES)
        self.mass = self.cells.mass
        self.control = problem.control_at_unit_temperature
        self.anchors, self.infimum = float(problem.anchors), problem.infimum
        self._first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        self._positives = (sizes[self.labels] - 1).astype(float)
        self._anchored = self._positives > 0
        self._strength = 2 * float(self.control.penalty(self.cells)[0])
        self._rows = max(1, block_numbers // problem.points.samples)
        self._keeps = problem.points.samples**2 <= kept_numbers

    def value_and_gradient(self, point: Matrix) -> tuple[float, Matrix]:
        """See `FactoredObjective`."""
        loss, gradient = supcon_loss_and_grad(
            np.ascontiguousarray(point), self.labels, temperature=1.0, reduction="sum"
        )
        value = float(loss) + self._strength / 2 * float(np.vdot(point, point))
        return value, np.asarray(gradient + self._strength * point)

    def value(self, point: Matrix) -> float:
        """See `FactoredObjective`.

        A row is log(1 + x), x the sum over negatives of e^d plus that over positives of e^d less
        one, d an entry less the row's mean positive.
        """
        loss = 0.0
        for rows in self._blocks():
            entries, share = point[rows] @ point.T, self._positive_share(rows)
            entries -= np.einsum("il,il->i", entries, share)[:, None]  # exact for pairs
            _set_diagonal(entries, rows, -np.inf)
            top = entries.max(axis=1)
            with np.errstate(over="ignore", invalid="ignore"):
                excess = np.exp(entries) - share
                near = np.log1p(excess.sum(axis=1))
                far = top + np.log(np.exp(entries - top[:, None]).sum(axis=1))
            loss += float(np.where(top < _LARGE, near, far)[self._anchored[rows]].sum())
        return loss + self._strength / 2 * float(np.vdot(point, point))

    def expand(self, point: Matrix) -> SamplePoint:
        """See `FactoredObjective`."""
        count = len(point)
        normalizer, averaged = np.empty(count), np.empty_like(point)
        kept = np.empty((count, count)) if self._keeps else None
        for rows in self._blocks():
            entries = point[rows] @ point.T
            _set_diagonal(entries, rows, -np.inf)
            top = entries.max(axis=1)
            softmax = np.exp(entries - top[:, None])
            total = softmax.sum(axis=1)
            normalizer[rows] = top + np.log(total)
            softmax *= (self._anchored[rows] / total)[:, None]
            averaged[rows] = softmax @ point
            if kept is not None:
                kept[rows] = softmax
        return SamplePoint(point, normalizer, averaged, kept)

    def gradient(self, at: SamplePoint) -> Matrix:
        """See `FactoredObjective`."""
        point = at.point
        total = self._strength * point - 2 * self._mean_over_positives(point) + at.averaged
        for rows, softmax in self._softmax_blocks(at):
            total += softmax.T @ point[rows]
        return total

    def hessian(self, at: SamplePoint, direction: Matrix) -> Matrix:
        """See `FactoredObjective`.

        C X = (P∘D) X − diag(m) P X with m_i = ⟨v_i, (PX)_i⟩ + ⟨x_i, (PV)_i⟩.
        """
        point = at.point
        total = self._strength * direction - 2 * self._mean_over_positives(direction)
        both, swapped = np.hstack([direction, point]), np.hstack([point, direction])
        for rows, softmax in self._softmax_blocks(at):
            x, v = point[rows], direction[rows]
            turned = softmax @ direction
            mean = np.einsum("ij,ij->i", v, at.averaged[rows])
            mean += np.einsum("ij,ij->i", x, turned)
            curved = swapped[rows] @ both.T
            curved *= softmax
            total[rows] += turned + curved @ point - mean[:, None] * at.averaged[rows]
            total += curved.T @ x + softmax.T @ (v - mean[:, None] * x)
        return total

    def change(self, at: SamplePoint, step: Matrix) -> float:
        """See `FactoredObjective`; the change of a row is log(1 + Σ P (e^d − 1))."""
        point = at.point
        left, right = np.hstack([step, point + step]), np.hstack([point, step])
        mean = self._mean_positive(left, right)
        total = self._strength * (float(np.vdot(point, step)) + float(np.vdot(step, step)) / 2)
        for rows, softmax in self._softmax_blocks(at):
            moved = left[rows] @ right.T
            if np.abs(moved).max() > 1:
                return self.value(point + step) - self.value(point)
            np.expm1(moved - mean[rows, None], out=moved)
            change = np.log1p(np.einsum("il,il->i", softmax, moved))
            total += float(change[self._anchored[rows]].sum())
        return total

    def _blocks(self) -> Iterator[slice]:
        count = len(self.labels)
        for first in range(0, count, self._rows):
            yield slice(first, min(first + self._rows, count))

    def _softmax_blocks(self, at: SamplePoint) -> Iterator[tuple[slice, Matrix]]:
        for rows in self._blocks():
            if at.softmax is None:
                yield rows, self._softmax(at.point, at.log_normalizer, rows)
            else:
                yield rows, at.softmax[rows]

    def _softmax(self, point: Matrix, normalizer: Vector, rows: slice) -> Matrix:
        softmax = np.exp(point[rows] @ point.T - normalizer[rows, None])
        _set_diagonal(softmax, rows, 0.0)
        softmax[~self._anchored[rows]] = 0.0
        return np.asarray(softmax)

    def _mean_over_positives(self, rows: Matrix) -> Matrix:
        """Return T V: for each anchor the mean over the other samples of its class."""
        others = np.add.reduceat(rows, self._first)[self.labels] - rows
        others[~self._anchored] = 0.0
        return np.asarray(others / np.maximum(self._positives, 1)[:, None])

    def _mean_positive(self, left: Matrix, right: Matrix) -> Vector:
        """Return the mean of ⟨left_i, right_j⟩ over the positives j of each anchor i."""
        return np.asarray(np.einsum("ij,ij->i", left, self._mean_over_positives(right)))

    def _positive_share(self, rows: slice) -> Matrix:
        """Return T itself, for a block of rows."""
        same = self.labels[rows, None] == self.labels
        share = same / np.maximum(self._positives[rows, None], 1)
        _set_diagonal(share, rows, 0.0)
        return np.asarray(share)


def _set_diagonal(block: Matrix, rows: slice, value: float) -> None:
    """Set the entries of a block of rows that lie on the diagonal of the whole matrix."""
    local = np.arange(len(block))
    block[local, local + rows.start] = value

"""The expected loss of mini-batches as a function of the Gram matrix of class means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from ...gram.cells import CellGram, Cells
from ...gram.rounding import entry_sizes, summation
from ...types import Matrix, Vector
from ..batches.expectation import Expectation
from ..batches.general import GeneralExpectation
from ..batches.general_moments import GeneralMoments
from ..batches.moments import Moments
from .gram_loss import GramLoss
from .row_curvature import RowCurvature, stacked, with_fewest_factors

_STEPS, _STEP_WEIGHTS = np.polynomial.legendre.leggauss(8)


@dataclass(frozen=True, eq=False)
class WeightedRows:
    """The anchors of some orbits under one kind of batches.

    Attributes
    ----------
    orbits : ndarray of int, shape (R,)
    mass : ndarray, shape (R,)
        Anchors, with their weights, of all classes of each.
    rows : Expectation or GeneralExpectation
        Of R rows.
    number : int
        Of the kind, in `Batches.samplings`.
    """

    orbits: NDArray[np.int64]
    mass: Vector
    rows: Expectation | GeneralExpectation
    number: int = 0

    def e(self, gram: CellGram) -> Matrix:
        """Return exp(M_cj − M_cc), shape (R, m)."""
        with np.errstate(over="ignore"):  # the expectation refuses infinite ones
            return np.asarray(np.exp(self.along(gram)))

    def along(self, gram: CellGram) -> Matrix:
        """Return M_cj − M_cc, shape (R, m)."""
        return np.asarray(gram.pair[self.orbits] - gram.own[self.orbits, None])


@dataclass(frozen=True, eq=False)
class ExpectedRows(GramLoss):
    """Σ mass E[1 log Y] over the rows; see `screlax.problem.batches.expectation`.

    Attributes
    ----------
    cells : Cells
    kinds : sequence of WeightedRows
        One for each kind of batches.
    """

    cells: Cells
    kinds: Sequence[WeightedRows]

    @property
    def expected_rows(self) -> ExpectedRows:
        """See `GramLoss.expected_rows`."""
        return self

    @property
    def unit(self) -> float:
        """See `GramLoss.unit`; a rough number, for `unit_at` bounds it for each matrix."""
        return summation(len(self.cells)) + max(kind.rows.error for kind in self.kinds)

    def unit_at(self, at: Expansion) -> float:
        """See `GramLoss.unit_at`: bounds of the quadrature, of the value and of all slopes."""
        sizes = entry_sizes(at.gram)
        moved = lost = 0.0
        for kind, moments in zip(self.kinds, at.moments, strict=True):
            slope = kind.mass * moments.softmax.sum(axis=1) * sizes[kind.orbits]
            moved, lost = moved + float(slope.sum()), lost + float(slope @ moments.errors)
        value, error = self._value_and_error(at.gram)
        size = abs(value)  # may be negative without a floor
        share = max(lost / moved if moved > 0 else 0.0, error / size if size > 0 else 0.0)
        return summation(len(self.cells)) + share

    @property
    def anchor_count(self) -> float:
        """Expected number of anchors of n samples, per batch sample."""
        return float(sum(kind.mass.sum() for kind in self.kinds))

    @cached_property
    def infimum(self) -> float:
        """Σ mass E[1 log(V b_c + V − 1)], rounded down: the loss without negatives."""
        if not all(kind.rows.has_floor for kind in self.kinds):
            return -math.inf
        total = sum(kind.mass @ (kind.rows.floor - kind.rows.floor_error) for kind in self.kinds)
        return float(total) * (1 - summation(len(self.cells)))

    def rounding(self, gram: CellGram, at: Expansion, value: float, shift: float) -> float:
        """See `GramLoss.rounding`; values near zero are not known to the error of slopes."""
        return self._value_and_error(gram)[1] + super().rounding(gram, at, value, shift)

    def value(self, gram: CellGram) -> float:
        """See `GramLoss.value`."""
        return self._value_and_error(gram)[0]

    def _value_and_error(self, gram: CellGram) -> tuple[float, float]:
        """Return the value and a bound of its error without the sum over rows.

        They are remembered, since a certificate asks for them more than once.
        """
        if gram not in self._values:
            value = error = 0.0
            for kind in self.kinds:
                excess, lost = kind.rows.excess_and_error(kind.e(gram))
                value += float(kind.mass @ (kind.rows.floor + excess))
                error += float(kind.mass @ (kind.rows.floor_error + lost))
            self._values[gram] = value, error
        return self._values[gram]

    @cached_property
    def _values(self) -> WeakKeyDictionary[CellGram, tuple[float, float]]:
        return WeakKeyDictionary()

    def height(self, gram: CellGram) -> tuple[float, float]:
        """See `GramLoss.height`: that of the class means alone."""
        if not math.isfinite(self.infimum):
            return math.inf, math.inf
        return float(sum(k.mass @ k.rows.excess(k.e(gram)) for k in self.kinds)), 0.0

    def expand(self, gram: CellGram) -> Expansion:
        """See `GramLoss.expand`; the last one is remembered, as values are."""
        if not (self._last and self._last[0].gram is gram):
            self._last[:] = [Expansion(gram, [k.rows.moments(k.e(gram)) for k in self.kinds])]
        return self._last[0]

    @cached_property
    def _last(self) -> list[Expansion]:
        return []

    def gradient(self, at: Expansion) -> CellGram:
        """See `GramLoss.gradient`."""
        return self._pulled_back([moments.softmax for moments in at.moments])

    def gradient_by_cell(self, at: Expansion) -> list[CellGram]:
        """See `GramLoss.gradient_by_cell`."""
        return [
            self._pulled_back(
                [
                    np.where((kind.orbits == cell)[:, None], moments.softmax, 0.0)
                    for kind, moments in zip(self.kinds, at.moments, strict=True)
                ]
            )
            for cell in range(len(self.cells))
        ]

    def curvature(self, at: Expansion, direction: CellGram) -> CellGram:
        """See `GramLoss.curvature`."""
        pairs = zip(self.kinds, at.moments, strict=True)
        return self._pulled_back([m.curvature(kind.along(direction)) for kind, m in pairs])

    def row_curvature(self, at: Expansion) -> RowCurvature:
        """See `GramLoss.row_curvature`; rows of several kinds of batches add up."""
        size = len(self.cells)
        whole, less = np.zeros((2, size, size))
        found: list[list[tuple[Matrix, Vector]]] = [[] for _ in range(size)]
        for kind, moments in zip(self.kinds, at.moments, strict=True):
            whole[kind.orbits] += kind.mass[:, None] * moments.softmax
            less[kind.orbits] += kind.mass[:, None] * moments.diagonal
            each = zip(kind.orbits.tolist(), kind.mass, moments.factors(), strict=True)
            for orbit, mass, (factors, signs) in each:
                found[orbit].append((np.sqrt(mass) * factors, signs))
        # Where a class is all that an anchor meets nothing of it is left: then it is taken off by
        # a factor, since what is measured by the diagonal needs one above zero.
        whole = np.maximum(whole, 0.0)  # as they are but for the rounding of a quadrature
        apart = (less >= whole) & (less >= 0)
        for row, (lost, beside) in enumerate(zip(less, apart, strict=True)):
            factors = np.diag(np.sqrt(np.where(beside, lost, 0.0)))[beside]
            found[row].append((factors, -np.ones(len(factors))))
        diagonal = whole - np.where(apart, 0.0, less)
        rows = [
            with_fewest_factors(
                diagonal[row],
                np.concatenate([factors for factors, _ in parts]),
                np.concatenate([signs for _, signs in parts]),
            )
            for row, parts in enumerate(found)
        ]
        return stacked(diagonal, rows)

    def change(self, at: Expansion, step: CellGram) -> float:
        """Return the integral of the slope along the step, which does not cancel."""
        total = 0.0
        for place, weight in zip((_STEPS + 1) / 2, _STEP_WEIGHTS / 2, strict=True):
            moved = CellGram(at.gram.own + place * step.own, at.gram.pair + place * step.pair)
            for kind in self.kinds:
                slope = (kind.rows.softmax(kind.e(moved)) * kind.along(step)).sum(axis=1)
                total += weight * float(kind.mass @ slope)
        return total

    def _pulled_back(self, slopes: Sequence[Matrix]) -> CellGram:
        """Return derivatives by (own, pair) from those by M_cj − M_cc, row by row."""
        own, pair = np.zeros(len(self.cells)), np.zeros((len(self.cells),) * 2)
        for kind, slope in zip(self.kinds, slopes, strict=True):
            weighted = kind.mass[:, None] * slope
            pair[kind.orbits] += weighted
            own[kind.orbits] -= weighted.sum(axis=1)
        return CellGram(own, (pair + pair.T) / 2)


@dataclass(frozen=True, eq=False)
class Expansion:
    """A Gram matrix and the moments there, for every kind of batches."""

    gram: CellGram
    moments: Sequence[Moments | GeneralMoments]

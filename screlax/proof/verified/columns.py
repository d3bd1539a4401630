"""Functions of κ e for many classes at once: by every entry, or by interpolation with its error."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from flint import acb_mat, arb, arb_mat

from .balls import Balls, total
from .sums import chebyshev, chebyshev_coefficients, chebyshev_points

Table = list[Balls]
"""A matrix of balls, row by row."""

_ROOM = 2.0**-20
"""By so much an interval is wider than its entries."""


class Columns(ABC):
    """Places at which a function is evaluated, for R rows of m entries.

    Attributes
    ----------
    places : list of arb, length q
    weights : acb_mat, shape (R, q)
        Σ_j units_j f(κ e_j) is this times f at the places, up to `room`.
    """

    places: Balls
    weights: Any

    @abstractmethod
    def spread(self, found: Table) -> Table:
        """Return polynomials at every entry from their values at the places, (R, m)."""

    @abstractmethod
    def shrink(self, ratio: Any) -> Any:
        """Return what a bound on the ellipse of that ratio is multiplied by."""


def _present(units: Table) -> list[tuple[int, int]]:
    """Return the entries of which there are any."""
    return [(r, j) for r, row in enumerate(units) for j, n in enumerate(row) if not n.is_zero()]


class EveryEntry(Columns):
    """Every entry is a place."""

    def __init__(self, each: Table, units: Table) -> None:
        self._shape = len(units), len(units[0])
        self._at = _present(units)
        self.places = [each[r][j] for r, j in self._at] or [arb(1)]
        table = [[arb(0)] * len(self.places) for _ in each]
        for i, (r, j) in enumerate(self._at):
            table[r][i] = units[r][j]
        self.weights = acb_mat(arb_mat(table))

    def spread(self, found: Table) -> Table:
        """See `Columns.spread`."""
        rows, size = self._shape
        spread = [[arb(0)] * size for _ in range(rows)]
        for i, (r, j) in enumerate(self._at):
            spread[r][j] = found[r][i]
        return spread

    def shrink(self, ratio: Any) -> Any:
        """See `Columns.shrink`: nothing is left out."""
        return arb(0)


class ChebyshevColumns(Columns):
    """Chebyshev points of an interval that has all entries (`verified.sums`)."""

    def __init__(self, each: Table, units: Table, low: float, high: float, count: int) -> None:
        self.centre = arb((low + high) / 2)
        self.half = arb(max((high - low) / 2, 2.0**-30 * high) * (1 + _ROOM))
        self.count = count
        nodes = chebyshev_points(count)
        self.places = [self.centre + self.half * node for node in nodes]
        self._to_coefficients = chebyshev_coefficients(nodes)
        self._size = len(units[0])
        self._polynomials: list[dict[int, Balls]] = [{} for _ in units]
        for r, j in _present(units):
            place = (each[r][j] - self.centre) / self.half
            self._polynomials[r][j] = chebyshev(place, count)
        moments = [
            [total(units[r][j] * powers[k] for j, powers in row.items()) for k in range(count)]
            for r, row in enumerate(self._polynomials)
        ]
        self.weights = acb_mat(arb_mat(moments) * self._to_coefficients)

    def spread(self, found: Table) -> Table:
        """See `Columns.spread`."""
        coefficients = self._to_coefficients * arb_mat(found).transpose()
        spread = []
        for r, row in enumerate(self._polynomials):
            entries = [arb(0)] * self._size
            for j, powers in row.items():
                entries[j] = total(power * coefficients[k, r] for k, power in enumerate(powers))
            spread.append(entries)
        return spread

    def shrink(self, ratio: Any) -> Any:
        """See `Columns.shrink` (Trefethen 2013, theorem 8.2)."""
        return 4 * ratio ** (1 - self.count) / (ratio - 1)

"""Linear constraints of a problem's own in exact arithmetic.

Their multipliers z, of the sign of a bound that is there, add Σ z_i A_i to the slack and cost
Σ z_i bound_i. A point has to satisfy them exactly: with D = Σ y_j B_j on the m cells,

    h_p' = h_p + Σ_h D_gh (mean of the points of cell h)   moves G by D M + M Dᵀ + D M Dᵀ,

M the Gram matrix of cell means, which leaves G positive semidefinite whatever y is; differences of
the points of a cell may grow or shrink too, by what is linear in y. What G lacks is then quadratic
in y, r + L y + Q(y, y), and with C ≈ L⁻¹ of doubles a box Y that

    K(Y) = −C r + (1 − C L) Y − C Q(Y, Y)

is inside of has a y in K(Y) at which nothing is lacking (Krawczyk 1969; Brouwer's theorem).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb, arb_mat

from ...types import Vector
from .balls import Balls, ball_of, largest, total

Table = list[Balls]

_TRIES, _STEPS = 4, 3
"""How often constraints are added that a correction broke, and a box is made smaller."""


_APART = 1e-9
"""Differences within cells that are smaller, of squared norms in units of τ, stay as they are."""


@dataclass(frozen=True, eq=False)
class Row:
    """lower ≤ Σ own_g own + Σ pair_gh pair ≤ upper; None for no bound.

    Attributes
    ----------
    own : dict of int to arb
    pair : dict of (int, int) to arb
        Symmetric.
    lower, upper : arb or None
    """

    own: dict[int, Any]
    pair: dict[tuple[int, int], Any]
    lower: Any
    upper: Any

    def value(self, own: Balls, pair: Table) -> Any:
        """Return the value at coefficients of own and pair."""
        alone = total(a * own[g] for g, a in self.own.items())
        return alone + total(a * pair[g][h] for (g, h), a in self.pair.items())

    def bound_of(self, multiplier: float) -> Any:
        """Return the bound that a multiplier is of, None where there is none."""
        return self.upper if multiplier > 0 else self.lower

    def holds(self, value: Any) -> bool:
        """Whether a value is certainly within both bounds; an equation never is."""
        above = self.upper is None or bool(value <= self.upper)
        return above and (self.lower is None or bool(value >= self.lower))

    def nearest(self, value: Any) -> Any:
        """Return the bound that a value is to be moved to."""
        if self.upper is None or self.lower is None:
            return self.lower if self.upper is None else self.upper
        return self.upper if value.mid() * 2 > (self.lower + self.upper).mid() else self.lower


def row_of(one: Any, cell: Sequence[int], temperature: Any) -> Row:
    """Return a `Linear` constraint on G/τ, from the cell of each class."""
    own: dict[int, Any] = {}
    pair: dict[tuple[int, int], Any] = {}
    terms = one.terms
    for first, second, weight in zip(
        terms.first.tolist(), terms.second.tolist(), terms.weight.tolist(), strict=True
    ):
        g, h = cell[first], cell[second]
        if first == second:
            own[g] = own.get(g, arb(0)) + weight
            continue
        for entry in ((g, h), (h, g)):
            pair[entry] = pair.get(entry, arb(0)) + ball_of(weight) / 2
    bounds = (
        ball_of(bound) / temperature if np.isfinite(bound) else None
        for bound in (one.lower, one.upper)
    )
    return Row(own, pair, *bounds)


def price(rows: Iterable[Row], multipliers: Vector) -> tuple[Any, list[tuple[Any, Row]]]:
    """Return what multipliers cost, and those that are of a bound with their rows."""
    found = []
    for row, z in zip(rows, multipliers.tolist(), strict=True):
        if z and np.isfinite(z) and row.bound_of(z) is not None:
            found.append((ball_of(z), row))
    return total(z * row.bound_of(float(z)) for z, row in found), found


def made_to_hold(
    rows: Sequence[Row], points: Balls, own: Balls, pair: Table
) -> tuple[Balls, Table] | None:
    """Return a Gram matrix nearby that satisfies all rows, None where none is found."""
    active: list[Row] = []
    found = own, pair
    for _ in range(_TRIES):
        broken = [row for row in rows if row not in active and not row.holds(row.value(*found))]
        if not broken:
            return found
        active += broken
        moved = _moved(active, points, own, pair)
        if moved is None:
            return None
        found = moved
    return None


def _moved(
    rows: Sequence[Row], points: Balls, own: Balls, pair: Table
) -> tuple[Balls, Table] | None:
    """Return the Gram matrix at which all rows are at their bounds."""
    means, splits = arb_mat(pair), []
    for g, count in enumerate(points):
        means[g, g] = (own[g] + (count - 1) * pair[g][g]) / count
        splits.append(own[g] - means[g, g])
    moves = [_move(row, points, splits) for row in rows]
    values = [row.value(own, pair) for row in rows]
    lacking = [value - row.nearest(value) for row, value in zip(rows, values, strict=True)]
    box = _box(rows, moves, means, lacking)
    if box is None:
        return None
    turn = _turn(moves, box)
    first = turn * means
    change = (first + first.transpose() + first * turn.transpose()).tolist()
    apart = [
        total(y * move.apart[g] for y, move in zip(box, moves, strict=True))
        for g in range(len(own))
    ]
    if not all(
        bool(split + more >= 0)
        for split, more in zip(splits, apart, strict=True)
        if not more.is_zero()
    ):
        return None
    moved = [[a + b for a, b in zip(*both, strict=True)] for both in zip(pair, change, strict=True)]
    alone = []
    for g, (x, more, count) in enumerate(zip(own, apart, points, strict=True)):
        alone.append(x + change[g][g] + more)
        moved[g][g] = alone[g] if count == 1 else moved[g][g] - more / (count - 1)
    return alone, moved


def _box(rows: Sequence[Row], moves: Sequence[_Move], means: Any, lacking: Balls) -> Balls | None:
    """Return a box with a y at which nothing is lacking, by Krawczyk's operator."""
    slopes = []
    for move in moves:
        change = move.direction * means
        change = change + change.transpose()
        slopes.append(
            [
                _along(row, change) + total(x * y for x, y in zip(move.apart, at, strict=True))
                for row, at in zip(rows, [other.slope for other in moves], strict=True)
            ]
        )
    linear = arb_mat(slopes).transpose()
    near = np.array([[float(x.mid()) for x in row] for row in linear.tolist()])
    if not np.isfinite(near).all() or np.linalg.matrix_rank(near) < len(rows):
        return None
    inverse = arb_mat(np.linalg.inv(near).tolist())
    rest = arb_mat(np.eye(len(rows)).tolist()) - inverse * linear
    if not all(bool(total(abs(x) for x in row) < 1) for row in rest.tolist()):
        return None
    start = _column(inverse, lacking)
    least = largest([abs(x) for x in start]) / 2**20 + arb(2) ** -100
    box = [arb(0, (3 * abs(x) + least).upper()) for x in start]
    for step in range(_STEPS):
        turn = _turn(moves, box)
        second = turn * means * turn.transpose()
        beyond = _column(inverse, [_along(row, second) for row in rows])
        image = [
            x - one - two for x, one, two in zip(_column(rest, box), start, beyond, strict=True)
        ]
        pairs = zip(box, image, strict=True)
        if step == 0 and not all(bool(outer.contains_interior(x)) for outer, x in pairs):
            return None
        box = image
    return box


def _column(matrix: Any, entries: Balls) -> Balls:
    """Return a matrix times a vector."""
    return [x[0] for x in (matrix * arb_mat([[x] for x in entries])).tolist()]


def _along(row: Row, change: Any) -> Any:
    """Return how a row changes with own and pair alike."""
    table = change.tolist()
    return row.value([table[g][g] for g in range(len(table))], table)


@dataclass(frozen=True, eq=False)
class _Move:
    """A direction in which a row changes.

    Attributes
    ----------
    direction : arb_mat
        B.
    apart : list of arb
        How differences of points within cells grow, of squared norms.
    slope : list of arb
        How the row changes with that.
    """

    direction: Any
    apart: Balls
    slope: Balls


def _move(row: Row, points: Balls, splits: Balls) -> _Move:
    size = len(points)
    found = arb_mat(size, size)
    for (g, h), a in row.pair.items():
        found[g, h] += a.mid()
    for g, a in row.own.items():
        found[g, g] += a.mid()
    slope, zero = [], arb(0)
    for g, count in enumerate(points):
        inside = row.pair.get((g, g), zero)
        slope.append(row.own.get(g, zero) - inside / (count - 1) if count > 1 else zero)
    free = [bool(split.mid() > _APART) for split in splits]
    apart = [x.mid() if can else zero for x, can in zip(slope, free, strict=True)]
    return _Move(found, apart, slope)


def _turn(moves: Sequence[_Move], box: Balls) -> Any:
    """Return D = Σ y_j B_j."""
    found = moves[0].direction * box[0]
    for move, y in zip(moves[1:], box[1:], strict=True):
        found = found + move.direction * y
    return found

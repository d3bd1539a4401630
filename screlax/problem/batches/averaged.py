"""Expected class-averaged losses: rows together, on circles that they share.

    Φ(z) = own(z) Π_j f_j,    f_j = (1 − x_j) + x_j F_j(z),    x_j = e^{−t e_j}

F_j(z) is that of `class_parts`, the same for all anchors; what depends on them is x_j, a real
number. With F_j = F_j(r) u_j on the circle |z| = r and b_j = x_j F_j(r)/f_j(r),

    f_j = f_j(r) (1 + b_j (u_j − 1)),    −∂ log f_j/∂s_j = b_j (u_j − 1/F_j(r))/(1 + b_j (u_j − 1)),

all of it in bounds. Values are differences to e = 0, f_j/F_j − 1 = (x_j − 1)(1 − 1/F_j).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...types import Matrix, Vector
from .averaged_circles import RealRows, on_shared_circles, saddle
from .averaged_nodes import points_at
from .draws import Array
from .exponential_sum import ExponentialSum, exponential_sum, require_range
from .general import GeneralExpectation
from .general_moments import GeneralMoments
from .general_row import Points
from .joined_numbers import expm1_of, log1p_of

_TOGETHER, _CHUNK = 1 << 21, 1 << 15
"""Real numbers of an array over rows, classes and t, and over classes and nodes."""

_LOST = 300.0
"""−log |Π F| from which on f is not taken relative to F."""

_NONE = 1e-18
"""What stands for f/f(r) where nothing is left of it: a product with −∂f/∂s needs its other f."""


class AveragedExpectation(GeneralExpectation):
    """The expected class-averaged losses of the anchors of every orbit; see `GeneralExpectation`.

    What was last found is remembered, since certificates ask for it again.
    """

    @cached_property
    def _last(self) -> dict[str, tuple[bytes, Any]]:
        return {}

    def _once(self, name: str, e: Matrix, find: Callable[[Matrix], Any]) -> Any:
        key = e.tobytes()
        if self._last.get(name, (b"", None))[0] != key:
            with np.errstate(all="ignore"):  # logarithms of zero
                self._last[name] = key, find(np.where(self.copies > 0, e, 0.0))
        return self._last[name][1]

    def excess(self, e: Matrix) -> Vector:
        """See `GeneralExpectation.excess`."""
        if self.draws.degree == 0:
            return super().excess(e)
        return np.array(self._once("excess", e, self._excesses))

    def softmax(self, e: Matrix) -> Matrix:
        """See `GeneralExpectation.softmax`."""
        if self.draws.degree == 0:
            return super().softmax(e)
        return np.array(self._once("softmax", e, lambda e: self._slopes(e, second=False)[0]))

    def moments(self, e: Matrix) -> GeneralMoments:
        """See `GeneralExpectation.moments`."""
        if self.draws.degree == 0:
            return super().moments(e)
        softmax, diagonal, second = self._once("moments", e, self._slopes)
        return GeneralMoments(softmax, np.full(len(e), self.error), diagonal, second)

    def _shared_rule(self, e: Matrix) -> ExponentialSum:
        """Return a rule for every Y of all rows."""
        largest = np.maximum(e.max(axis=1, initial=0.0), 1.0)
        most = np.minimum(self.draws.most_units, self.copies.sum(axis=1))
        top = 1 + float((most * largest).max())
        require_range(1.0, top)
        return exponential_sum(1.0, top)

    def _blocks(self, size: int) -> list[NDArray[np.int64]]:
        """Return the rows in parts, for the sake of memory."""
        rows = np.flatnonzero(~self._is_alone)
        most = max(1, _TOGETHER // size)
        return [rows[start : start + most] for start in range(0, len(rows), most)]

    def _real(self, rows: NDArray[np.int64], e: Matrix, rule: ExponentialSum) -> RealRows:
        """Return rows on circles through about their saddle points."""
        draws, copies = self.draws.rows(rows), self.copies[rows]
        present = self._needed[rows] & (draws.own_units > 0)
        radius = np.full(len(rule.nodes), draws.odds)
        if draws.degree is not None:
            radius = saddle(draws, self.parts.units, copies, e[rows, :, None] * rule.nodes, present)

        every = [self._row(row, e[row], rule) for row in rows]

        def beside(z: Array) -> Array:
            term = np.repeat(np.arange(len(z)), z.shape[1])
            points = points_at(term, z.ravel())
            found = [of.beside(points) for of in every]
            return np.array([(logs + np.log(by)).reshape(z.shape) for logs, by in found])

        return RealRows(
            rows=rows,
            draws=draws,
            units=self.parts.units,
            copies=copies,
            e=e[rows],
            times=rule.nodes,
            radius=radius,
            present=present,
            beside=beside,
        )

    def _phi(self, z: Array) -> Array:
        return z if self.draws.replaced else log1p_of(z)

    def _excesses(self, e: Matrix) -> Vector:
        """Return the losses less those at e = 0, of the same circles."""
        rule, found = self._shared_rule(e), np.zeros(len(e))
        over = rule.weights / rule.nodes

        def log_wanted(real: RealRows) -> Matrix:
            return np.asarray(np.log(over) + real.log_size)

        for block in self._blocks(e.shape[1] * len(rule.nodes)):
            at_zero = on_shared_circles(
                block, lambda rows: self._real(rows, 0 * e, rule), log_wanted
            )
            for zero in at_zero:
                nodes = _nodes_of_excess(zero, e[zero.rows], over)
                for part, far, first, tables in self._apart(nodes):
                    weight = part.weight * over[part.term]
                    for row in zero.rows[e[zero.rows].any(axis=1)]:
                        lost = self._lost(row, e[row], part, far, first, tables, rule)
                        found[row] += float(lost.real @ weight)
        return found

    def _lost(
        self,
        row: int,
        e: Vector,
        part: Points,
        far: bool,
        first: Array,
        tables: tuple[Array, Array | None],
        rule: ExponentialSum,
    ) -> Array:
        """Return Φ at e = 0 less Φ, at nodes of `_apart`."""
        decay = np.outer(e, rule.nodes)
        exists = self.copies[row][:, None] > 0
        x = np.where(exists, np.exp(-decay) if far else np.expm1(-decay), 0.0)
        logs, factor = self._row(row, e, rule).beside(part)
        change = self._log_product(row, x[:, part.term], tables)
        start = np.exp(logs + self.copies[row] @ self.parts.units * first)
        lost = start - np.exp(logs + change) if far else -start * expm1_of(change)
        return np.asarray(factor * lost)

    def _apart(
        self, nodes: Points
    ) -> Iterator[tuple[Points, bool, Array, tuple[Array, Array | None]]]:
        """Yield nodes with log F of a unit, and 1 − 1/F; where that may overflow, F − 1."""
        phi = self._phi(nodes.z)
        far = phi.real * float(self.draws.everything.max()) < -_LOST
        step = max(1, _CHUNK // len(self.parts.units))
        for sign, index in ((-1, np.flatnonzero(~far)), (1, np.flatnonzero(far))):
            for start in range(0, len(index), step):
                part = nodes.at(index[start : start + step])
                unit = phi[index[start : start + step]]
                table = sign * expm1_of(sign * np.multiply.outer(self.parts.units, unit))
                yield part, sign > 0, unit, _split(table)

    def _log_product(self, row: int, x: Matrix, tables: tuple[Array, Array | None]) -> Array:
        """Return Σ log(1 + x h) over other classes, (M,)."""
        copies, real = self.copies[row], x * tables[0]
        if tables[1] is None:
            return np.asarray(copies @ np.where(copies[:, None] > 0, np.log1p(real), 0.0))
        imaginary = x * tables[1]
        whole, squared = 1 + real, imaginary * imaginary
        less = real * (2 + real) + squared
        logs = np.where(np.abs(less) < 0.5, np.log1p(less), np.log(whole * whole + squared))
        return np.asarray(copies @ logs / 2 + 1j * (copies @ np.arctan2(imaginary, whole)))

    def _slopes(self, e: Matrix, *, second: bool = True) -> tuple[Matrix, Matrix, Array]:
        """Return E[1 ∂Y/Y], the diagonal and all of E[1 ∂Y ∂Yᵀ/Y²], ∂ by log e."""
        rule, size = self._shared_rule(e), e.shape[1]
        softmax, diagonal = np.zeros_like(e), np.zeros_like(e)
        matrix = np.zeros((len(e), size, size) if second else (0, 0, 0))

        def log_wanted(real: RealRows) -> Matrix:
            moved = np.log(real.summed(real.e[..., None] * real.mean))
            return np.asarray(np.log(rule.weights) + real.log_size + moved)

        for block in self._blocks(size * len(rule.nodes)):
            groups = on_shared_circles(block, lambda rows: self._real(rows, e, rule), log_wanted)
            for real in groups:
                wanted = log_wanted(real)
                nodes = real.nodes(real.needed(wanted, wanted), whole=False, marked=True)
                for part, turned in self._turned(nodes, real.radius):
                    for place, row in enumerate(real.rows):
                        at = _Slopes.at(self, real, place, part, turned, rule)
                        softmax[row] += at.softmax
                        if second:
                            beside, along = at.second
                            matrix[row] += beside
                            diagonal[row] += along
        for row, along in enumerate(diagonal if second else ()):
            along -= np.diagonal(matrix[row])
            along *= self.copies[row]
            matrix[row] *= np.outer(self.copies[row], self.copies[row])
            matrix[row] += np.diag(along)
        return softmax, diagonal, matrix

    def _turned(
        self, nodes: Points, radius: Vector
    ) -> Iterator[tuple[Points, tuple[Array, Array | None]]]:
        """Yield nodes with u − 1, (m, M)."""
        step = max(1, _CHUNK // len(self.parts.units))
        for start in range(0, len(nodes.term), step):
            part = nodes.at(slice(start, start + step))
            r = radius[part.term]
            moved = part.z - r if self.draws.replaced else log1p_of((part.z - r) / (1 + r))
            yield part, _split(expm1_of(np.multiply.outer(self.parts.units, moved)))


@dataclass(frozen=True, eq=False)
class _Slopes:
    """One row at some nodes.

    Attributes
    ----------
    copies, e : ndarray, shape (m,)
    term : ndarray of int, shape (M,)
    value : ndarray, shape (M,)
        Φ, weighted for the sum over the circle.
    mean : ndarray, shape (m, M), and the same or None
        Real and imaginary part of −∂ log f/∂s.
    rule : ExponentialSum
    least : float
        |Φ| w t that matters in a Hessian.
    """

    copies: Vector
    e: Vector
    term: NDArray[np.int64]
    value: Array
    mean: tuple[Array, Array | None]
    rule: ExponentialSum
    least: Vector

    @classmethod
    def at(
        cls,
        rows: AveragedExpectation,
        real: RealRows,
        place: int,
        part: Points,
        turned: tuple[Array, Array | None],
        rule: ExponentialSum,
    ) -> _Slopes:
        """Evaluate a row of several."""
        copies, term = real.copies[place], part.term
        share = np.where(copies[:, None] > 0, real.share[place], 0.0)
        above = (share * -np.expm1(-real.first))[:, term]
        share = share[:, term]
        logs, factor = rows._row(int(real.rows[place]), real.e[place], rule).beside(part)
        logs = logs + (copies @ real.log[place])[term]
        x = share * turned[0]
        f, up = 1 + x, x + above
        if turned[1] is None:
            logs = logs + copies @ np.log(f)
            mean: tuple[Array, Array | None] = up / f, None
        else:
            y = share * turned[1]
            f = np.where((f == 0) & (y == 0), _NONE, f)
            square = f * f + y * y
            logs = logs + (copies @ np.log(square) / 2 + 1j * (copies @ np.arctan2(y, f)))
            square = 1 / square
            mean = (up * f + y * y) * square, y * (f - up) * square
        value = part.weight * factor * np.exp(logs)
        return cls(copies, real.e[place], term, value, mean, rule, real.seen[place])

    @property
    def softmax(self) -> Vector:
        """Their part of E[1 ∂Y/Y]."""
        weighted = self.value * self.rule.weights[self.term]
        found = self.mean[0] @ weighted.real
        if self.mean[1] is not None:
            found = found - self.mean[1] @ weighted.imag
        return np.asarray(self.copies * self.e * found)

    @property
    def second(self) -> tuple[Matrix, Vector]:
        """Their part of E[1 ∂Y_i ∂Y_j/Y²] for one class of each, and of ∂Y² alone for i = j."""
        root = np.sqrt(self.rule.weights) * np.sqrt(self.rule.nodes)
        seen = np.flatnonzero(np.abs(self.value) > self.least[self.term])
        value, scale = self.value[seen], np.outer(self.e, root)[:, self.term[seen]]
        real = scale * self.mean[0][:, seen]
        if self.mean[1] is None:
            weighted = value * real
            return weighted @ real.T, (scale * weighted).sum(axis=1)
        imaginary = scale * self.mean[1][:, seen]
        weighted = value.real * real - value.imag * imaginary
        other = value.real * imaginary + value.imag * real
        return weighted @ real.T - other @ imaginary.T, (scale * weighted).sum(axis=1)


def _nodes_of_excess(zero: RealRows, e: Matrix, over: Vector) -> Points:
    """Return nodes for differences to e = 0 on its circles."""
    real = dataclasses.replace(zero, e=e)
    less = np.log1p(np.expm1(-real.decay) * -np.expm1(-real.first))
    change = real.summed(np.maximum(less, -1e3))
    size = zero.log_size + np.log(over)
    needed = zero.needed(size + np.log(2), size + np.log(-np.expm1(change)))
    return real.nodes(needed, whole=True, marked=False)


def _split(z: Array) -> tuple[Array, Array | None]:
    """Return real and imaginary parts, None where there is none."""
    if not np.iscomplexobj(z):
        return z, None
    return np.ascontiguousarray(z.real), np.ascontiguousarray(z.imag)

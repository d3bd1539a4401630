"""Linear constraints at a level: bounds on linear functions of the cell Gram matrix X = G/τ.

    lower_i ≤ ⟨A_i, X⟩ ≤ upper_i,   ⟨A_i, X⟩ = Σ_g own_ig own_g + Σ_gh pair_igh pair_gh

with the bounds of G divided by τ. A multiplier z_i is that of the upper bound where positive and
of the lower one where negative: the Lagrangian is loss + Σ z_i ⟨A_i, X⟩ − price(z),

    price(z) = Σ_i max(z_i, 0) upper_i + min(z_i, 0) lower_i,

so that a multiplier of the wrong sign, against a bound that is not there, has no price and is
left out (`admissible`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ...gram.cells import CellGram, Level
from ...gram.rounding import UNIT, summation
from ...optional import require_memory
from ...short_repr import short_repr
from ...types import Matrix, Vector
from ..class_sizes import ClassSizes
from ..levels import samples_to_classes
from .linear import Linear
from .terms import Terms

_SMALL = 200_000
"""Numbers up to which a dense matrix multiplies faster than a sparse one."""

_ROUNDING = 64 * UNIT
"""Relative error of what a constraint sums: entries of G are sums of products themselves."""


@short_repr
@dataclass(frozen=True, eq=False)
class LinearBounds:
    """Linear constraints on a cell Gram matrix at unit temperature.

    Attributes
    ----------
    names : tuple of str
    operator : sparse array, shape (q, m + m²)
        Coefficients of own and of pair, row by row; symmetric in the pair.
    lower, upper : ndarray, shape (q,)
        Infinite where there is no bound.
    """

    names: tuple[str, ...]
    operator: Any
    lower: Vector
    upper: Vector

    def __len__(self) -> int:
        """Return the number of constraints q."""
        return len(self.lower)

    @cached_property
    def _fast(self) -> Any:
        """The operator as what multiplies fastest."""
        rows, columns = self.operator.shape
        return self.operator.toarray() if rows * columns <= _SMALL else self.operator

    @cached_property
    def _adjoint(self) -> Any:
        """Its transpose, made once."""
        turned = self._fast.T
        return turned if isinstance(turned, np.ndarray) else turned.tocsr()

    def values(self, gram: CellGram) -> Vector:
        """Return ⟨A_i, X⟩, shape (q,)."""
        return np.asarray(self._fast @ _flat(gram.own, gram.pair))

    def excess(self, gram: CellGram) -> Vector:
        """Return by how much every value is above its upper (positive) or below its lower bound."""
        values = self.values(gram)
        return np.maximum(values - self.upper, 0.0) + np.minimum(values - self.lower, 0.0)

    def sizes(self, gram: CellGram) -> Vector:
        """Return the sum of the sizes of what each value sums, and of its finite bounds."""
        root = np.sqrt(np.maximum(gram.own, 0.0))
        size = abs(self.operator) @ _flat(gram.own, np.outer(root, root))
        return np.asarray(np.abs(size) + self._bound_sizes)

    def tolerance(self, gram: CellGram) -> Vector:
        """Return up to what excess a constraint holds: the rounding of its value."""
        count = int(np.diff(self.operator.indptr).max())
        return (_ROUNDING + summation(count)) * self.sizes(gram)

    def hold(self, gram: CellGram) -> bool:
        """Whether all constraints hold up to the rounding of their values."""
        return bool((np.abs(self.excess(gram)) <= self.tolerance(gram)).all())

    def coefficients(self, multipliers: Vector) -> CellGram:
        """Return Σ z_i A_i, as coefficients of own and pair."""
        return _unflat(self._adjoint @ multipliers)

    def sizes_of(self, multipliers: Vector) -> CellGram:
        """Return Σ |z_i A_i|, entry by entry."""
        return _unflat(abs(self.operator).T @ np.abs(multipliers))

    def admissible(self, multipliers: Vector) -> Vector:
        """Return multipliers without those of bounds that are not there."""
        low = np.where(np.isfinite(self.lower), np.minimum(multipliers, 0.0), 0.0)
        return low + np.where(np.isfinite(self.upper), np.maximum(multipliers, 0.0), 0.0)

    def price(self, multipliers: Vector) -> float:
        """Return what admissible multipliers cost in the lower bound."""
        return float(self._bound_of(multipliers) @ multipliers)

    def price_sizes(self, multipliers: Vector) -> float:
        """Return the sum of the sizes of what `price` sums."""
        return float(np.abs(multipliers) @ self._bound_sizes)

    def slackness(self, multipliers: Vector, gram: CellGram) -> float:
        """Return Σ z (bound − value), at least zero where the constraints hold."""
        return float(multipliers @ (self._bound_of(multipliers) - self.values(gram)))

    @cached_property
    def _bound_sizes(self) -> Vector:
        """The larger of both bounds in size, zero where there is none."""
        return np.maximum(np.abs(_finite(self.lower)), np.abs(_finite(self.upper)))

    def _bound_of(self, multipliers: Vector) -> Vector:
        """Return the bound that each multiplier is of."""
        return np.where(multipliers > 0, _finite(self.upper), _finite(self.lower))

    def per_mass(self, mass: Vector) -> Any:
        """Return N^{-1} A_i N^{-1}, row by row, N the masses of the cells."""
        weights = np.concatenate([1 / mass**2, np.outer(1 / mass, 1 / mass).ravel()])
        return self.operator.multiply(weights).tocsr()

    def squared_norms(self, mass: Vector) -> Vector:
        """Return ‖N^{-1/2} A_i N^{-1/2}‖² of every constraint, shape (q,)."""
        return np.asarray(self.operator.multiply(self.per_mass(mass)).sum(axis=1)).ravel()

    def conic(self, own: Any, pair: Any) -> list[Any]:
        """Return the constraints on cvxpy expressions: equations, upper bounds, lower bounds."""
        import cvxpy

        value = self.operator @ cvxpy.hstack([own, cvxpy.vec(pair, order="C")])
        same, above, below = self._kinds()
        made = []
        if len(same):
            made.append(value[same] == self.upper[same])
        if len(above):
            made.append(value[above] <= self.upper[above])
        if len(below):
            made.append(value[below] >= self.lower[below])
        return made

    def conic_multipliers(self, made: list[Any]) -> Vector | None:
        """Return z from the dual variables of `conic`, None where a solver left none."""
        signs = zip(self._kinds(), (1.0, 1.0, -1.0), strict=True)
        kinds = [(places, sign) for places, sign in signs if len(places)]
        found = np.zeros(len(self))
        for one, (places, sign) in zip(made, kinds, strict=True):
            if one.dual_value is None:
                return None
            found[places] += sign * np.ravel(one.dual_value)
        return found

    def _kinds(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        same = self.lower == self.upper
        above, below = np.isfinite(self.upper) & ~same, np.isfinite(self.lower) & ~same
        return np.flatnonzero(same), np.flatnonzero(above), np.flatnonzero(below)


def linear_bounds(
    constraints: list[Linear], sizes: ClassSizes, level: Level, temperature: float
) -> LinearBounds | None:
    """Return the linear constraints of a problem at a level, None where there are none.

    Parameters
    ----------
    constraints : list of Linear
        By class number.
    sizes : ClassSizes
        Embeddings of each class, whose orbits the constraints do not tell apart.
    level : Level
    temperature : float
    """
    if not constraints:
        return None
    members = _members(sizes, level)
    cells = 1 + max(int(cell.max()) for cell in members)
    rows = [_row(one, members, cells) for one in constraints]
    operator = sparse.csr_array(sparse.vstack(rows))
    lower, upper = (
        np.array([getattr(one, name) for one in constraints]) / temperature
        for name in ("lower", "upper")
    )
    return LinearBounds(tuple(map(str, constraints)), operator, lower, upper)


def _members(sizes: ClassSizes, level: Level) -> list[NDArray[np.int64]]:
    """Return the cells of each class: one, or all of its samples."""
    if level is Level.SAMPLES:
        cell = samples_to_classes(sizes).cell_of_point
        return np.split(np.arange(len(cell)), np.cumsum(np.asarray(sizes))[:-1])
    cell = sizes.orbit_index() if level is Level.ORBITS else np.arange(sizes.classes)
    return list(cell[:, None])


def _row(one: Linear, members: list[NDArray[np.int64]], cells: int) -> sparse.csr_array:
    """Return one constraint as coefficients of own and pair, shape (1, m + m²)."""
    terms = one.terms
    if all(len(cell) == 1 for cell in members):
        cell = np.concatenate(members)
        place, entry = _entries(cell[terms.first], cell[terms.second], terms, cells)
    else:
        blocks = [
            _block(members[first], members[second], first == second, weight, cells)
            for first, second, weight in zip(terms.first, terms.second, terms.weight, strict=True)
        ]
        place = np.concatenate([block[0] for block in blocks])
        entry = np.concatenate([block[1] for block in blocks])
    require_memory(32.0 * len(place), f"the constraint {one}")
    numbers = entry, (np.zeros_like(place), place)
    return sparse.csr_array(numbers, shape=(1, cells + cells**2))


def _entries(
    row: NDArray[np.int64], column: NDArray[np.int64], terms: Terms, cells: int
) -> tuple[NDArray[np.int64], Vector]:
    """Return places and coefficients of terms whose classes are in these cells, one each."""
    own = terms.first == terms.second
    apart_row, apart_column, half = row[~own], column[~own], terms.weight[~own] / 2
    places = (
        row[own],
        cells + apart_row * cells + apart_column,
        cells + apart_column * cells + apart_row,
    )
    return np.concatenate(places), np.concatenate([terms.weight[own], half, half])


def _block(
    here: NDArray[np.int64],
    there: NDArray[np.int64],
    is_own: bool,
    weight: float,
    cells: int,
) -> tuple[NDArray[np.int64], Vector]:
    """Return places and coefficients of one term between the samples of two classes."""
    if is_own:  # the mean squared norm
        return here, np.full(len(here), weight / len(here))
    row, column = np.repeat(here, len(there)), np.tile(there, len(here))
    share = np.full(len(row), weight / 2 / len(row))
    places = cells + row * cells + column, cells + column * cells + row
    return np.concatenate(places), np.concatenate([share, share])


def _finite(bounds: Vector) -> Vector:
    return np.where(np.isfinite(bounds), bounds, 0.0)


def _flat(own: Vector, pair: Matrix) -> Vector:
    return np.concatenate([own, pair.ravel()])


def _unflat(coefficients: Any) -> CellGram:
    """Return coefficients of own and pair from a vector of length m + m²."""
    flat = np.asarray(coefficients, dtype=float)
    size = round((-1 + np.sqrt(1 + 4 * len(flat))) / 2)
    return CellGram(flat[:size], flat[size:].reshape(size, size))

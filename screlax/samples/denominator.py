"""The weights of the exponentials in the denominators, without an array of all pairs.

    Z_i = Σ_{j≠i} w_ij e^{⟨h_i, h_j⟩/τ},   w_ij = q_j f_ij,

with one number q_j for each row and a factor f_ij = f_ji that differs from one only between rows
of the same class (or positives that a mask marks), where it has one value for each class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import Vector

Within = Callable[[NDArray[Any], Any, slice], None]
"""Multiplies f_ij into a tile: entries, its rows as a slice or numbers, its columns."""

Run = tuple[int, slice]
"""A class, and where in a block it is."""

_MOST_RUNS = 32
"""Blocks of more runs of one class are compared entry by entry."""


@dataclass(frozen=True, eq=False)
class Denominator:
    """What w_ij is.

    Attributes
    ----------
    columns : ndarray, shape (rows,), or None
        q_j ≥ 0, divided by the largest; None where all are one.
    within : callable or None
        Multiplies f_ij into a tile; None where all are one.
    spread : float
        Largest |log w_ij| there is, of those that are not zero.
    log_scale : float
        Logarithm of what they were divided by, which is missing in log Z.
    keys_from : int or None
        Number of the first row of an item that is a key: anchors before it are contrasted with keys
        alone. None where all rows of an item are contrasted with each other.
    """

    columns: Vector | None = None
    within: Within | None = None
    spread: float = 0.0
    log_scale: float = 0.0
    keys_from: int | None = None


@dataclass(frozen=True, eq=False)
class ClassDenominators:
    """w by class: what a set of rows makes a `Denominator` of.

    Attributes
    ----------
    columns : ndarray, shape (classes,), or None
        q, as in `Denominator`.
    within : bool
        Whether f differs from one within classes.
    factors : ndarray, shape (classes,), or None
        f; None stands for zero.
    spread, log_scale, keys_from
        As in `Denominator`.
    """

    columns: Vector | None
    within: bool
    factors: Vector | None
    spread: float
    log_scale: float
    keys_from: int | None

    def of_rows(self, numbers: NDArray[np.int64], in_runs: bool = False) -> Denominator:
        """Return the weights of rows of these classes; see `SameClass` for `in_runs`."""
        return Denominator(
            None if self.columns is None else self.columns[numbers],
            SameClass(numbers, self.factors, in_runs) if self.within else None,
            self.spread,
            self.log_scale,
            self.keys_from,
        )


EVERY_OTHER = Denominator()
"""All weights are one, as in SupCon."""


@dataclass(frozen=True, eq=False)
class SameClass:
    """Multiplies the entries of a tile that are of one class by the class's factor.

    Attributes
    ----------
    codes : ndarray of int, shape (rows,)
        Class of each row.
    factors : ndarray, shape (classes,), or None
        None stands for zero.
    in_runs : bool
        Whether rows are sorted by class, so that a tile has few rectangles to multiply.
    """

    codes: NDArray[np.int64]
    factors: Vector | None = None
    in_runs: bool = False

    def __call__(
        self, entries: NDArray[Any], rows: slice | NDArray[np.intp], columns: slice
    ) -> None:
        """Multiply them, the diagonal as well."""
        left, right = self.codes[rows], self.codes[columns]
        mine = theirs = None
        if self.in_runs:
            if left.max() < right.min() or right.max() < left.min():
                return
            mine, theirs = _runs(left), _runs(right)
        if mine is None or theirs is None:
            self._multiply_where(entries, left, left[:, None] == right)
            return
        for code, part in mine:
            for other, span in theirs:
                if code != other:
                    continue
                if self.factors is None:
                    entries[part, span] = 0
                else:
                    entries[part, span] *= float(self.factors[code])

    def _multiply_where(
        self, entries: NDArray[Any], left: NDArray[np.int64], same: NDArray[np.bool_]
    ) -> None:
        if self.factors is None:
            np.copyto(entries, 0, where=same)
            return
        factors = self.factors[left].astype(entries.dtype)
        np.multiply(entries, factors[:, None], out=entries, where=same)


def _runs(codes: NDArray[np.int64]) -> list[Run] | None:
    """Return the runs of equal codes, or None where they are many."""
    ends = np.flatnonzero(codes[1:] != codes[:-1]) + 1
    if len(ends) >= _MOST_RUNS:
        return None
    bounds = [0, *ends.tolist(), len(codes)]
    return [(int(codes[first]), slice(first, last)) for first, last in pairwise(bounds)]

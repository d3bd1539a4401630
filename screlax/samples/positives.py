"""The positives of every anchor, from labels, by class sums in O(nd).

With S_c = Σ_{j in class c} h_j the mean of the positives of a sample i of that class is
(S_c − h_i)/(n_c − 1): the sum over pairs never has to be formed. The part of the loss
that they make, −(1/τ) Σ_i w_i ⟨h_i, m_i⟩, has the gradient −(1/τ) (v_i S_c + V_c − 2 v_i h_i) with
v_i = w_i/(n_c − 1) and V_c = Σ_{j in class c} v_j h_j.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .rows import Rows

Vector = NDArray[np.float64]
Numbers = NDArray[np.intp]

_GATHERED = 15 << 10
"""Entries of class sums copied to rows at a time: 120 kB, which the C library need not map."""


class Positives(Protocol):
    """What the loss has to know about the positives, however they are given."""

    counts: Vector
    """How many positives each row has, itself not counted."""
    negatives: Vector
    """How many negatives each row has."""
    single: NDArray[np.bool_]
    """Which rows have one positive: only their losses come near zero."""

    def similarities(self) -> Vector:
        """Return ⟨h_i, m_i⟩, m_i the mean of the positives of row i; zero without positives."""

    def totals(self, weights: Vector, items: int) -> Vector:
        """Return Σ_i w_i ⟨h_i, m_i⟩ of each item."""

    def subtract_gradient(self, gradient: NDArray[Any], weights: Vector) -> None:
        """Subtract the gradient of Σ_i w_i ⟨h_i, m_i⟩ from `gradient`."""

    def exclude(self, entries: NDArray[Any], rows: slice | Numbers, columns: slice) -> None:
        """Zero the entries of a tile that are positives or the diagonal.

        Where rows are given by number the diagonal may be left.
        """


class ClassPositives:
    """Positives are the other rows of the same class.

    Parameters
    ----------
    rows : Rows
        The embeddings.
    codes : ndarray of int, shape (rows,)
        Class of each row; rows of different items have different classes.
    classes, size : int
        Number of classes, and of rows of an item.
    """

    def __init__(self, rows: Rows, codes: NDArray[np.int64], classes: int, size: int) -> None:
        self._rows = rows
        self._codes = codes
        same = np.bincount(codes, minlength=classes)[codes].astype(np.float64)
        self.counts: Vector = same - 1.0
        self.single = same == 2.0
        self.negatives: Vector = size - same
        self._classes = classes
        self._sums = self._class_sums(None)

    def similarities(self) -> Vector:
        """Return ⟨h_i, S_c − h_i⟩/(n_c − 1)."""
        products = np.empty(len(self._rows))
        for part in self._rows.blocks():
            block, codes, out = self._rows.doubles(part), self._codes[part], products[part]
            step = max(1, _GATHERED // block.shape[1])
            for first in range(0, len(block), step):
                few = slice(first, first + step)
                np.einsum("ij,ij->i", block[few], self._sums.take(codes[few], axis=0), out=out[few])
        products -= self._rows.squares
        return products / np.maximum(self.counts, 1.0)

    def totals(self, weights: Vector, items: int) -> Vector:
        """Return Σ_i w_i ⟨h_i, m_i⟩ = Σ_c v_c ‖S_c‖² − Σ_i v_i ‖h_i‖² of each item."""
        shares = weights / np.maximum(self.counts, 1.0)
        constant = self._constant_on_classes(shares)
        if constant is None:
            return np.asarray((weights * self.similarities()).reshape(items, -1).sum(axis=1))
        squares = constant * np.einsum("ij,ij->i", self._sums, self._sums)
        own = (shares * self._rows.squares).reshape(items, -1).sum(axis=1)
        return np.asarray(squares.reshape(items, -1).sum(axis=1) - own)

    def subtract_gradient(self, gradient: NDArray[Any], weights: Vector) -> None:
        """Subtract v_i S_c + V_c − 2 v_i h_i, a block at a time."""
        shares = weights / np.maximum(self.counts, 1.0)
        dtype = gradient.dtype
        sums = self._sums.astype(dtype)
        uniform = self._constant_on_classes(shares) is not None
        others = None if uniform else self._class_sums(shares).astype(dtype)
        twice = (2 * shares).astype(dtype)[:, None]
        for part in self._rows.blocks():
            code, share = self._codes[part], twice[part]
            pull = sums.take(code, axis=0)
            pull -= self._rows.plain(part, dtype)
            pull *= share
            if others is not None:  # replace v_i S_c by V_c in half of it
                pull += others.take(code, axis=0) - share / 2 * sums.take(code, axis=0)
            gradient[part] -= pull

    def exclude(self, entries: NDArray[Any], rows: slice | Numbers, columns: slice) -> None:
        """Zero the entries of the same class, which include the diagonal."""
        same = self._codes[rows, None] == self._codes[columns]
        np.copyto(entries, 0, where=same)

    def _constant_on_classes(self, values: Vector) -> Vector | None:
        """Return one value per class, or None where rows of a class differ."""
        last: Vector = np.zeros(self._classes)
        last[self._codes] = values
        return last if np.array_equal(last[self._codes], values) else None

    def _class_sums(self, weights: Vector | None) -> NDArray[np.float64]:
        """Return Σ_j weight_j h_j over each class, shape (classes, d), in double precision."""
        sums = np.zeros((self._classes, self._rows.array.shape[1]))
        for part in self._rows.blocks():
            codes, block = self._codes[part], self._rows.doubles(part)
            factors = np.ones(len(codes)) if weights is None else weights[part]
            low, high = int(codes.min()), int(codes.max()) + 1
            if high - low <= 2 * len(codes):  # always so for few classes, and for items in turn
                sums[low:high] += indicator(codes - low, factors, high - low) @ block
            else:
                present, local = np.unique(codes, return_inverse=True)
                sums[present] += indicator(local, factors, len(present)) @ block
        return sums


def indicator(codes: NDArray[Any], factors: Vector, classes: int) -> sparse.csc_array[Any]:
    """Return the matrix, classes × rows, with one entry for each row."""
    ends = np.arange(len(codes) + 1)
    return sparse.csc_array((factors, codes, ends), shape=(classes, len(codes)))

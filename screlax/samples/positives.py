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

from ..types import Matrix, Vector
from .denominator import SameClass
from .rows import Rows

Numbers = NDArray[np.intp]

_GATHERED = 15 << 10
"""Entries of class sums copied to rows at a time: 120 kB, which the C library need not map."""


class Targets(Protocol):
    """What the loss has to know about the targets T, however they are given.

    m_i = Σ_j T_ij h_j, for most losses the mean of the positives of row i.
    """

    @property
    def rows(self) -> Rows:
        """The embeddings."""

    @property
    def counts(self) -> Vector:
        """How much there is for each row to have as target, itself not counted; zero for none."""

    def similarities(self) -> Vector:
        """Return ⟨h_i, m_i⟩; zero without targets."""

    def totals(self, weights: Vector, items: int) -> Vector:
        """Return Σ_i w_i ⟨h_i, m_i⟩ of each item."""

    def subtract_gradient(self, gradient: NDArray[Any], weights: Vector) -> None:
        """Subtract the gradient of Σ_i w_i ⟨h_i, m_i⟩ from `gradient`."""


class ClassPositives:
    """Positives are the other rows of the same class; rows of different items have different ones.

    Parameters
    ----------
    rows : Rows
        The embeddings.
    codes : ndarray of int, shape (rows,)
        Class of each row.
    classes, size : int
        Number of classes, and of rows of an item.
    """

    def __init__(self, rows: Rows, codes: NDArray[np.int64], classes: int, size: int) -> None:
        self.rows = rows
        self._codes = codes
        same = np.bincount(codes, minlength=classes)[codes].astype(np.float64)
        self.counts: Vector = same - 1.0
        self.single = same == 2.0
        self.negatives: Vector = size - same
        self.exclude = SameClass(codes)
        self._sums = class_sums(rows, codes, classes)

    def similarities(self) -> Vector:
        """Return ⟨h_i, S_c − h_i⟩/(n_c − 1)."""
        return class_similarities(self.rows, self._codes, self._sums, self.counts)

    def totals(self, weights: Vector, items: int) -> Vector:
        """Return Σ_c v_c ‖S_c‖² − Σ_i v_i ‖h_i‖² where the rows of each class weigh the same."""
        shares = weights / np.maximum(self.counts, 1.0)
        constant = self._constant_on_classes(shares)
        if constant is None:
            return per_item(weights * self.similarities(), items)
        squares = constant * np.einsum("ij,ij->i", self._sums, self._sums)
        return per_item(squares, items) - per_item(shares * self.rows.squares, items)

    def subtract_gradient(self, gradient: NDArray[Any], weights: Vector) -> None:
        """Subtract v_i S_c + V_c − 2 v_i h_i, a block at a time."""
        shares = weights / np.maximum(self.counts, 1.0)
        dtype = gradient.dtype
        sums = self._sums.astype(dtype)
        others = None
        if self._constant_on_classes(shares) is None:
            others = class_sums(self.rows, self._codes, len(sums), shares).astype(dtype)
        twice = (2 * shares).astype(dtype)[:, None]
        for part in self.rows.blocks():
            code, share = self._codes[part], twice[part]
            pull = sums.take(code, axis=0)
            pull -= self.rows.plain(part, dtype)
            pull *= share
            if others is not None:  # replace v_i S_c by V_c in half of it
                pull += others.take(code, axis=0) - share / 2 * sums.take(code, axis=0)
            gradient[part] -= pull

    def _constant_on_classes(self, values: Vector) -> Vector | None:
        """Return one value per class, or None where rows of a class differ."""
        last: Vector = np.zeros(len(self._sums))
        last[self._codes] = values
        return last if np.array_equal(last[self._codes], values) else None


def per_item(values: Vector, items: int) -> Vector:
    """Add up the values of the rows, or classes, of each item."""
    return np.asarray(values.reshape(items, -1).sum(axis=1))


def class_sums(
    rows: Rows, codes: NDArray[np.int64], classes: int, weights: Vector | None = None
) -> Matrix:
    """Return Σ_j weight_j h_j over each class, shape (classes, d), in double precision."""
    sums = np.zeros((classes, rows.array.shape[1]))
    for part in rows.blocks():
        few, block = codes[part], rows.doubles(part)
        factors = np.ones(len(few)) if weights is None else weights[part]
        low, high = int(few.min()), int(few.max()) + 1
        if high - low <= 2 * len(few):  # always so for few classes, and for items in turn
            sums[low:high] += _indicator(few - low, factors, high - low) @ block
        else:
            present, local = np.unique(few, return_inverse=True)
            sums[present] += _indicator(local, factors, len(present)) @ block
    return sums


def class_similarities(
    rows: Rows, codes: NDArray[np.int64], sums: Matrix, counts: Vector
) -> Vector:
    """Return ⟨h_i, S_c − h_i⟩/(n_c − 1), counts being n_c − 1."""
    products = class_products(rows, codes, sums) - rows.squares
    return np.asarray(products / np.maximum(counts, 1.0))


def class_products(rows: Rows, codes: NDArray[np.int64], sums: Matrix) -> Vector:
    """Return the inner product of each row with the sum that its code names."""
    products = np.empty(len(rows))
    for part in rows.blocks():
        block, few, out = rows.doubles(part), codes[part], products[part]
        step = max(1, _GATHERED // block.shape[1])
        for first in range(0, len(block), step):
            some = slice(first, first + step)
            np.einsum("ij,ij->i", block[some], sums.take(few[some], axis=0), out=out[some])
    return products


def _indicator(codes: NDArray[Any], factors: Vector, classes: int) -> sparse.csc_array[Any]:
    """Return the matrix, classes × rows, with one entry for each row."""
    ends = np.arange(len(codes) + 1)
    return sparse.csc_array((factors, codes, ends), shape=(classes, len(codes)))

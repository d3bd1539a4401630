"""Class statistics gathered block by block, in place."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..io.arrays import refuse_nonfinite
from ..optional import require_memory
from ..types import Matrix, Vector


class Accumulator:
    """Counts, means and scatter of the rows added so far.

    A block is taken relative to the class means so far, where its sums are small, and merged by the
    update of Chan, Golub and LeVeque (1983, The American Statistician 37(3), equation 2.1) in
    double precision: with δ the block's mean less the mean so far, W_b its scatter, n_b its number,
    n_a that so far and n their sum,

        μ ← μ + (n_b/n) δ,      W ← W + W_b + (n_a n_b/n) δ δᵀ

    so that neither a large common offset nor a tiny scatter costs digits. Within a block of single
    precision sums and products are in single precision: six digits of the scatter.
    """

    def __init__(self, classes: int, features: int, *, within: bool) -> None:
        numbers = classes * features + (2 * features * features if within else 0)
        require_memory(8 * numbers, f"statistics of {classes:,} classes, dimension {features:,}")
        self.counts = np.zeros(classes, np.int64)
        self.means = np.zeros((classes, features))
        self.traces = np.zeros(classes)
        self.within = np.zeros((features, features)) if within else None

    def add(self, rows: NDArray[Any], numbers: NDArray[np.int64], first: int) -> None:
        """Take in a block, float32 or float64, and refuse entries that are not finite by number."""
        found, place, count = occurring(numbers, len(self.counts))
        before, reference = self.counts[found], self.means[found]
        new = before == 0
        with np.errstate(invalid="ignore", over="ignore"):  # refused below
            if new.any():
                reference[new] = (_class_sums(rows, place, len(found)) / count[:, None])[new]
            rounded = reference.astype(rows.dtype)
            centred = rounded.take(place, axis=0)
            np.subtract(rows, centred, out=centred)
            squares = np.einsum("ij,ij->i", centred, centred)
        if not np.isfinite(squares).all():
            refuse_nonfinite(rows, first, lambda row: (row,))
        own = _class_sums(centred, place, len(found)) / count[:, None]
        # the block's means less the means so far, which are zero for a new class
        apart = own + (rounded.astype(float) - self.means[found])
        total = before + count
        share = before * (count / total)
        if self.within is not None:
            self.within += centred.T @ centred
            self.within += (apart * share[:, None]).T @ apart - (own * count[:, None]).T @ own
        traces = np.bincount(place, weights=squares, minlength=len(found))
        traces -= count * np.einsum("cd,cd->c", own, own)
        # rounding may take the scatter of a single sample below zero
        self.traces[found] += np.maximum(traces, 0) + share * np.einsum("cd,cd->c", apart, apart)
        self.means[found] += apart * (count / total)[:, None]
        self.counts[found] = total


def occurring(
    numbers: NDArray[np.int64], classes: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the classes that occur, the place of each sample's among them, and their counts."""
    if classes > 4 * len(numbers):
        found, place, count = np.unique(numbers, return_inverse=True, return_counts=True)
        return found, place.reshape(-1), count
    count = np.bincount(numbers, minlength=classes)
    found = np.flatnonzero(count)
    if len(found) == classes:
        return found, numbers, count
    table = np.zeros(classes, np.int64)
    table[found] = np.arange(len(found))
    return found, table[numbers], count[found]


def _class_sums(rows: NDArray[Any], place: NDArray[np.int64], classes: int) -> Matrix:
    """Return the sum of the rows of each class, by a product with a sparse 0-1 matrix."""
    ones: Vector = np.ones(len(rows), dtype=rows.dtype)
    ends = np.arange(len(rows) + 1)
    member = sparse.csc_array((ones, place, ends), shape=(classes, len(rows)))
    return np.asarray(member @ rows, dtype=float)

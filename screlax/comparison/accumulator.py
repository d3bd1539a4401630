"""Class statistics gathered block by block, in place."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..errors import InvalidInputError
from ..io.arrays import refuse_nonfinite
from ..optional import require_memory
from ..types import Matrix, Vector

_STRIP = 256
"""Rows handled at a time, which fit a processor's cache."""

_SMALLEST = {np.dtype(np.float32): 1e-12, np.dtype(np.float64): 1e-140}
"""Entries up to which squares, or sums of them, lose digits."""


class Accumulator:
    """Counts, means and scatter of the rows added so far.

    A block is taken relative to its own class means, where its sums are small, and merged by the
    update of Chan, Golub and LeVeque (1983, The American Statistician 37(3), equation 2.1) in
    double precision: with δ the block's mean less the mean so far, W_b its scatter, n_b its number,
    n_a that so far and n their sum,

        μ ← μ + (n_b/n) δ,      W ← W + W_b + (n_a n_b/n) δ δᵀ

    so that neither a large common offset nor a tiny scatter costs digits. The scatter of the block
    and of the δ is one product of a matrix with its transpose. Within a block of single precision
    sums and products are in single precision: six digits of the scatter.
    """

    def __init__(self, classes: int, features: int, *, within: bool) -> None:
        numbers = classes * features + (2 * features * features if within else 0)
        require_memory(8 * numbers, f"statistics of {classes:,} classes, dimension {features:,}")
        self.counts = np.zeros(classes, np.int64)
        self.means = np.zeros((classes, features))
        self.traces = np.zeros(classes)
        self.within = np.zeros((features, features)) if within else None

    def add(
        self,
        rows: NDArray[Any],
        numbers: NDArray[np.int64],
        first: int,
        work: NDArray[Any] | None = None,
    ) -> None:
        """Take in a block, float32 or float64, and refuse entries that are not finite by number.

        Rows of which `needs_double` was asked before may come with memory to work in, of the same
        type and with a row more for every class; it may begin with that of the rows, lost then.
        """
        found, place, count = occurring(numbers, len(self.counts))
        before, so_far = self.counts[found], self.means[found]
        again = np.flatnonzero(before)
        both = np.empty((len(rows) + len(again), rows.shape[1]), rows.dtype)
        if work is not None:
            both = work[: len(both)]
        with np.errstate(invalid="ignore", over="ignore"):  # refused below
            means, squares = _centre(rows, place, count, both[: len(rows)])
        if work is None and needs_double(rows, squares, first):
            self.add(rows.astype(np.float64), numbers, first)
            return
        total = before + count
        between = before * (count / total)
        apart = means - so_far
        traces = np.bincount(place, weights=squares, minlength=len(found))
        traces += between * np.einsum("cd,cd->c", apart, apart)
        if self.within is not None:
            np.multiply(np.sqrt(between[again])[:, None], apart[again], out=both[len(rows) :],
                        casting="same_kind")  # fmt: skip
            self.within += both.T @ both
        self.traces[found] += traces
        self.means[found] += apart * (count / total)[:, None]
        self.counts[found] = total


def _centre(
    rows: NDArray[Any], place: NDArray[np.int64], count: NDArray[np.int64], out: NDArray[Any]
) -> tuple[Matrix, NDArray[Any]]:
    """Write rows less the means of their classes; return means, and squared norms of what is left.

    Means of single precision are corrected by those of the differences.
    """
    means = class_sums(rows, place, len(count)) / count[:, None]
    rounded = means.astype(rows.dtype)
    _subtract(rows, rounded, place, out)
    if rows.dtype == np.float32:
        own = class_sums(out, place, len(count)) / count[:, None]
        means = rounded.astype(np.float64) + own
        _subtract(out, own.astype(np.float32), place, out)
    return means, np.einsum("ij,ij->i", out, out)


def _subtract(
    rows: NDArray[Any], means: NDArray[Any], place: NDArray[np.int64], out: NDArray[Any]
) -> None:
    """Subtract means in strips: without another array of the size of the rows."""
    for start in range(0, len(rows), _STRIP):
        part = slice(start, start + _STRIP)
        np.subtract(rows[part], means.take(place[part], axis=0), out=out[part])


def needs_double(rows: NDArray[Any], squares: NDArray[Any], first: int) -> bool:
    """Whether single precision is too narrow; refuse what double precision is too narrow for.

    `squares` are squared norms of rows, or of what is left of them; `first` numbers the first row.
    """
    double, largest = rows.dtype == np.float64, float(squares.max())
    if not np.isfinite(largest):
        if double or not np.isfinite(rows).all():
            refuse_nonfinite(rows, first, lambda row: (row,))
        return True
    smallest = _SMALLEST[rows.dtype]
    if largest >= smallest**2:
        return False
    size = float(np.abs(rows).max())  # equal rows of usual size may come here too
    if double and 0 < size < smallest:
        raise InvalidInputError(
            f"the largest entry of the embeddings is {size:.3g}, whose square is beyond double "
            "precision; rescale the embeddings"
        )
    return 0 < size < smallest


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


def class_sums(rows: NDArray[Any], place: NDArray[np.int64], classes: int) -> Matrix:
    """Return the sum of the rows of each class, by a product with a sparse 0-1 matrix."""
    ones: Vector = np.ones(len(rows), dtype=rows.dtype)
    ends = np.arange(len(rows) + 1)
    member = sparse.csc_array((ones, place, ends), shape=(classes, len(rows)))
    return np.asarray(member @ rows, dtype=float)

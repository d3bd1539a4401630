"""Class means and scatter of embeddings in one pass over blocks of rows."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..exceptions import InvalidInputError
from ..loss.labels import encode
from ..partition import Matrix, Vector
from .reading import read_block

_BLOCK_ENTRIES = 1 << 21
"""Entries of a block: 8 MB in single, 16 MB in double precision."""


@dataclass(frozen=True, eq=False)
class ClassStatistics:
    """Counts, means and scatter within classes.

    Attributes
    ----------
    names : tuple
        Label of each class.
    counts : ndarray of int, shape (k,)
        n_c, zero for a class without samples.
    means : ndarray, shape (k, d)
        μ_c; zero for a class without samples.
    within_traces : ndarray, shape (k,)
        Σ_{i in c} ‖h_i − μ_c‖².
    within : ndarray, shape (d, d), or None
        Σ_c Σ_{i in c} (h_i − μ_c)(h_i − μ_c)ᵀ, None where it was not asked for.
    """

    names: tuple[Hashable, ...]
    counts: NDArray[np.int64]
    means: Matrix
    within_traces: Vector
    within: Matrix | None

    @property
    def samples(self) -> int:
        """Number of samples n."""
        return int(self.counts.sum())

    @property
    def present(self) -> NDArray[np.intp]:
        """The classes that have samples."""
        return np.flatnonzero(self.counts)

    @property
    def global_mean(self) -> Vector:
        """Mean of all samples, shape (d,)."""
        return np.asarray(np.average(self.means, axis=0, weights=self.counts))

    @property
    def class_mean(self) -> Vector:
        """Mean of the class means, every class counting the same, shape (d,)."""
        return np.asarray(self.means[self.present].mean(axis=0))

    def merge(self, other: ClassStatistics) -> ClassStatistics:
        """Return the statistics of both sets of samples together.

        By the pairwise update of means and scatter (Chan, Golub and LeVeque 1983), which loses no
        digits whatever the means are.

        Raises
        ------
        InvalidInputError
            If classes or dimensions differ.
        """
        if self.names != other.names or self.means.shape != other.means.shape:
            raise InvalidInputError(
                f"statistics of {len(self.names)} classes in dimension {self.means.shape[1]} and "
                f"of {len(other.names)} in {other.means.shape[1]} cannot be merged"
            )
        counts = self.counts + other.counts
        share = np.divide(other.counts, counts, out=np.zeros(len(counts)), where=counts > 0)
        apart = other.means - self.means
        between = self.counts * share  # n_a n_b/(n_a + n_b)
        within = None
        if self.within is not None and other.within is not None:
            within = self.within + other.within + (between[:, None] * apart).T @ apart
        traces = between * np.einsum("cd,cd->c", apart, apart)
        return ClassStatistics(
            self.names,
            counts,
            self.means + share[:, None] * apart,
            self.within_traces + other.within_traces + traces,
            within,
        )


def class_statistics(
    embeddings: NDArray[Any],
    labels: Any,
    *,
    classes: Any = None,
    within: bool = True,
    normalize: bool = False,
    block_rows: int | None = None,
) -> ClassStatistics:
    """Compute class statistics in one pass over the rows.

    Sums are in double precision, scatter is that of rows less a reference point of their class (its
    mean so far), and blocks are merged exactly, so that a large common offset or a small scatter
    costs no digits. The scatter of single precision rows is computed in single precision within a
    block: six digits.

    Parameters
    ----------
    embeddings : ndarray, shape (n, d)
        In memory or memory-mapped; see `as_embeddings`.
    labels : array-like, shape (n,)
        Any labels; class numbers where `classes` is given.
    classes : array-like of int, optional
        0 … k−1: then labels must be among them, and a class may be without samples.
    within : bool, default True
        Whether to compute the d×d scatter matrix, the most expensive part.
    normalize : bool, default False
        Whether to divide each embedding by its norm first.
    block_rows : int, optional
        Rows read at a time; by default about two million entries.

    Raises
    ------
    InvalidInputError
        If an entry is not finite; the message names it.
    """
    names, codes = _classes(labels, classes, len(embeddings))
    count, features = embeddings.shape
    step = block_rows or max(1, _BLOCK_ENTRIES // features)
    total = _empty(names, features, within)
    for first in range(0, count, step):
        block = slice(first, min(first + step, count))
        rows = read_block(embeddings, block, normalize)
        total = total.merge(_of_block(rows, codes[block], total, first))
    return total


def _classes(
    labels: Any, classes: Any, count: int
) -> tuple[tuple[Hashable, ...], NDArray[np.int64]]:
    if classes is not None:
        return tuple(np.asarray(classes).tolist()), np.asarray(labels, dtype=np.int64)
    codes = encode(labels, ((count,),), names=True)
    assert codes.names is not None
    return tuple(codes.names.tolist()), codes.codes


def _empty(names: tuple[Hashable, ...], features: int, within: bool) -> ClassStatistics:
    k = len(names)
    scatter = np.zeros((features, features)) if within else None
    return ClassStatistics(
        names, np.zeros(k, np.int64), np.zeros((k, features)), np.zeros(k), scatter
    )


def _of_block(
    rows: NDArray[Any], codes: NDArray[np.int64], so_far: ClassStatistics, first: int
) -> ClassStatistics:
    """Compute the statistics of one block about the class means so far.

    With the mean μ of a class and a reference point r near it, the scatter is
    Σ (x − r)(x − r)ᵀ − n (μ − r)(μ − r)ᵀ; the last term is small, so that no digits cancel.
    """
    dtype: Any = np.float32 if rows.dtype == np.float32 else np.float64
    counts = np.bincount(codes, minlength=len(so_far.counts))
    indicator = sparse.csc_array(
        (np.ones(len(codes)), codes, np.arange(len(codes) + 1)), shape=(len(counts), len(codes))
    )
    doubles = np.asarray(rows, dtype=np.float64)
    with np.errstate(invalid="ignore"):  # infinite entries are refused below
        sums = np.asarray(indicator @ doubles)
    if not np.isfinite(sums).all():
        _refuse_nonfinite(rows, first)
    inverse = np.divide(1.0, counts, out=np.zeros(len(counts)), where=counts > 0)
    means = sums * inverse[:, None]
    # until a class has been seen its mean in the block is as good
    reference = np.where(so_far.counts[:, None] > 0, so_far.means, means).astype(dtype)
    centred: NDArray[Any] = reference.take(codes, axis=0)
    np.subtract(rows, centred, out=centred, dtype=dtype)
    shift = means - reference
    weighted = counts[:, None] * shift
    squares = np.einsum("ij,ij->i", centred, centred)
    traces = np.bincount(codes, squares, minlength=len(counts))
    traces -= np.einsum("cd,cd->c", weighted, shift)
    scatter = None
    if so_far.within is not None:
        scatter = (centred.T @ centred).astype(np.float64) - weighted.T @ shift
    # rounding may take the scatter of a single sample below zero
    return ClassStatistics(so_far.names, counts, means, np.maximum(traces, 0.0), scatter)


def _refuse_nonfinite(rows: NDArray[Any], first: int) -> None:
    bad = np.argwhere(~np.isfinite(rows))
    if len(bad) == 0:
        raise InvalidInputError("embeddings are so large that their sums overflow; rescale them")
    row, column = (int(number) for number in bad[0])
    raise InvalidInputError(
        f"embeddings[{first + row}, {column}] is {rows[row, column]}; every entry must be finite, "
        "so drop or repair that sample"
    )

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
    block_rows: int | None = None,
) -> ClassStatistics:
    """Compute class statistics in one pass over the rows.

    Each block is accumulated in double precision about reference points of its own (the running
    class means) and merged exactly, so that a large common offset costs no digits.

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
        rows = np.asarray(embeddings[block])
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
    """Compute the statistics of one block.

    The scatter of a block in single precision is one product in single precision of rows less
    their own class's mean: its error is relative to the scatter, not to the norms.
    """
    present, local, counts = np.unique(codes, return_inverse=True, return_counts=True)
    ends = np.arange(len(codes) + 1)
    indicator = sparse.csc_array(
        (np.ones(len(codes)), local, ends), shape=(len(present), len(codes))
    )
    doubles = rows.astype(np.float64)
    means = np.asarray(indicator @ doubles) / counts[:, None]
    if not np.isfinite(means).all():
        _refuse_nonfinite(rows, first)
    doubles -= means[local]
    means += np.asarray(indicator @ doubles) / counts[:, None]  # the rounding of the first mean
    squares = np.einsum("ij,ij->i", doubles, doubles)
    everywhere = _empty(so_far.names, rows.shape[1], False)
    everywhere.counts[present] = counts
    everywhere.means[present] = means
    everywhere.within_traces[present] = np.bincount(local, squares)
    if so_far.within is None:
        return everywhere
    centred = doubles.astype(np.float32) if rows.dtype == np.float32 else doubles
    scatter = (centred.T @ centred).astype(np.float64)
    return ClassStatistics(
        so_far.names, everywhere.counts, everywhere.means, everywhere.within_traces, scatter
    )


def _refuse_nonfinite(rows: NDArray[Any], first: int) -> None:
    bad = np.argwhere(~np.isfinite(rows))
    if len(bad) == 0:
        raise InvalidInputError("embeddings are so large that their sums overflow; rescale them")
    row, column = (int(number) for number in bad[0])
    raise InvalidInputError(
        f"embeddings[{first + row}, {column}] is {rows[row, column]}; every entry must be finite, "
        "so drop or repair that sample"
    )

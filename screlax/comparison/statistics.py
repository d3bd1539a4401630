"""Class means and scatter of embeddings in one pass over blocks of rows."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError
from ..io.arrays import as_embeddings
from ..problem.labels import label_array
from ..samples.layout import encode
from ..short_repr import short_repr
from ..types import Matrix, Vector
from .accumulator import Accumulator
from .blocks import blocks, share


@short_repr
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

    Examples
    --------
    >>> import numpy as np
    >>> from screlax.geometry import class_statistics
    >>> rows = np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0]])
    >>> found = class_statistics(rows, ["cat", "cat", "dog"])
    >>> found.names, found.counts, found.within_traces
    (('cat', 'dog'), array([2, 1]), array([2., 0.]))
    >>> found.global_mean.round(6), found.class_mean  # by samples, by classes
    (array([1.333333, 0.666667]), array([1., 1.]))
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

    def copy(self) -> ClassStatistics:
        """Return the same with arrays of its own."""
        return replace(
            self,
            counts=self.counts.copy(),
            means=self.means.copy(),
            within_traces=self.within_traces.copy(),
            within=None if self.within is None else self.within.copy(),
        )

    def merge(self, other: ClassStatistics) -> ClassStatistics:
        """Return the statistics of both sets of samples together.

        By the pairwise update of means and scatter (Chan, Golub and LeVeque 1983), which loses no
        digits whatever the means are.

        Raises
        ------
        InvalidInputError
            If classes or dimensions differ.

        Examples
        --------
        >>> import numpy as np
        >>> from screlax.geometry import class_statistics
        >>> rows, labels = np.random.default_rng(0).standard_normal((20, 3)), np.arange(20) % 2
        >>> first = class_statistics(rows[:8], labels[:8])
        >>> merged = first.merge(class_statistics(rows[8:], labels[8:]))
        >>> np.allclose(merged.means, class_statistics(rows, labels).means)
        True
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
            weighted = np.sqrt(between)[:, None] * apart
            within = self.within + other.within + weighted.T @ weighted
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
    """Compute class statistics in one pass over the rows, in blocks shared among threads.

    See `screlax.comparison.accumulator.Accumulator` for the accuracy.

    Parameters
    ----------
    embeddings : ndarray, shape (n, d)
        In memory or memory-mapped; see `as_embeddings`.
    labels : array-like, shape (n,)
        Integers, strings or other hashables; class numbers where `classes` is given.
    classes : array-like of int, optional
        0 … k−1: then labels must be among them, and a class may be without samples.
    within : bool, default True
        Whether to compute the d×d scatter matrix, the most expensive part.
    normalize : bool, default False
        Whether to divide each embedding by its norm first.
    block_rows : int, optional
        Rows read at a time; by default as many as fit a processor's cache.

    Raises
    ------
    InvalidInputError
        If an entry is not finite, or a class number none of the classes; the message names it.

    Examples
    --------
    >>> import numpy as np
    >>> from screlax.geometry import class_statistics
    >>> rows = np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0]])
    >>> found = class_statistics(rows, ["cat", "cat", "dog"])
    >>> found.names, found.means.tolist()
    (('cat', 'dog'), [[2.0, 0.0], [0.0, 2.0]])
    """
    embeddings = as_embeddings(embeddings)
    names, numbers = _classes(labels, classes, len(embeddings))
    features = embeddings.shape[1]
    found: dict[int, Accumulator] = {}

    def gather(part: slice, worker: int) -> None:
        own = Accumulator(len(names), features, within=within)
        for first, rows in blocks(embeddings, part, normalize=normalize, block_rows=block_rows):
            own.add(rows, numbers[first : first + len(rows)], first)
        found[part.start] = own

    numbers_kept = len(names) * features + (2 * features * features if within else 0)
    slices = share(gather, embeddings, numbers_kept)
    parts = [_statistics(names, found[part.start]) for part in slices]
    total = parts[0]
    for part in parts[1:]:
        total = total.merge(part)
    return total


def _statistics(names: tuple[Hashable, ...], found: Accumulator) -> ClassStatistics:
    return ClassStatistics(names, found.counts, found.means, found.traces, found.within)


def _checked_numbers(numbers: NDArray[Any], classes: int, count: int) -> NDArray[np.int64]:
    if numbers.shape != (count,) or numbers.dtype.kind not in "iu":
        raise InvalidInputError(
            f"class numbers must be {count} integers, got {numbers.dtype} of shape {numbers.shape}"
        )
    low, high = int(numbers.min()), int(numbers.max())
    if low < 0 or high >= classes:
        raise InvalidInputError(
            f"class number {low if low < 0 else high} is none of 0 … {classes - 1}"
        )
    return numbers.astype(np.int64)


def _classes(
    labels: Any, classes: Any, count: int
) -> tuple[tuple[Hashable, ...], NDArray[np.int64]]:
    if classes is not None:
        names = tuple(np.asarray(classes).tolist())
        return names, _checked_numbers(label_array(labels), len(names), count)
    codes = encode(labels, ((count,),), names=True)
    assert codes.names is not None
    return codes.names, codes.codes

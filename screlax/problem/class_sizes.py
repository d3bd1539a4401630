"""Class sizes, kept as distinct sizes with multiplicities (the orbits of the class symmetry)."""

from __future__ import annotations

import operator
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ..containers import index_of, shown
from ..errors import InvalidInputError, ProblemTooLargeError
from .labels import name_classes
from .per_class import PerClass, number_array, per_class

MAX_SIZE = 10**12
"""Largest class size accepted: beyond it sample counts stop being exact in double precision."""

MAX_SAMPLES = 2**53
"""Largest number of samples accepted: up to it every count is exact in double precision."""

_MAX_CLASSES_LISTED = 200_000_000


@dataclass(frozen=True, eq=False)
class ClassSizes:
    """Validated class sizes of a classification data set.

    Behaves like a read-only sequence of k integers, but stores only the m distinct sizes and
    how often each occurs, plus (when built from a list) which class has which size.

    An orbit is a set of classes that nothing distinguishes: those of one size, and, once a loss
    has told classes of one size apart (`refined`), of the same weights too.

    Attributes
    ----------
    distinct : ndarray of int64, shape (m,)
        The class size of each orbit, largest first; one size may have several orbits.
    multiplicities : ndarray of int64, shape (m,)
        How many classes have that size (κ_g).
    orbit_of_class : ndarray of int64, shape (k,), or None
        Orbit of every class; None when built from pairs, where classes are counted orbit by orbit.

    Examples
    --------
    >>> import screlax
    >>> sizes = screlax.ClassSizes.from_counts([20, 5, 5, 1])
    >>> sizes.distinct, sizes.multiplicities
    (array([20,  5,  1]), array([1, 2, 1]))
    >>> sizes.classes, sizes.samples, sizes.anchors, list(sizes)
    (4, 31, 30, [20, 5, 5, 1])
    """

    distinct: NDArray[np.int64]
    multiplicities: NDArray[np.int64]
    orbit_of_class: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        for array in (self.distinct, self.multiplicities, self.orbit_of_class):
            if isinstance(array, np.ndarray):
                array.setflags(write=False)
            elif array is not None or self.distinct is None:
                raise InvalidInputError(
                    "class sizes are made by ClassSizes.from_counts or from_pairs, which take any "
                    f"container; its own arrays must be those of numpy, got {shown(array)}"
                )
        _check_samples(self.distinct, self.multiplicities)

    @classmethod
    def from_counts(
        cls, counts: ArrayLike | Iterable[int] | Mapping[Any, int] | ClassSizes
    ) -> ClassSizes:
        """Build from one count per class.

        Parameters
        ----------
        counts : array-like of int, shape (k,), mapping or pandas Series
            Number of samples of class 0, 1, …, k−1. A mapping says how many samples each label has,
            a Series too, by its index; the classes then are in the order of `UFM.from_labels`.

        Raises
        ------
        InvalidInputError
            If empty, not one-dimensional, or any count is not a positive whole number; if a label
            is missing or occurs twice.

        Examples
        --------
        >>> from collections import Counter
        >>> import screlax
        >>> list(screlax.ClassSizes.from_counts(Counter("mississippi")))  # i, m, p, s
        [4, 1, 2, 4]
        """
        return cls.with_labels(counts)[0]

    @classmethod
    def with_labels(
        cls,
        counts: ArrayLike | Iterable[int] | Mapping[Any, int] | ClassSizes,
        class_labels: Any = None,
    ) -> tuple[ClassSizes, tuple[Hashable, ...] | None]:
        """Build from one count per class, and return the label of each class.

        Parameters
        ----------
        counts
            As for `from_counts`.
        class_labels : sequence of hashable, optional
            One per class, in class order, also of counts that have labels themselves.

        Returns
        -------
        sizes : ClassSizes
        labels : tuple, or None
            In class order; None where neither argument has labels.

        Raises
        ------
        InvalidInputError
            As `from_counts`; if labels do not fit, or two are the same.

        Examples
        --------
        >>> import screlax
        >>> sizes, labels = screlax.ClassSizes.with_labels({"dog": 5, "cat": 50})
        >>> list(sizes), labels
        ([50, 5], ('cat', 'dog'))
        """
        if isinstance(counts, ClassSizes):
            labels = None if class_labels is None else name_classes(class_labels, counts.classes)
            return counts, labels
        if isinstance(counts, str):
            raise InvalidInputError(
                f"class sizes must be a sequence with one number each, got {counts!r}; "
                f"those of a named profile are screlax.profile({counts!r}), of a file "
                f"screlax.read_counts({counts!r})"
            )
        given = per_class(counts, "class sizes")
        array, labels = _whole_numbers(given, "class sizes"), given.labels
        if class_labels is not None:
            labels = name_classes(class_labels, len(array))
            if given.labels is not None:
                array = given.numbers_of(labels, "class sizes").astype(np.int64)
        ascending, inverse, multiplicities = np.unique(
            array, return_inverse=True, return_counts=True
        )
        last = len(ascending) - 1
        sizes = cls(
            ascending[::-1].copy(),
            multiplicities[::-1].astype(np.int64),
            (last - inverse.reshape(-1)).astype(np.int64),
        )
        return sizes, labels

    def refined(self, columns: NDArray[np.float64]) -> tuple[ClassSizes, NDArray[np.int64]]:
        """Split the orbits by further numbers of the classes.

        Parameters
        ----------
        columns : ndarray, shape (k, q)
            Numbers by which classes differ, in class order.

        Returns
        -------
        sizes : ClassSizes
            The same classes in the same order; the orbits of one size by ascending numbers.
        first : ndarray of int64
            A class of each orbit.

        Examples
        --------
        >>> import numpy as np
        >>> import screlax
        >>> sizes = screlax.ClassSizes.from_counts([5, 20, 5, 5])
        >>> finer, first = sizes.refined(np.array([[1.0], [1.0], [2.0], [1.0]]))
        >>> finer.distinct, finer.multiplicities, first
        (array([20,  5,  5]), array([1, 2, 1]), array([1, 0, 2]))
        """
        keys = np.column_stack([-np.asarray(self, dtype=float), columns])
        _, first, orbit, copies = np.unique(
            keys, axis=0, return_index=True, return_inverse=True, return_counts=True
        )
        distinct = np.asarray(self)[first]
        sizes = ClassSizes(distinct, copies.astype(np.int64), orbit.reshape(-1).astype(np.int64))
        return sizes, first.astype(np.int64)

    def with_sizes(self, distinct: NDArray[np.int64]) -> ClassSizes:
        """Return the same classes in the same orbits with other sizes, one for each orbit."""
        return ClassSizes(
            np.asarray(distinct, dtype=np.int64), self.multiplicities, self.orbit_of_class
        )

    def one_by_one(self) -> tuple[ClassSizes, NDArray[np.int64]]:
        """Return the same classes, each an orbit of its own, and what orbit each came from.

        Examples
        --------
        >>> import screlax
        >>> apart, orbit = screlax.ClassSizes.from_counts([5, 20, 5]).one_by_one()
        >>> apart.distinct, apart.orbit_index(), orbit
        (array([20,  5,  5]), array([1, 0, 2]), array([0, 1, 1]))
        """
        before = self.orbit_index()
        order = np.argsort(before, kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        orbit = before[order]
        ones = np.ones(len(order), dtype=np.int64)
        return ClassSizes(self.distinct[orbit], ones, place), orbit

    @classmethod
    def from_pairs(cls, sizes: ArrayLike, multiplicities: ArrayLike) -> ClassSizes:
        """Build from (size, multiplicity) pairs, so that 10⁷ classes never become an array.

        Parameters
        ----------
        sizes, multiplicities : array-like of int, shape (p,)
            `multiplicities[j]` classes have `sizes[j]` samples each; repeated sizes are merged.
            Taken in the order they are in, also from a Series.

        Raises
        ------
        InvalidInputError
            If the lengths differ, any entry is not a positive whole number, or there are more than
            `MAX_SAMPLES` samples.

        Examples
        --------
        >>> import screlax
        >>> sizes = screlax.ClassSizes.from_pairs([1000, 10], [2, 10**6])
        >>> sizes.orbits, sizes.classes
        (2, 1000002)
        """
        return cls.refined_pairs(sizes, multiplicities, None)[0]

    @classmethod
    def refined_pairs(
        cls, sizes: ArrayLike, multiplicities: ArrayLike, columns: NDArray[np.float64] | None
    ) -> tuple[ClassSizes, NDArray[np.int64]]:
        """Build from pairs as `from_pairs`, and tell those of different `columns` (p, q) apart.

        Returns the sizes and, for each orbit, the position of one of its pairs.

        Examples
        --------
        >>> import numpy as np
        >>> import screlax
        >>> weights = np.array([[1.0], [2.0], [1.0]])
        >>> sizes, pairs = screlax.ClassSizes.refined_pairs([9, 5, 5], [2, 1, 4], weights)
        >>> sizes.distinct, sizes.multiplicities, pairs
        (array([9, 5, 5]), array([2, 4, 1]), array([0, 2, 1]))
        """
        _in_step(sizes, multiplicities)
        size_array, counts = (
            _whole_numbers(PerClass(number_array(values, what), None), what)
            for values, what in ((sizes, "class sizes"), (multiplicities, "multiplicities"))
        )
        if len(size_array) != len(counts):
            raise InvalidInputError(
                f"{len(size_array)} sizes but {len(counts)} multiplicities; give one for each size"
            )
        _check_samples(size_array, counts)
        keys, axis = -size_array, None
        if columns is not None:
            keys, axis = np.column_stack([keys, columns]), 0
        _, first, inverse = np.unique(keys, axis=axis, return_index=True, return_inverse=True)
        total = np.zeros(len(first), dtype=np.int64)
        np.add.at(total, inverse.reshape(-1), counts)
        return cls(size_array[first], total), first.astype(np.int64)

    @property
    def classes(self) -> int:
        """Number of classes k."""
        return int(self.multiplicities.sum())

    @property
    def orbits(self) -> int:
        """Number of orbits m: of distinct sizes, unless a loss tells more classes apart."""
        return len(self.distinct)

    @property
    def sizes_repeat(self) -> bool:
        """Whether a loss tells classes of one size apart, so that a size has several orbits."""
        return len(np.unique(self.distinct)) < self.orbits

    @property
    def samples(self) -> int:
        """Number of samples n."""
        return int(self.distinct @ self.multiplicities)

    @property
    def singletons(self) -> int:
        """Number of classes with a single sample (they only ever serve as negatives)."""
        return int(self.multiplicities[self.distinct == 1].sum())

    @property
    def anchors(self) -> int:
        """Number of samples whose class has at least two samples."""
        return self.samples - self.singletons

    def orbit_index(self) -> NDArray[np.int64]:
        """Return the orbit of every class, shape (k,).

        Raises
        ------
        ProblemTooLargeError
            If k is so large that listing the classes one by one makes no sense.
        """
        if self.orbit_of_class is not None:
            return self.orbit_of_class
        if self.classes > _MAX_CLASSES_LISTED:
            raise ProblemTooLargeError(
                f"listing {self.classes:,} classes one by one would take "
                f"{8 * self.classes / 1e9:.0f} GB; stay with distinct sizes and multiplicities"
            )
        return np.repeat(np.arange(self.orbits), self.multiplicities)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        array = self.distinct[self.orbit_index()]
        return array if dtype is None else array.astype(dtype)

    def __len__(self) -> int:
        return self.classes

    def __getitem__(self, index: Any) -> Any:
        return np.asarray(self)[index]

    def __iter__(self) -> Iterator[int]:
        return iter(np.asarray(self).tolist())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ClassSizes):
            return NotImplemented
        return (
            np.array_equal(self.distinct, other.distinct)
            and np.array_equal(self.multiplicities, other.multiplicities)
            and self._same_order(other)
        )

    def _same_order(self, other: ClassSizes) -> bool:
        """Whether the classes come in the same order, given that their sizes are the same."""
        first, second = self.orbit_of_class, other.orbit_of_class
        if first is not None and second is not None:
            return bool(np.array_equal(first, second))
        listed = second if first is None else first  # from pairs, classes come orbit by orbit
        return listed is None or bool((listed[1:] >= listed[:-1]).all())

    def __hash__(self) -> int:
        return hash((self.distinct.tobytes(), self.multiplicities.tobytes()))

    def __repr__(self) -> str:
        return (
            f"ClassSizes(k={self.classes}, n={self.samples}, m={self.orbits}, "
            f"largest={self.distinct[0]}, smallest={self.distinct[-1]})"
        )


def _check_samples(sizes: NDArray[np.int64], multiplicities: NDArray[np.int64]) -> None:
    """Refuse more samples than a double counts; Python integers do not overflow."""
    samples = sum(map(operator.mul, sizes.tolist(), multiplicities.tolist()))
    if samples > MAX_SAMPLES:
        raise InvalidInputError(
            f"{samples:.3g} samples in all; above 2^53 = {MAX_SAMPLES:.3g} they cannot be counted "
            "exactly in double precision"
        )


def _whole_numbers(given: PerClass, what: str) -> NDArray[np.int64]:
    """Check and convert to a one-dimensional int64 array of positive whole numbers."""
    array = given.numbers
    if array.size == 0:
        raise InvalidInputError(f"{what} are empty; give one positive whole number per class")
    wrong = ~(np.isfinite(array) & (array > 0) & (array == np.floor(array)))
    if wrong.any():
        first = int(np.argmax(wrong))
        hint = "; leave out classes without samples" if array[first] == 0 else ""
        raise InvalidInputError(
            f"{what} must be positive whole numbers, got {array[first]} {given.place(first)}{hint}"
        )
    if array.max() > MAX_SIZE:
        raise InvalidInputError(f"{what} above {MAX_SIZE:.0e} are not supported: {array.max()}")
    return array.astype(np.int64)


def _in_step(sizes: Any, multiplicities: Any) -> None:
    """Refuse two Series whose index is not the same: nothing says which entries belong together."""
    first, second = index_of(sizes), index_of(multiplicities)
    if first is not None and second is not None and first != second:
        raise InvalidInputError(
            "sizes and multiplicities are Series with different index; align them, or give the "
            "values (.to_numpy()) in order"
        )

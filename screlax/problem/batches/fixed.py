"""Batches that are drawn once, before training, and are the same in every epoch."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ...containers import as_numpy, shown
from ...errors import InvalidInputError
from ..batch_files import read_batches
from ..class_sizes import ClassSizes
from .base import Batches, Sampling, register_batches

Indices = NDArray[np.int64]


@register_batches
@dataclass(frozen=True, eq=False)
class FixedBatches(Batches):
    """Batches that are drawn once: the same in every epoch.

    Samples of different batches never meet, so that the problem falls apart into one for each
    batch, joined only by samples that are in several (`Solution.components`). Every step counts
    alike: the objective is n × the mean over batches of (sum over the batch)/(its size).

    Parameters
    ----------
    batches : list of array-like of int, ndarray of int, or path
        For each batch the indices of its samples, from 0: into the labels given to
        `UFM.from_labels`, else into samples in class order. A sample may be in several batches, in
        none, or several times in one, as drawing with replacement has it: then it is there as
        often, always as the same embedding, a positive of itself. A flat list or array is the batch
        of every sample in turn, −1 for none. A path is a file of either
        (`screlax.problem.batch_files.read_batches`).
    classes : array-like of int, shape (n,), optional
        Class number of every sample; `UFM.from_labels` fills it in. By default samples are in class
        order.
    mean_over : {"all", "anchors"}, default "all"
        Whether the mean of a batch is over all its embeddings, or those with a positive, which
        are fewer with one view. Keyword only.

    Raises
    ------
    InvalidInputError
        If there are no batches, one is empty, or an index is no whole number of at least zero.

    Examples
    --------
    >>> import screlax
    >>> batches = screlax.batches.FixedBatches([[0, 1, 2, 5], [3, 4, 6, 7]])
    >>> problem = screlax.UFM([5, 3], screlax.Sphere(1.0), batches=batches)
    >>> solution = screlax.solve_relaxation(problem)
    >>> for component in solution.components:
    ...     print(component)
    batch 0: 4 samples of 2 classes
    batch 1: 4 samples of 2 classes
    """

    name: ClassVar[str] = "fixed"
    file_option: ClassVar[str] = "batches"
    batches: Any
    classes: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "batches", _index_arrays(self.batches))
        if self.classes is not None:
            numbers = _whole(self.classes, "the classes of samples")
            object.__setattr__(self, "classes", _kept(numbers))

    @cached_property
    def indices(self) -> Indices:
        """The indices of all batches, one after another."""
        return np.concatenate(self.batches)

    @cached_property
    def lengths(self) -> Indices:
        """How many indices each batch has."""
        return np.array([len(batch) for batch in self.batches], dtype=np.int64)

    @cached_property
    def batch_of_index(self) -> Indices:
        """The batch of every one of `indices`."""
        return np.repeat(np.arange(len(self.batches)), self.lengths)

    def expected(self, loss: Any) -> Any:
        """See `Batches.expected`: a mean over the batches that there are."""
        from ..losses.in_fixed import InFixedBatches  # which is made of batches

        return InFixedBatches(loss, self)

    def of_samples(self, numbers: Indices) -> FixedBatches:
        """See `Batches.of_samples`."""
        return self if self.classes is not None else dataclasses.replace(self, classes=numbers)

    def class_of_sample(self, sizes: ClassSizes) -> Indices:
        """Return the class of every sample that indices may name, shape (n,).

        Raises
        ------
        InvalidInputError
            If there are fewer samples than an index says, or the classes are of other samples.
        """
        counts = np.asarray(sizes)
        numbers = self.classes
        if numbers is None:
            numbers = np.repeat(np.arange(len(counts)), counts)
        elif not np.array_equal(np.bincount(numbers, minlength=len(counts)), counts):
            raise InvalidInputError(
                "the batches are of other samples: their classes do not have the sizes of this "
                "problem; give batches as they were before they were part of a problem"
            )
        largest = int(self.indices.max())
        if largest >= len(numbers):
            raise InvalidInputError(
                f"batches name sample {largest}, and there are {len(numbers):,} samples, from 0 to "
                f"{len(numbers) - 1}"
            )
        return np.asarray(numbers, dtype=np.int64)

    def samplings(self, sizes: ClassSizes) -> list[Sampling]:
        """Refuse: these batches are no expectation over compositions. See `Batches.samplings`."""
        raise InvalidInputError(
            "batches that are drawn once are no expectation over compositions: the samples of a "
            "class are not alike; solve_relaxation takes them apart, batch by batch"
        )

    def draw(self, sizes: ClassSizes, generator: np.random.Generator) -> Indices:
        """See `Batches.draw`: one of the batches, each with the same chance."""
        chosen = self.batches[int(generator.integers(len(self.batches)))]
        return np.bincount(self.class_of_sample(sizes)[chosen], minlength=sizes.classes)

    def are_alike(self, sizes: ClassSizes) -> bool:
        """See `Batches.are_alike`: where there is one."""
        return len(self.batches) == 1

    @property
    def options(self) -> dict[str, Any]:
        """The options as text and files have them: the batch of every sample where it has one."""
        given: dict[str, Any] = {"batches": self._as_lists()}
        if self.is_per_anchor:
            given["mean_over"] = self.mean_over
        return given if self.classes is None else {**given, "classes": self.classes.tolist()}

    def _as_lists(self) -> list[Any]:
        indices, batch = self.indices, self.batch_of_index
        flat = np.full(int(indices.max()) + 1, -1)
        flat[indices] = batch
        if len(np.unique(indices)) == len(indices):
            return list(flat.tolist())
        return [indices.tolist() for indices in self.batches]

    @classmethod
    def of_record(cls, options: dict[str, Any]) -> Self:
        """See `Batches.of_record`; a record names no files."""
        if isinstance(options.get("batches"), str):
            raise TypeError("batches in a record are indices")
        return cls(**options)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FixedBatches):
            return NotImplemented
        same = self.mean_over == other.mean_over and np.array_equal(self.lengths, other.lengths)
        same = same and np.array_equal(self.indices, other.indices)
        if self.classes is None or other.classes is None:
            return same and self.classes is other.classes
        return same and np.array_equal(self.classes, other.classes)

    def __hash__(self) -> int:
        return hash((self.indices.tobytes(), self.lengths.tobytes()))

    def __str__(self) -> str:
        least, most = int(self.lengths.min()), int(self.lengths.max())
        size = f"{most}" if least == most else f"{least} to {most}"
        over = ",mean_over=anchors" if self.is_per_anchor else ""
        return f"fixed:batches={len(self.batches)} of {size}{over}"

    def __repr__(self) -> str:
        return f"<FixedBatches: {self}>"


def _index_arrays(given: Any) -> tuple[Indices, ...]:
    """Return one array of indices for each batch."""
    if isinstance(given, str | os.PathLike):
        given = read_batches(given)
    entries = given if isinstance(given, np.ndarray) else list(given) if _is_listed(given) else None
    if entries is None or len(entries) == 0:
        raise InvalidInputError(
            f"batches must be a list of index arrays, one for each batch, got {shown(given)}"
        )
    if all(np.ndim(entry) == 0 for entry in entries):
        return _of_numbers(_whole(entries, "the batch of every sample", least=-1))
    arrays = tuple(_kept(np.sort(_whole(e, f"batch {at}"))) for at, e in enumerate(entries))
    empty = [at for at, array in enumerate(arrays) if not len(array)]
    if empty:
        raise InvalidInputError(f"batch {empty[0]} has no samples; leave it out")
    return arrays


def _is_listed(given: Any) -> bool:
    return hasattr(given, "__iter__") and not hasattr(given, "items")


def _of_numbers(batch: Indices) -> tuple[Indices, ...]:
    """Return the samples of each batch, from the batch of each sample."""
    count = int(batch.max()) + 1
    order = np.argsort(batch, kind="stable")
    ends = np.searchsorted(batch[order], np.arange(count + 1))
    empty = np.flatnonzero(np.diff(ends) == 0)
    if not count or len(empty):
        which = "any batch" if not count else f"batch {empty[0]}"
        raise InvalidInputError(f"no sample is in {which}; number the batches 0, 1, 2, …")
    return tuple(_kept(order[first:last].astype(np.int64)) for first, last in pairwise(ends))


def _whole(given: Any, what: str, least: int = 0) -> Indices:
    """Return whole numbers of at least `least` as an array (n,)."""
    array = as_numpy(given, what)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise InvalidInputError(
            f"{what} must be whole numbers in one dimension, got {array.dtype} of shape "
            f"{array.shape}"
        )
    if array.size and int(array.min()) < least:
        raise InvalidInputError(
            f"{what} must be whole numbers of at least {least}, got {int(array.min())}"
        )
    return array.astype(np.int64)


def _kept(array: Indices) -> Indices:
    array.setflags(write=False)
    return array

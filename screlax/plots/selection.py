"""Which classes are drawn where there are more than a picture can show, and their Gram matrix.

Up to `most` classes, all of them. Beyond, one class of each distinct size; where even those are
more than `most`, of the sizes nearest to geometrically spaced ones, the largest and the smallest
among them. Every number drawn is an entry of the Gram matrix, none an average, and k×k numbers
never exist.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks import whole_number
from ..gram.curve import AnyGram
from ..io.shown import one_line, shortened, width_of
from ..problem.class_sizes import ClassSizes
from ..problem.ufm import UFM
from ..types import Matrix
from .canvas import short_count

NAMED = 20
"""Up to this many classes every class is named on the axes."""

LONGEST = 14
"""Characters of a class label on an axis."""

_TILE = 64


@dataclass(frozen=True, eq=False)
class Selection:
    """Classes to draw, largest first: orbit (distinct size) and size of each, both of shape (p,).

    `rule` says in words for an axis what is drawn, and is empty where that is every class; `names`
    are their labels where there are at most `NAMED`, `kinds` what tells those of one size apart.
    """

    orbits: NDArray[np.int64]
    sizes: NDArray[np.int64]
    rule: str
    names: list[str] | None
    kinds: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether every class is drawn, else one of each size."""
        return not self.rule


def select_classes(problem: UFM, most: int) -> Selection:
    """Return the classes to draw, at most `most` of them."""
    sizes = problem.class_sizes
    most = whole_number(most, "the number of classes to draw", 2)
    if sizes.classes <= most:
        orbits = np.repeat(np.arange(sizes.orbits), sizes.multiplicities)
        named = class_names(problem) if sizes.classes <= NAMED else None
        names = named and shown_labels(named)
        return Selection(orbits, sizes.distinct[orbits], "", names)
    orbits = select_orbits(sizes, most)
    names = None
    if len(orbits) <= NAMED:
        names = [f"{short_count(copies)} ×" for copies in sizes.multiplicities[orbits]]
    kinds = tuple(options_in_words(problem, orbits))
    return Selection(orbits, sizes.distinct[orbits], size_rule(problem, len(orbits)), names, kinds)


def size_rule(problem: UFM, drawn: int) -> str:
    """Return in words that one class of each of so many sizes is drawn."""
    sizes, others = problem.class_sizes, problem.kinds_in_words
    kinds = f"kinds of size and {others}" if others else "sizes"
    if drawn == sizes.orbits:
        return f"one class of each of {drawn:,} {kinds} ({short_count(sizes.classes)} classes)"
    return f"one class of each of {drawn:,} of {sizes.orbits:,} {kinds}"


def options_in_words(problem: UFM, orbits: NDArray[np.int64]) -> list[str]:
    """Return for each orbit the numbers that tell it from others of its size, or nothing."""
    columns = [
        [f"{name.replace('_', ' ')} {number:g}" for number in numbers[orbits]]
        for name, numbers in problem.orbit_options.items()
    ]
    return [", ".join(words) for words in zip(*columns, strict=True)] or [""] * len(orbits)


def select_orbits(sizes: ClassSizes, most: int) -> NDArray[np.int64]:
    """Return at most `most` orbits, all or those nearest to geometrically spaced sizes."""
    if sizes.orbits <= most:
        return np.arange(sizes.orbits)
    wanted = np.geomspace(float(sizes.distinct[0]), float(sizes.distinct[-1]), most)
    found = np.searchsorted(-sizes.distinct.astype(float), -wanted)
    return np.unique(np.minimum(found, sizes.orbits - 1)).astype(np.int64)


def orbits_at(sizes: ClassSizes, shares: ArrayLike) -> NDArray[np.int64]:
    """Return the orbit of the class below which are these shares of all, the largest at 0."""
    below = np.cumsum(sizes.multiplicities) / sizes.classes
    return np.minimum(np.searchsorted(below, shares), sizes.orbits - 1).astype(np.int64)


def selected_gram(gram: AnyGram, orbits: NDArray[np.int64]) -> Matrix:
    """Return the Gram matrix of different classes with these orbits, shape (p, p)."""
    distinct, inverse = np.unique(orbits, return_inverse=True)
    rows = [gram.rows(distinct[i : i + _TILE])[:, distinct] for i in range(0, len(distinct), _TILE)]
    matrix = np.concatenate(rows)[np.ix_(inverse, inverse)]
    np.fill_diagonal(matrix, gram.own[orbits])
    return matrix


def shown_labels(labels: Iterable[Hashable]) -> list[str]:
    """Return class labels short enough for an axis: their beginnings, where those differ."""
    whole = list(map(one_line, labels))
    short = [shortened(label, LONGEST) for label in whole]
    if len(set(short)) == len(set(whole)):
        return short
    return [_ends_of(label) for label in whole]


def _ends_of(label: str) -> str:
    """Return beginning and end of a label that is too long."""
    if width_of(label) <= LONGEST:
        return label
    end = label
    while width_of(end) > LONGEST // 2:
        end = end[1:]
    return shortened(label, LONGEST - width_of(end)) + end


def class_names(problem: UFM) -> list[str]:
    """Return the labels of all classes, largest first."""
    order = np.argsort(problem.class_sizes.orbit_index(), kind="stable")
    labels = problem.class_labels or range(problem.classes)
    return [one_line(labels[number]) for number in order]

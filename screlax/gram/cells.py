"""Cells: groups of interchangeable points, and the Gram matrices that are written down on them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError
from ..short_repr import short_repr
from ..spelling import hint
from ..types import Matrix, Vector


class Level(StrEnum):
    """The level at which the relaxation is posed; all have the same optimal value.

    Instances are samples that need not coincide within their class, exchangeable in it: a level of
    losses with general targets, where classes and orbits are levels of the class means.
    """

    SAMPLES = "samples"
    INSTANCES = "instances"
    CLASSES = "classes"
    ORBITS = "orbits"


@short_repr
@dataclass(frozen=True, eq=False)
class Cells:
    """What the rows and columns of a cell matrix stand for.

    Attributes
    ----------
    points : ndarray, shape (m,)
        κ_g, how many points (samples, or class means) cell g has.
    samples_each : ndarray, shape (m,)
        How many samples each of its points stands for.
    class_size : ndarray, shape (m,)
        How many samples the class has that each of its points belongs to.
    """

    points: Vector
    samples_each: Vector
    class_size: Vector

    @classmethod
    def of_samples(cls, samples: Vector) -> Cells:
        """Return cells of one point each that stand for so many samples, each a class."""
        return cls(np.ones_like(samples), samples, samples)

    def __len__(self) -> int:
        """Return the number of cells m."""
        return len(self.points)

    @cached_property
    def mass(self) -> Vector:
        """How many samples each cell has, shape (m,); tr G = Σ_g mass_g own_g."""
        return self.points * self.samples_each

    @property
    def has_pairs(self) -> NDArray[np.bool_]:
        """Whether there are two different points, of these cells, shape (m, m)."""
        return ~np.diag(self.points == 1)

    @property
    def samples(self) -> float:
        """Number of samples n."""
        return float(self.mass.sum())


@short_repr
@dataclass(frozen=True, eq=False)
class CellGram:
    """A Gram matrix that is invariant under exchanging points of the same cell.

    Attributes
    ----------
    own : ndarray, shape (m,)
        a_g, the squared norm of each point of cell g.
    pair : ndarray, shape (m, m), symmetric
        Inner product of two *different* points, of cells g and h. On the diagonal, of two different
        points of the same cell (b_g); in a cell with a single point it equals `own`.
    """

    own: Vector
    pair: Matrix

    @property
    def spread(self) -> Vector:
        """δ_g = a_g − b_g, half the squared distance of two different points of a cell."""
        return self.own - np.diagonal(self.pair)

    def scaled(self, factor: float) -> CellGram:
        """Return the Gram matrix multiplied by a number."""
        return CellGram(self.own * factor, self.pair * factor)

    def plus(self, other: CellGram) -> CellGram:
        """Return the sum of two, entry by entry."""
        return CellGram(self.own + other.own, self.pair + other.pair)

    def leading(self, count: int) -> CellGram:
        """Return the Gram matrix of the first cells."""
        return CellGram(self.own[:count], self.pair[:count, :count])

    def rows(self, cells: NDArray[np.int64]) -> Matrix:
        """Return rows of `pair`, shape (len(cells), m)."""
        return self.pair[cells]

    def is_finite(self) -> bool:
        """Whether every entry is a number."""
        return bool(np.isfinite(self.own).all() and np.isfinite(self.pair).all())

    def stored(self) -> dict[str, Any]:
        """Return the arrays that a file holds, by name."""
        return {"own": self.own, "pair_upper": self.pair[np.triu_indices(len(self.own))]}

    def dense(self) -> CellGram:
        """Return itself: the form every other kind of Gram matrix can be brought to."""
        return self

    @property
    def scatter(self) -> Vector:
        """How far points behind a cell's class mean are apart, see `ScatteredGram`; zero here."""
        return np.zeros_like(self.own)

    @property
    def around_mean(self) -> tuple[Vector, Vector]:
        """What a point, and the product of two, have beyond their class mean's squared norm."""
        return np.zeros_like(self.own), np.zeros_like(self.own)

    @classmethod
    def from_matrix(cls, matrix: Matrix) -> CellGram:
        """Wrap an ordinary Gram matrix, every point a cell of its own."""
        return cls(np.diagonal(matrix).copy(), matrix)


@short_repr
@dataclass(frozen=True, eq=False)
class ScatteredGram(CellGram):
    """A Gram matrix of class means whose samples do not coincide, but are exchangeable.

    Attributes
    ----------
    own, pair
        Of the class means, by orbit.
    points_apart : ndarray, shape (m,)
        How many points n each class has.
    apart : ndarray, shape (m,)
        e, half the squared distance of two points of a class: they have squared norm
        own + e (n−1)/n and inner product own − e/n.
    """

    points_apart: Vector
    apart: Vector

    def scaled(self, factor: float) -> ScatteredGram:
        """Return the Gram matrix multiplied by a number."""
        own, pair, apart = self.own * factor, self.pair * factor, self.apart * factor
        return ScatteredGram(own, pair, self.points_apart, apart)

    def leading(self, count: int) -> ScatteredGram:
        """Return the Gram matrix of the first cells."""
        means = super().leading(count)
        return ScatteredGram(means.own, means.pair, self.points_apart[:count], self.apart[:count])

    def stored(self) -> dict[str, Any]:
        """Return the arrays that a file holds, by name."""
        return {**super().stored(), "apart": self.apart}

    def is_finite(self) -> bool:
        """Whether every entry is a number."""
        return super().is_finite() and bool(np.isfinite(self.apart).all())

    @property
    def scatter(self) -> Vector:
        """Mean squared distance of the points of a class from their mean, e (n−1)/n."""
        return self.apart * (self.points_apart - 1) / self.points_apart

    @property
    def around_mean(self) -> tuple[Vector, Vector]:
        """See `CellGram.around_mean`."""
        return self.scatter, -self.apart / self.points_apart


def check_level(level: str) -> Level:
    """Return the `Level` of that name, or raise an `InvalidInputError` that lists them."""
    try:
        return Level(level)
    except ValueError:
        names = ", ".join(known.value for known in Level)
        raise InvalidInputError(
            f"level must be auto, {names}; got {level!r}{hint(level, ['auto', *Level])}"
        ) from None

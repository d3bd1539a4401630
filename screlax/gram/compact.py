"""What Gram matrices that are given by a few numbers per orbit have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import fields, replace
from functools import cached_property
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import NDArray

from ..optional import require_memory
from ..types import Matrix, Vector
from .cells import CellGram


class CompactGram(ABC):
    """A Gram matrix of class means that behaves like `CellGram`; `pair` is formed when asked for.

    Subclasses are frozen dataclasses with `copies`, the number of classes of each orbit, and
    `scale`, the temperature, that everything stored is multiplied by.
    """

    copies: Vector
    scale: float
    matrices: ClassVar[int] = 4
    """How many m×m matrices there are at once while `rows` forms all of them."""

    @property
    @abstractmethod
    def own(self) -> Vector:
        """Squared norms a_g, shape (m,)."""

    @property
    @abstractmethod
    def spread(self) -> Vector:
        """δ_g = own_g − pair_gg where there are several classes of a size, else zero."""

    @abstractmethod
    def rows(self, orbits: NDArray[np.int64]) -> Matrix:
        """Return rows of `pair`, shape (len(orbits), m)."""

    def is_finite(self) -> bool:
        """Whether every entry is a number; a root that broke down has none."""
        numbers = (getattr(self, field.name) for field in fields(cast(Any, self)))
        return all(bool(np.isfinite(array).all()) for array in numbers)

    def stored(self) -> dict[str, Any]:
        """Return the arrays that a file holds, by name: all that there is but the copies."""
        names = (field.name for field in fields(cast(Any, self)) if field.name != "copies")
        return {name: np.asarray(getattr(self, name), dtype=float) for name in names}

    @cached_property
    def pair(self) -> Matrix:
        """Inner products of different classes, shape (m, m).

        Raises
        ------
        ProblemTooLargeError
            If m×m numbers do not fit in memory; `rows` gives some of them.
        """
        count = len(self.copies)
        needed = 8 * self.matrices * count**2
        require_memory(needed, f"the Gram matrix of {count:,} class sizes", "; use rows()")
        return self.rows(np.arange(count))

    def scaled(self, factor: float) -> Self:
        """Return the Gram matrix multiplied by a number."""
        found: Self = replace(cast(Any, self), scale=self.scale * factor)
        return found

    def dense(self) -> CellGram:
        """Return the same matrix as a `CellGram`."""
        return CellGram(self.own, self.pair)

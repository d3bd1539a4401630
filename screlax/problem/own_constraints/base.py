"""What a constraint of one's own is asked; `linear` and `convex` are the two kinds.

All speak of the k×k class Gram matrix in the units of G = HᵀH: off the diagonal the inner product
of an embedding of one class with one of another, on the diagonal the squared norm, each the mean
over the embeddings of the classes. Averages over exchanges within classes keep both, and raising
the inner products within a class to the squared norm does too: embeddings of a class coincide at
the optimum as they do without constraints.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..class_sizes import ClassSizes


@dataclass(frozen=True, eq=False)
class OwnConstraint(ABC):
    """A constraint on the class Gram matrix."""

    @property
    def is_linear(self) -> bool:
        """Whether the native solver takes it, and its multipliers prove."""
        return False

    @abstractmethod
    def resolved(self, labels: Sequence[Hashable] | None, classes: int) -> Self:
        """Return the same by class number, in the problem with these classes."""

    @abstractmethod
    def kinds(self, sizes: ClassSizes, told: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return a number for every class, shape (k,), by which those it tells apart differ.

        `told` are numbers by which they already do. Exchanging two classes that agree in size,
        `told` and this leaves the constraint as it is.
        """

    @abstractmethod
    def record(self) -> dict[str, Any]:
        """Return it as JSON has it.

        Raises
        ------
        InvalidInputError
            If it cannot be written down.
        """

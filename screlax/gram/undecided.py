"""The Gram matrix of class means where a loss does not decide it: every reading says why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Never

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError
from ..short_repr import short_repr
from ..types import Vector
from .compact import CompactGram

WHY = (
    "the inner products of class means are not decided by the loss: batches that are drawn once "
    "keep samples of different batches apart, so that each component has a geometry of its own "
    "(solution.components[j].class_gram); samples that are in several batches, or drawing the "
    "batches anew in every epoch (RandomBatches), would glue them"
)
"""What is said when it is asked for."""


@short_repr
@dataclass(frozen=True, eq=False)
class UndecidedGram(CompactGram):
    """Stands where the Gram matrix of class means would, and refuses to be read."""

    copies: Vector
    scale: float = 1.0

    @property
    def own(self) -> Never:
        """Refuse."""
        raise InvalidInputError(WHY)

    @property
    def spread(self) -> Never:
        """Refuse."""
        raise InvalidInputError(WHY)

    def rows(self, orbits: NDArray[np.int64]) -> Never:
        """Refuse."""
        raise InvalidInputError(WHY)

    def is_finite(self) -> bool:
        """Return True: nothing is wrong with it."""
        return True

    def stored(self) -> dict[str, Any]:
        """Return nothing: files have the components."""
        return {}

"""Options of a loss that have one number per class: from what the user gave to one per orbit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import real_number
from ..containers import shown
from ..errors import InvalidInputError
from ..short_repr import short_repr
from ..types import Vector
from .per_class import PerClass, numbers_in_words, per_class


@short_repr
@dataclass(frozen=True, eq=False)
class PerOrbit:
    """One number per orbit of a problem's `class_sizes`: an option as `UFM` resolved it."""

    numbers: NDArray[Any]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PerOrbit) and np.array_equal(self.numbers, other.numbers)

    def __hash__(self) -> int:
        return hash(self.numbers.tobytes())

    def __str__(self) -> str:
        return numbers_in_words(self.numbers)


def of_list(value: Any) -> Any:
    """Return the numbers per orbit that a list in a record is, and anything else as it is."""
    return PerOrbit(np.array(value, dtype=float)) if isinstance(value, list) else value


_FEWEST, _MOST = 1e-100, 1e100
"""Magnitudes of numbers other than zero: products of three are within double precision."""

_MOST_COUNTED = 10**12
"""Embeddings of a class: all of them together are still a whole number of 64 bits."""


def per_class_option(
    value: Any, what: str, *, whole: bool = False, least: float = 0.0, word: str = ""
) -> Any:
    """Check an option that is one number or one per class; `what` it is is for messages.

    A text that is `word` is left as it is.

    Raises
    ------
    InvalidInputError
        If a number is below `least`, beyond double precision, or not whole where it has to be.
    """
    if isinstance(value, str) and value != word:
        choice = f"numbers or {word!r}" if word else "numbers"
        raise InvalidInputError(f"{what} must be {choice}, got {shown(value)}")
    if isinstance(value, str):
        return value
    given: Any = value
    try:
        given = real_number(value)
        numbers = np.array([given])
    except TypeError:
        given = value if isinstance(value, PerClass | PerOrbit) else per_class(value, what)
        numbers = np.asarray(given.numbers, dtype=float)
    wrong = ~(np.isfinite(numbers) & (numbers >= least))
    if whole:
        wrong |= numbers != np.floor(numbers)
    if wrong.any():
        kind = "whole numbers" if whole else "finite numbers"
        bad = value if isinstance(given, float) else float(numbers[int(np.argmax(wrong))])
        raise InvalidInputError(f"{what} must be {kind} of at least {least:g}, got {bad!r}")
    _check_magnitudes(numbers, what, _MOST_COUNTED if whole else _MOST)
    return given


def _check_magnitudes(numbers: Vector, what: str, most: float) -> None:
    """Refuse numbers whose products are beyond double precision."""
    beyond = (numbers > most) | ((numbers > 0) & (numbers < _FEWEST))
    if beyond.any():
        bad = float(numbers[int(np.argmax(beyond))])
        raise InvalidInputError(
            f"{what} must be zero or from {_FEWEST:g} to {most:g}, where double precision has the "
            f"products of three, got {bad!r}"
        )


def orbit_numbers(value: Any, orbits: int) -> Vector:
    """Return a resolved option as one number per orbit, shape (m,)."""
    if isinstance(value, PerOrbit):
        return np.asarray(value.numbers, dtype=float)
    return np.full(orbits, float(value))

"""Checks of arguments, with messages that show the value and say what to do."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .containers import plain, shown
from .errors import InvalidInputError
from .spelling import hint

MOST_TASKS = 1_000_000
"""Problems, descents or points of a path that one call takes."""

MOST_JOBS = 1024
"""Processes or threads that one call starts."""


MOST_VIEWS = 1_000_000
"""Augmented views of a sample that a loss takes."""


def require_few(count: int, what: str) -> None:
    """Raise an `InvalidInputError` where a call asks for more than would ever end."""
    if count > MOST_TASKS:
        raise InvalidInputError(
            f"{count:,} {what} are more than one call takes (at most {MOST_TASKS:,}); "
            "if that is no slip, make several calls"
        )


def check_jobs(n_jobs: object) -> int | None:
    """Return a number of processes or threads, or None and −1 (every processor) as they are."""
    jobs = plain(n_jobs)
    if jobs is None:
        return None
    return (
        -1 if jobs == -1 else whole_number(jobs, "n_jobs, unless it is −1 or None,", 1, MOST_JOBS)
    )


def real_number(given: object) -> float:
    """Return a real number as a float, infinite where it is beyond double precision.

    Raises
    ------
    TypeError
        If it is none: text and booleans are not taken for numbers, nor arrays for their entry. A
        scalar of numpy or torch, a `torch.nn.Parameter` too, is the number it holds.
    """
    value = plain(given)
    try:
        array = np.asarray(value)
        if array.ndim or array.dtype.kind not in "iufO":
            raise TypeError
        return float(value)
    except OverflowError:
        return math.inf
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"not a real number: {given!r}") from None


def whole_number(value: object, what: str, least: int = 1, most: int | None = None) -> int:
    """Return a whole number, also one that is written 5.0, within bounds.

    Raises
    ------
    InvalidInputError
        If it is none; the message names what it is of, the bounds and the value.
    """
    given = plain(value)
    number = given if type(given) is int else _number_or_nan(given)
    # comparing first keeps NaN and infinity out of int()
    within = least <= number <= (sys.float_info.max if most is None else most)
    if not within or number != int(number):
        bounds = f"of at least {least}" if most is None else f"from {least:,} to {most:,}"
        raise InvalidInputError(f"{what} must be a whole number {bounds}, got {shown(value)}")
    return int(number)


def positive_number(value: object, what: str, remedy: str = "") -> float:
    """Return a positive, finite number as a float.

    Raises
    ------
    InvalidInputError
        If it is none; the message shows it, and the remedy.
    """
    try:
        number = real_number(value)
    except TypeError:
        raise InvalidInputError(f"{what} must be a number{remedy}, got {shown(value)}") from None
    if not (math.isfinite(number) and number > 0):
        raise InvalidInputError(f"{what} must be positive and finite{remedy}, got {shown(value)}")
    return number


def finite_number(
    value: object, what: str, least: float = -math.inf, most: float = sys.float_info.max
) -> float:
    """Return a finite number from `least` to `most` as a float.

    Raises
    ------
    InvalidInputError
        If it is none.
    """
    number = _number_or_nan(value)
    if not (math.isfinite(number) and least <= number <= most):
        bound = "" if least == -math.inf else f" of at least {least:g}"
        bound += "" if most == sys.float_info.max else f", at most {most:g}"
        raise InvalidInputError(f"{what} must be a finite number{bound}, got {shown(value)}")
    return number


def check_choice(value: object, name: str, choices: tuple[Any, ...]) -> None:
    """Raise an `InvalidInputError` that lists the choices unless the value is one of them."""
    if not any(value is choice or value == choice for choice in choices):
        listed = ", ".join(map(repr, choices))
        raise InvalidInputError(
            f"{name} must be one of {listed}; got {value!r}{hint(value, choices)}"
        )


_MADE_BY = {
    "UFM": "UFM([50, 20, 5], Sphere(1.0)), for instance",
    "Solution": "solve_relaxation and Solution.load return them",
    "Comparison": "compare returns them",
    "Design": "design returns them",
    "ClassStatistics": "class_statistics returns them",
}
"""Where objects of a kind come from."""


def check_kind(value: object, kind: type, what: str) -> None:
    """Raise an `InvalidInputError` unless the value is of a kind of ours, and say whence they come.

    `what` is the argument's name.
    """
    if not isinstance(value, kind):
        made = _MADE_BY[kind.__name__]
        raise InvalidInputError(
            f"{what} must be a screlax {kind.__name__} ({made}), got {shown(value)}"
        )


def check_rows(values: Any, what: str, of: str) -> list[Any]:
    """Return the entries of any sequence or iterator; refuse text, mappings and single things."""
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise InvalidInputError(f"{what} must be a sequence of {of}, got {shown(values)}")
    return list(values)


def check_registered(kind: Any, what: str) -> None:
    """Raise an `InvalidInputError` unless this is a class with a name, to register."""
    name = getattr(kind, "name", None)
    if not (isinstance(kind, type) and isinstance(name, str) and name):
        raise InvalidInputError(
            f"what is registered as a {what} must be a class with the text that is its name as "
            f"attribute `name`, got {shown(kind)}"
        )


def _number_or_nan(value: object) -> float:
    try:
        return real_number(value)
    except TypeError:
        return math.nan

"""Numbers in ball arithmetic: what stands for a double, lists of them, sums, and the way back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from flint import arb, ctx

Balls = list[Any]
"""Numbers of `flint.arb`, which has no types of its own."""


_COMPUTED = 2.0**-48
"""Relative error of what was computed in doubles from the data in a few operations."""


def ball_of(number: float) -> Any:
    """Return a double as the exact number it is."""
    return arb(float(number))


Bounds = tuple[Any, Any, bool]
"""A lower and an upper bound, and whether the Gram matrix of the latter is certainly feasible."""


def about(number: float) -> Any:
    """Return a ball around a number that was computed in a few operations."""
    return arb(float(number), abs(float(number)) * _COMPUTED)


def balls(numbers: Iterable[float]) -> Balls:
    """Return doubles as the exact numbers they are."""
    return [arb(number) for number in np.asarray(numbers, dtype=float).tolist()]


def total(terms: Iterable[Any]) -> Any:
    """Return the sum."""
    return sum(terms, arb(0))


def largest(terms: Iterable[Any]) -> Any:
    """Return a ball that is at least every one of them."""
    most, *others = terms
    for ball in others:
        most = most.max(ball)
    return most


def rounded_down(ball: Any) -> float:
    """Return the largest double that is certainly not above; −inf where there is no number."""
    if not ball.is_finite():
        return -math.inf
    low = ball.lower()
    found = float(low)
    return found if arb(found) <= low else math.nextafter(found, -math.inf)


def rounded_up(ball: Any) -> float:
    """Return the smallest double that is certainly not below; +inf where there is no number."""
    return -rounded_down(-ball)


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Work with so many bits, and put back what there was."""
    before = ctx.prec
    ctx.prec = bits
    try:
        yield
    finally:
        ctx.prec = before

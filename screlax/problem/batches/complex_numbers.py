"""Complex numbers as arrays of their parts, (2, …): real and imaginary; (1, …) where all are real.

Functions of real arrays are vectorised, those of complex ones are not, and lose relative accuracy
near zero. Sine and cosine are rational in tan(y/2): one function instead of two slow ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Parts = NDArray[Any]


def log1p_of(z: Parts) -> Parts:
    """Return log(1 + z)."""
    if len(z) == 1:
        return np.asarray(np.log1p(z))
    x, y = z
    return np.stack([np.log1p(x * (2 + x) + y * y) / 2, np.arctan2(y, 1 + x)])


def exp_of(z: Parts) -> Parts:
    """Return e^z."""
    if len(z) == 1:
        return np.asarray(np.exp(z))
    size, (turned, sine) = np.exp(z[0]), circle(z[1])
    return np.stack([size * (1 - turned), size * sine])


def expm1_of(z: Parts) -> Parts:
    """Return e^z − 1."""
    grown = np.expm1(z[0])
    if len(z) == 1:
        return np.asarray(grown[None])
    turned, sine = circle(z[1])
    size = grown + 1
    return np.stack([grown - size * turned, size * sine])


def circle(y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return 1 − cos y and sin y."""
    tangent = np.tan(y / 2)
    sine = 2 * tangent / (1 + tangent * tangent)
    return tangent * sine, sine


def times(a: Parts, b: Parts) -> Parts:
    """Return the product, entry by entry."""
    if len(a) == 1 or len(b) == 1:
        return np.asarray(a * b)
    return np.stack([a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]])


def real_sums(terms: Parts, functions: Parts) -> NDArray[Any]:
    """Return the real part of sums over the nodes, (…, R, M) and (…, M, q) to (R, q)."""
    found = terms[0] @ functions[0]
    return np.asarray(found if len(terms) == 1 else found - terms[1] @ functions[1])

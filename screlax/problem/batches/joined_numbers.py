"""log(1 + z) and e^z − 1 of complex arrays, with the relative accuracy that numpy's lack."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import complex_numbers as parts


def log1p_of(z: NDArray[Any]) -> NDArray[Any]:
    """Return log(1 + z)."""
    return _joined(parts.log1p_of(_split(z)))


def expm1_of(z: NDArray[Any]) -> NDArray[Any]:
    """Return e^z − 1."""
    return _joined(parts.expm1_of(_split(z)))


def _split(z: NDArray[Any]) -> parts.Parts:
    return np.stack([z.real, z.imag]) if np.iscomplexobj(z) else np.asarray(z)[None]


def _joined(z: parts.Parts) -> NDArray[Any]:
    if len(z) == 1:
        return np.asarray(z[0])
    found = np.empty(z.shape[1:], dtype=complex)
    found.real, found.imag = z
    return found

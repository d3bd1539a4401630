"""log(1 + z) and e^z − 1 of complex numbers with relative accuracy, which numpy's lack."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def log1p_of(z: NDArray[Any]) -> NDArray[Any]:
    """Return log(1 + z); numpy's errs by 1e-16 absolute, which sums of many terms multiply."""
    if not np.iscomplexobj(z):
        return np.asarray(np.log1p(z))
    x, y = z.real, z.imag
    return np.asarray(np.log1p(x * (2 + x) + y**2) / 2 + 1j * np.arctan2(y, 1 + x))


def expm1_of(z: NDArray[Any]) -> NDArray[Any]:
    """Return e^z − 1."""
    if not np.iscomplexobj(z):
        return np.asarray(np.expm1(z))
    x, y = z.real, z.imag
    return np.asarray(np.expm1(x) * np.cos(y) - 2 * np.sin(y / 2) ** 2 + 1j * np.exp(x) * np.sin(y))

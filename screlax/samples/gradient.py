"""From the products that the kernels add up to the gradient of the embeddings.

With Q_il = w_i p_il + w_l p_li the gradient of Σ_i w_i ℓ_i with respect to h_i is
(1/τ) Σ_l Q_il h_l minus that of the positives (Khosla et al. 2020, supplementary section on
gradients, summed over both roles of a sample: anchor and contrast).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError
from .positives import Positives
from .problem import Contrast
from .rows import Rows


def finish_gradient(gradient: NDArray[Any], contrast: Contrast, positives: Positives) -> None:
    """Turn (1/τ) Σ_l Q_il h_l, in place, into the gradient with respect to the embeddings."""
    positives.subtract_gradient(gradient, contrast.weights / contrast.temperature)
    if contrast.rows.inverse_norms is not None:
        _through_normalisation(gradient, contrast.rows)


def _through_normalisation(gradient: NDArray[Any], rows: Rows) -> None:
    """Apply the transposed Jacobian of h = x/‖x‖: (g − ⟨g, h⟩ h)/‖x‖, zero where x is zero."""
    assert rows.inverse_norms is not None
    for part in rows.blocks():
        unit = rows.doubles(part)
        along = np.einsum("ij,ij->i", gradient[part], unit)
        tangent = gradient[part] - along[:, None] * unit
        gradient[part] = tangent * rows.inverse_norms[part, None]


def check_out(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the array that a gradient is to be written to, or a new one where it is None."""
    if out is None:
        return np.empty(shape, dtype)
    right = isinstance(out, np.ndarray) and out.shape == shape and out.dtype == dtype
    if not (right and out.flags.c_contiguous and out.flags.writeable):
        described = f"{out.dtype} of shape {out.shape}" if hasattr(out, "dtype") else type(out)
        raise InvalidInputError(
            f"out must be a writable C-contiguous array of {dtype} and shape {shape}, "
            f"got {described}"
        )
    return np.asanyarray(out)

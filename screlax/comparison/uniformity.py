"""Uniformity of all samples on the sphere."""

from typing import Any

import numpy as np

from ..checks import positive_number
from ..errors import InvalidInputError
from ..io.arrays import as_embeddings, refuse_nonfinite
from .blocks import normalized, working_type

_PAIRS = 1 << 22
"""Inner products held at a time."""


def uniformity(embeddings: Any, exponent: float = 2.0) -> float:
    """Return log of the mean of exp(−t ‖u_i − u_j‖²) over pairs of samples, u = h/‖h‖.

    L_uniform of Wang and Isola (2020, ICML), of all pairs: n²d operations. Of class means it is a
    number of `FrameMetrics`, and their alignment one of `CollapseMetrics`.

    Parameters
    ----------
    embeddings : array-like, torch tensor or path, shape (n, d)
        Two samples or more, none of them zero.
    exponent : float, default 2.0
        t.

    Raises
    ------
    InvalidInputError
        If there is one sample only, or one is zero or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from screlax.geometry import uniformity
    >>> round(uniformity(np.eye(3)), 6)  # all pairs at distance √2
    -4.0
    """
    exponent = positive_number(exponent, "exponent")
    given = as_embeddings(embeddings)
    rows = np.asarray(given, dtype=working_type(given))
    if len(rows) < 2:
        raise InvalidInputError("uniformity is of pairs of samples; give two or more")
    if not np.isfinite(rows).all():
        refuse_nonfinite(rows, 0, lambda row: (row,))
    zero = np.flatnonzero(~rows.any(axis=1))
    if len(zero):
        raise InvalidInputError(f"embeddings[{zero[0]}] is zero, which has no direction")
    units, total = normalized(rows), 0.0
    step = max(1, _PAIRS // len(units))
    for start in range(0, len(units), step):
        own = units[start : start + step]
        squares = np.maximum(2 - 2 * (own @ units[start:].T), 0)  # negative by rounding only
        kernel = np.exp(-exponent * squares)
        upper = np.triu(kernel[:, : len(own)], 1).sum(dtype=float)
        total += float(upper + kernel[:, len(own) :].sum(dtype=float))
    return float(np.log(total / (len(units) * (len(units) - 1) / 2)))

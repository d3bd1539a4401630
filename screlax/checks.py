"""Checks of arguments, with messages that show the value and say what to do."""

from __future__ import annotations

import math

import numpy as np


def real_number(given: object) -> float:
    """Return a real number as a float, infinite where it is beyond double precision.

    Raises
    ------
    TypeError
        If it is none: text and booleans are not taken for numbers, nor arrays for their entry.
    """
    try:
        array = np.asarray(given)
        if array.ndim or array.dtype.kind not in "iufO":
            raise TypeError
        return float(given)  # type: ignore[arg-type]
    except OverflowError:
        return math.inf
    except (TypeError, ValueError):
        raise TypeError(f"not a real number: {given!r}") from None

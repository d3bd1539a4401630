"""Checks of arguments, with messages that show the value and say what to do."""

from __future__ import annotations

import math

import numpy as np

from .containers import plain


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

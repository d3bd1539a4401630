"""What all kernels are given: scaled rows in, log normalizers and gradient products out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import InvalidInputError
from ...types import Vector
from ..denominator import Denominator
from ..rows import Rows

_LARGEST_POWER = {np.dtype(np.float32): 50.0, np.dtype(np.float64): 900.0}
"""Logits in powers of two whose sums, inverses and products all stay normal without a shift.

In single precision also such that their rounding, 3e-6, does not show in the loss.
"""

_LARGEST_LOGIT = 1e300
"""Beyond it sums of products overflow."""

_TINY = 4096
"""Gram entries up to which single precision input is computed in double: it costs nothing."""


class Exponential(NamedTuple):
    """A function with function(rate · x) = eˣ: `numpy.exp2` with log₂e, or `numpy.exp` with 1."""

    function: Callable[..., NDArray[Any]]
    rate: float


@dataclass(frozen=True, eq=False)
class Contrast:
    """The part of the loss that sums exponentials.

    For the scaled rows x_i = √(rate/τ) h_i it computes log Z_i, with
    Z_i = Σ_{l≠i} w_il e^{⟨h_i, h_l⟩/τ}, and for the gradient (1/τ) Σ_l (a_i p_il + a_l p_li) h_l
    with p_il = w_il e^{⟨h_i, h_l⟩/τ}/Z_i
    (Khosla et al. 2020, supplementary section on gradients).

    Attributes
    ----------
    rows : Rows
        The embeddings.
    items, size, anchors : int
        As in `Layout`.
    temperature : float
        τ.
    dtype : dtype
        Precision of the products and exponentials.
    weights : ndarray, shape (rows,)
        a_i, zero for rows that are no anchors.
    denominator : Denominator
        What w_il is.
    """

    rows: Rows
    items: int
    size: int
    anchors: int
    temperature: float
    dtype: np.dtype[Any]
    weights: Vector
    denominator: Denominator

    @cached_property
    def exponential(self) -> Exponential:
        """The function and its rate."""
        return fastest_exponential(self.dtype)

    @cached_property
    def scale(self) -> float:
        """Factor √(rate/τ) of the scaled rows."""
        return math.sqrt(self.exponential.rate / self.temperature)

    @cached_property
    def shifted(self) -> bool:
        """Whether a logit is too large for sums without a shift."""
        largest = self.rows.largest_product / self.temperature + self.denominator.spread
        return needs_shift(largest, self.dtype)

    def scaled(self, part: slice) -> NDArray[Any]:
        """Return a block of scaled rows."""
        return self.rows.scaled(part, self.scale, self.dtype)


@dataclass(frozen=True, eq=False)
class Resources:
    """What a computation may use.

    Attributes
    ----------
    jobs : int
        Number of threads.
    keep_bytes : int
        Exponentials are kept for the gradient if they all fit in this much memory.
    panel_rows : int
        Rows held in memory at a time.
    """

    jobs: int
    keep_bytes: int
    panel_rows: int


def precision(
    dtype: np.dtype[Any], largest_product: float, temperature: float, entries: int
) -> np.dtype[Any]:
    """Choose double for large logits, and where it costs nothing; refuse those that overflow it."""
    logit = largest_product / temperature
    if not logit < _LARGEST_LOGIT:
        raise InvalidInputError(
            f"logits reach {logit:.3g} at temperature {temperature:g}, too large for double "
            "precision; raise the temperature or normalise the embeddings"
        )
    is_double = entries <= _TINY or needs_shift(logit, dtype)
    return np.dtype(np.float64) if is_double else dtype


def needs_shift(largest_logit: float, dtype: np.dtype[Any]) -> bool:
    """Whether e^±logit could overflow or lose digits to underflow in this precision."""
    return largest_logit * math.log2(math.e) > _LARGEST_POWER[dtype]


@cache
def fastest_exponential(dtype: np.dtype[Any]) -> Exponential:
    """Return exp2, or exp where numpy has a vector kernel only for that on this processor.

    numpy evaluates exp2 in float32 two to three times as fast as exp where it has an AVX-512 kernel
    for it, half as fast where it has none (measured: 0.23 ns, 0.47 ns and 2.1 ns an element).
    """
    if _vectorised("exp", dtype) and not _vectorised("exp2", dtype):
        return Exponential(np.exp, 1.0)
    return Exponential(np.exp2, math.log2(math.e))


def _vectorised(name: str, dtype: np.dtype[Any]) -> bool:
    """Whether numpy runs a function on more than its baseline instructions; no if it cannot say."""
    introspect = getattr(np.lib, "introspect", None)  # numpy 2.1 and later
    if introspect is None:
        return False
    loops = introspect.opt_func_info(func_name=f"^{name}$").get(name, {})
    current = loops.get(dtype.char * 2, {}).get("current", "baseline")
    return not current.startswith("baseline")

"""What all kernels are given: scaled rows in, log normalizers and gradient products out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .exponent import Exponential
from .positives import Vector
from .rows import Rows

Exclude = Callable[[NDArray[Any], Any, slice], None]
"""Zeroes the positives of a tile: entries, its rows as a slice or numbers, its columns."""


@dataclass(frozen=True, eq=False)
class Contrast:
    """The part of the loss that sums exponentials.

    For the scaled rows x_i = √(rate/τ) h_i it computes log Z_i, Z_i = Σ_{l≠i} e^{⟨h_i, h_l⟩/τ}, and
    for the gradient (1/τ) Σ_l (w_i p_il + w_l p_li) h_l with p_il = e^{⟨h_i, h_l⟩/τ}/Z_i (Khosla
    et al. 2020, supplementary section on gradients).

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
    exponential : Exponential
        The function and its rate.
    weights : ndarray, shape (rows,)
        w_i, zero for rows that are no anchors.
    exclude : callable or None
        Zeroes the positives of a tile (negatives only); None where only the diagonal is left out.
    """

    rows: Rows
    items: int
    size: int
    anchors: int
    temperature: float
    dtype: np.dtype[Any]
    exponential: Exponential
    weights: Vector
    exclude: Exclude | None

    @property
    def scale(self) -> float:
        """Factor √(rate/τ) of the scaled rows."""
        return math.sqrt(self.exponential.rate / self.temperature)

    @property
    def largest_logit(self) -> float:
        """A bound on |⟨h_i, h_l⟩|/τ."""
        return self.rows.largest_product / self.temperature

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

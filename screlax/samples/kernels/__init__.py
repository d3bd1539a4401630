"""Sums of exponentials over half a Gram matrix that is never whole: which kernel when, and why.

    rows of an item   logits                            kernel           file
    up to 320         bounded                           contrast_small   small
    more              bounded                           BoundedTiles     tiles
    any               beyond 50 powers of two (single   ShiftedTiles     shifted
                      precision) or 900 (double)
    pairs near zero   any, double precision             sum_negatives    near_zero

`contrast` says what all are given, and chooses precision and exponential. `small` takes several
whole items at once: within the cache halves are not worth their overhead. `streaming` loads panels
of rows and goes through their tiles in the order of `tiling`, whose rounds need no locks. `tiles`
sums e^logit as it is, one exponential an entry, and keeps it for the gradient where `scratch` has
room; `shifted` carries a running maximum, for two exponentials. `near_zero` sums what is left of a
loss near its floor.

A kernel that cut the upper triangle into strips of rows, for items of up to 2048, was dropped:
tiles took 1.00 of its time for the loss and 0.96 with the gradient on one thread, 1.05 and 0.97 on
two (geometric means of medians of 30 to 60 interleaved calls; n = 384 to 2048, d = 128, both
precisions, two busy cores), and need no whole triangle in memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...types import Vector
from .contrast import Contrast, Resources
from .scratch import LARGEST_REUSED
from .small import LARGEST_SMALL, contrast_small
from .streaming import contrast_tiled


def log_normalizers(
    contrast: Contrast, resources: Resources, gradient: NDArray[Any] | None
) -> Vector:
    """Return log Z of every row; fill `gradient`, shape (rows, d), with (1/τ) Σ_l Q_il h_l."""
    # glibc stops unmapping blocks of a size once it saw one that large freed (mallopt(3), dynamic
    # mmap threshold). Never touched, it takes no memory, and a microsecond; in a fresh process it
    # makes calls of up to a thousand rows 1.3 to 1.6 times as fast.
    np.empty(LARGEST_REUSED, np.uint8)
    small = contrast.size <= LARGEST_SMALL and not contrast.shifted
    return (contrast_small if small else contrast_tiled)(contrast, resources, gradient)

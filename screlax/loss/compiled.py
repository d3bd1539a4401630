"""The small path as one compiled function, where numba is installed (`screlax[numba]`).

Beyond a few hundred rows nearly all time is in matrix products, and numpy is at the floor; below,
numba saves Python calls and passes over memory. Single precision only; the results differ from
those of numpy by rounding.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .positives import ClassPositives, Positives, Vector
from .problem import Contrast
from .small import LARGEST
from .workers import Workers

_CHUNK = 16
"""Items that a thread takes at a time."""


@cache
def is_installed() -> bool:
    """Whether numba can be imported."""
    return find_spec("numba") is not None


def is_for(contrast: Contrast, positives: Positives) -> bool:
    """Whether the compiled function covers a problem with bounded logits.

    It takes plain labels: every row a potential anchor with the same weight in a class, positives
    in the denominator, embeddings as they are.
    """
    return (
        contrast.size <= LARGEST
        and contrast.dtype == np.float32
        and contrast.exclude is None
        and contrast.anchors == contrast.size
        and contrast.rows.inverse_norms is None
        and isinstance(positives, ClassPositives)
        and is_installed()
    )


def losses_compiled(
    contrast: Contrast, positives: ClassPositives, jobs: int, gradient: NDArray[Any] | None
) -> Vector:
    """Return the loss of every row, unweighted, and fill in the gradient of the weighted sum.

    Parameters
    ----------
    contrast : Contrast
        A problem that `is_for` accepts.
    positives : ClassPositives
        Its classes.
    jobs : int
        Number of threads.
    gradient : ndarray, shape (rows, d), or None
        Where the gradient goes.
    """
    from .numba_kernels import solve_items

    shape, features = (contrast.items, contrast.size), contrast.rows.array.shape[1]
    rows = contrast.rows.plain(slice(0, len(contrast.rows)), contrast.dtype)
    rows = rows.reshape(*shape, features)
    classes = positives.classes // contrast.items
    arrays = [
        (positives.codes % classes).reshape(shape),
        positives.counts.reshape(shape),
        contrast.weights.reshape(shape),
    ]
    losses = np.empty(shape)
    target = rows[:0].copy() if gradient is None else gradient.reshape(rows.shape)

    def solve(part: slice, _worker: int) -> None:
        own = (array[part] for array in arrays)
        settings = (contrast.temperature, classes, losses[part], target[part])
        solve_items(rows[part], *own, *settings)

    parts = [slice(first, first + _CHUNK) for first in range(0, contrast.items, _CHUNK)]
    with Workers[slice](min(jobs, len(parts))) as workers:
        workers.run(solve, parts)
    return losses.reshape(-1)

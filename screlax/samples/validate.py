"""Refuse bad input before any work is done, with the value and the remedy in the message."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks import check_jobs, positive_number
from ..errors import InvalidInputError
from ..io.arrays import as_floats, real_array, require_entries, shown_index


def check_embeddings(embeddings: ArrayLike) -> NDArray[Any]:
    """Return embeddings as a float32 or float64 array, without a copy where they are one already.

    Integers become float64 and half precision float32. Values are checked later, while they are
    read for the norms; see `screlax.samples.rows.Rows`.

    Raises
    ------
    InvalidInputError
        If they are masked, complex, not numbers, empty, or not of rank 2 or 3.
    """
    array = real_array(embeddings, "embeddings")
    if array.ndim not in (2, 3):
        raise InvalidInputError(
            f"embeddings must have shape (n, d), (batch, n, d) or (n, views, d), got "
            f"{array.shape}; reshape them, one row per sample"
        )
    require_entries(array, "embeddings")
    return as_floats(array)


def check_real(values: Any, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return finite nonnegative numbers of a given shape as float64."""
    array = real_array(values, name)
    if array.shape != shape:
        raise InvalidInputError(f"{name} must have shape {shape}, got {array.shape}")
    array = array.astype(np.float64)
    bad = np.argwhere(~(np.isfinite(array) & (array >= 0)))
    if len(bad):
        index = shown_index(bad[0])
        raise InvalidInputError(
            f"{name} must be finite and not negative, got {array[tuple(bad[0])]} at index {index}"
        )
    return array


def check_base_temperature(base_temperature: object, temperature: float) -> float:
    """Return the factor temperature/base_temperature of SupContrast, one where it is None."""
    if base_temperature is None:
        return 1.0
    return temperature / positive_number(base_temperature, "base_temperature")


def thread_limit(n_jobs: int | None) -> int | None:
    """Return the number of threads, −1 standing for every core this process may use."""
    jobs = check_jobs(n_jobs)
    return cores() if jobs == -1 else jobs


def cores() -> int:
    """Return the number of cores this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        return os.cpu_count() or 1

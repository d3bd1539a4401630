"""Refuse bad input before any work is done, with the value and the remedy in the message."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidInputError
from ..problem.constraints.norms import check_temperature

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def check_embeddings(embeddings: ArrayLike) -> NDArray[Any]:
    """Return embeddings as a float32 or float64 array, without a copy where they are one already.

    Integers become float64 and half precision float32. Values are checked later, while they are
    read for the norms; see `screlax.samples.rows.Rows`.

    Raises
    ------
    InvalidInputError
        If they are complex, not numbers, empty, or not of rank 2 or 3.
    """
    if np.ma.is_masked(embeddings):
        raise InvalidInputError("embeddings have masked entries; drop those samples or fill them")
    array = _as_array(embeddings)
    if array.ndim not in (2, 3):
        raise InvalidInputError(
            f"embeddings must have shape (n, d), (batch, n, d) or (n, views, d), got "
            f"{array.shape}; reshape them, one row per sample"
        )
    if array.size == 0:
        raise InvalidInputError(
            f"embeddings are empty, shape {array.shape}; give at least one sample and one feature"
        )
    if array.dtype in _FLOATS:  # byte-swapped floats are not equal to native ones
        return array
    return _as_float(array)


def check_real(values: Any, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return finite nonnegative numbers of a given shape as float64."""
    array = _as_array(values)
    if array.shape != shape:
        raise InvalidInputError(f"{name} must have shape {shape}, got {array.shape}")
    array = _as_float(array).astype(np.float64)
    bad = np.argwhere(~(np.isfinite(array) & (array >= 0)))
    if len(bad):
        index = _index(bad[0])
        raise InvalidInputError(
            f"{name} must be finite and not negative, got {array[tuple(bad[0])]} at index {index}"
        )
    return array


def check_choice(value: object, name: str, choices: tuple[Any, ...]) -> None:
    """Raise an `InvalidInputError` that lists the choices unless the value is one of them."""
    if not any(value is choice or value == choice for choice in choices):
        listed = ", ".join(map(repr, choices))
        raise InvalidInputError(f"{name} must be one of {listed}; got {value!r}")


def check_base_temperature(base_temperature: object, temperature: float) -> float:
    """Return the factor temperature/base_temperature of SupContrast, one where it is None."""
    if base_temperature is None:
        return 1.0
    try:
        return temperature / check_temperature(base_temperature)
    except InvalidInputError as error:
        raise InvalidInputError(f"base_{error}") from None


def check_jobs(n_jobs: int | None) -> int | None:
    """Return the number of threads, −1 standing for every core this process may use."""
    if n_jobs is None:
        return None
    try:
        jobs = operator.index(n_jobs)
    except TypeError:
        jobs = 0
    if jobs < 1 and jobs != -1:
        raise InvalidInputError(f"n_jobs must be a positive integer, −1 or None; got {n_jobs!r}")
    return cores() if jobs == -1 else jobs


def cores() -> int:
    """Return the number of cores this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        return os.cpu_count() or 1


def refuse_nonfinite(
    block: NDArray[Any], start: int, locate: Callable[[int], tuple[int, ...]]
) -> None:
    """Raise for a block of rows whose squared norms are not finite, naming the entry.

    Parameters
    ----------
    block : ndarray, shape (rows, d)
    start : int
        The number of its first row.
    locate : callable
        Returns the index in the user's array of a row number.
    """
    bad = np.argwhere(~np.isfinite(block))
    if len(bad) == 0:
        raise InvalidInputError(
            "embeddings are so large that a squared norm overflows; divide them by their norm"
        )
    row, column = (int(number) for number in bad[0])
    index = _index((*locate(start + row), column))
    raise InvalidInputError(
        f"embeddings[{index}] is {block[row, column]}; every entry must be finite, "
        "so drop or repair that sample"
    )


def _as_array(values: Any) -> NDArray[Any]:
    try:
        return np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:  # torch: requires grad
        raise InvalidInputError(f"not an array of numbers: {error}") from None


def _as_float(array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype.kind == "c":
        raise InvalidInputError(
            f"embeddings are complex ({array.dtype}); the loss is defined for real ones, "
            "so stack real and imaginary parts as features"
        )
    if array.dtype.kind not in "fiubO":
        raise InvalidInputError(f"embeddings must be numbers, got an array of {array.dtype}")
    single = array.dtype.kind == "f" and array.dtype.itemsize <= 4
    try:
        return array.astype(np.float32 if single else np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"embeddings must be numbers: {error}") from None


def _index(position: Any) -> str:
    return ", ".join(str(int(number)) for number in position)

"""The small path compiled by numba; imported only where numba is installed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]

_FLAGS = {"contract", "reassoc", "nsz", "arcp"}
"""Sums may be reordered; infinities and NaN keep their meaning."""


@njit(cache=True, nogil=True, fastmath=_FLAGS)
def solve_items(
    rows: Array,
    codes: Array,
    counts: Array,
    weights: Array,
    temperature: float,
    classes: int,
    losses: Array,
    gradient: Array,
) -> None:
    """Fill in the loss of every row and, unless it is empty, the gradient of their weighted sum.

    Parameters
    ----------
    rows : ndarray of float32, shape (items, size, d)
    codes, counts, weights, losses : ndarray, shape (items, size)
        Class of each row from 0, number of its positives, w_i, and the result.
    temperature : float
        τ.
    classes : int
        Number of classes.
    gradient : ndarray of float32, shape of `rows` or (0, size, d)
    """
    items, size, features = rows.shape
    scale = np.float32(math.sqrt(math.log2(math.e) / temperature))
    scaled = np.empty((size, features), np.float32)
    entries = np.empty((size, size), np.float32)
    sums = np.empty((classes, features))
    normalizers = np.empty(size)
    for item in range(items):
        H = rows[item]
        _add_up(H, codes[item], sums)
        for i in range(size):
            for t in range(features):
                scaled[i, t] = H[i, t] * scale
        np.dot(scaled, scaled.T, entries)
        _exponentiate(entries, normalizers)
        for i in range(size):
            losses[item, i] = 0.0
            if counts[item, i] > 0:
                mean = _similarity(H[i], sums[codes[item, i]]) / counts[item, i]
                losses[item, i] = math.log(normalizers[i]) - mean / temperature
        if len(gradient) > 0:
            _weigh(entries, normalizers, weights[item], 1.0 / (temperature * scale))
            np.dot(entries, scaled, gradient[item])
            _pull(H, codes[item], counts[item], weights[item] / temperature, sums, gradient[item])


@njit(cache=True, nogil=True, fastmath=_FLAGS)
def _add_up(H: Array, codes: Array, sums: Array) -> None:
    """Sum the rows of each class, in double precision."""
    sums[:] = 0.0
    for i in range(H.shape[0]):
        total = sums[codes[i]]
        for t in range(H.shape[1]):
            total[t] += H[i, t]


@njit(cache=True, nogil=True, fastmath=_FLAGS)
def _exponentiate(entries: Array, normalizers: Array) -> None:
    """Replace x by 2ˣ, the diagonal by zero, and sum the rows.

    2ˣ = 2ᵏ p(x − k) with k the nearest integer, p the Taylor polynomial of degree 7 (error 2e-9),
    and 2ᵏ added to the exponent bits; |x| stays below 127.
    """
    size = entries.shape[0]
    bits = entries.view(np.int32)
    for i in range(size):
        line, exponent = entries[i], bits[i]
        for j in range(size):
            power = np.float32(math.floor(line[j] + np.float32(0.5)))
            f = line[j] - power
            value = np.float32(1.5252734e-5)
            value = value * f + np.float32(1.5403530e-4)
            value = value * f + np.float32(1.33335581e-3)
            value = value * f + np.float32(9.61812911e-3)
            value = value * f + np.float32(5.55041087e-2)
            value = value * f + np.float32(2.40226507e-1)
            value = value * f + np.float32(6.93147181e-1)
            line[j] = value * f + np.float32(1.0)
            exponent[j] += np.int32(power) << 23
        line[i] = np.float32(0.0)
        total = np.float32(0.0)
        for j in range(size):
            total += line[j]
        normalizers[i] = total if total > 0 else 1.0


@njit(cache=True, nogil=True, fastmath=_FLAGS)
def _similarity(row: Array, total: Array) -> float:
    """Return ⟨h, S − h⟩."""
    product = 0.0
    for t in range(len(row)):
        product += row[t] * (total[t] - row[t])
    return product


@njit(cache=True, nogil=True, fastmath=_FLAGS)
def _weigh(entries: Array, normalizers: Array, weights: Array, factor: float) -> None:
    """Multiply e_il by factor·(w_i/Z_i + w_l/Z_l)."""
    inverse = (factor * weights / normalizers).astype(np.float32)
    for i in range(len(inverse)):
        line, mine = entries[i], inverse[i]
        for j in range(len(inverse)):
            line[j] *= mine + inverse[j]


@njit(cache=True, nogil=True, fastmath=_FLAGS)
def _pull(
    H: Array, codes: Array, counts: Array, weights: Array, sums: Array, gradient: Array
) -> None:
    """Subtract 2 w_i (S − h_i)/(n_c − 1), w being constant on classes."""
    for i in range(H.shape[0]):
        if counts[i] > 0:
            share = np.float32(2.0 * weights[i] / counts[i])
            row, total, out = H[i], sums[codes[i]], gradient[i]
            for t in range(H.shape[1]):
                out[t] -= share * np.float32(total[t] - row[t])

"""How far class means are from the frame of a balanced problem, and which of them coincide."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..gram.curve import AnyGram
from ..gram.geometry import cosines_of
from ..types import Matrix, Vector

SAME_DIRECTION = 1e-6
"""Two class means have one direction where their cosine is at least one less this.

A relative gap of 1e-9 leaves angles of about 3e-5 open, whose cosines are 5e-10 below one.
"""

_MOST_ORBITS = 10_000
"""Orbits up to which all pairs are looked at, a second's work."""

_TILE = 64


def distance_to_frame(gram: AnyGram, copies: NDArray[Any]) -> float:
    """Return ‖G/‖G‖ − G*/‖G*‖‖ of class means, G* = I − J/k the simplex equiangular tight frame.

    Parameters
    ----------
    gram : CellGram or SlackVectorGram
        By orbit.
    copies : ndarray, shape (m,)
        Number of classes of each orbit.

    Returns
    -------
    float
        From 0 to √2, over k×k entries; NaN of a zero matrix or a single class, and beyond ten
        thousand orbits.
    """
    copies = copies.astype(float)
    classes = float(copies.sum())
    largest = float(gram.own.max())
    if len(copies) > _MOST_ORBITS or classes < 2 or not largest > 0:
        return math.nan
    gram = gram.scaled(1 / largest)
    norm = math.sqrt(_sum_of_squares(gram, copies, 0.0, 0.0, 1.0))
    between = -1 / (classes * math.sqrt(classes - 1))
    return math.sqrt(_sum_of_squares(gram, copies, between * (1 - classes), between, norm))


def classes_sharing_direction(gram: AnyGram, copies: NDArray[Any]) -> int | None:
    """Return how many classes have the direction of another one; None beyond ten thousand orbits.

    Parameters
    ----------
    gram, copies
        As for `distance_to_frame`.
    """
    copies = copies.astype(float)
    if len(copies) > _MOST_ORBITS:
        return None
    norm, shared = np.sqrt(gram.own), 0.0
    for tile, pair, others in _tiles(gram, copies):
        near = cosines_of(pair, norm[tile], norm) >= 1 - SAME_DIRECTION
        shared += float(copies[tile] @ (near & (others > 0)).any(axis=1))
    return int(shared)


def _sum_of_squares(gram: AnyGram, copies: Vector, own: float, pair: float, norm: float) -> float:
    """Return Σ (G/norm − the matrix of these entries)² over all pairs of classes."""
    total = float(copies @ (gram.own / norm - own) ** 2)
    for tile, rows, others in _tiles(gram, copies):
        total += float(copies[tile] @ (others * (rows / norm - pair) ** 2).sum(axis=1))
    return total


def _tiles(gram: AnyGram, copies: Vector) -> Iterator[tuple[slice, Matrix, Matrix]]:
    """Yield some rows of `pair` at a time, with how many other classes each entry stands for."""
    for first in range(0, len(copies), _TILE):
        orbits = np.arange(first, min(first + _TILE, len(copies)))
        others = np.tile(copies, (len(orbits), 1))
        others[np.arange(len(orbits)), orbits] -= 1
        yield slice(first, first + len(orbits)), gram.rows(orbits), others

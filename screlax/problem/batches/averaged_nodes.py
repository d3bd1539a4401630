"""Where generating functions of class-averaged losses are evaluated, and why that is enough.

A coefficient [z^d] Φ(z) is a sum over the circle |z| = r, [z^{d ± J}], [z^{d ± 2J}], … beside it.
All coefficients of Φ are positive, so that for every ζ

    r^{J} [z^{d+J}] Φ ≤ Φ(r e^ζ) e^{−ζ (d + J)}        (Chernoff; ζ < 0 where J < 0)

and |Φ| is largest where z is real. In the sum over a class, f = (1 − x) + x F, the part of F alone
turns: with b = x F/f at z = r, N units, and v their variance each, at the angle θ

    |f| ≤ f(r) (1 − b (1 − exp(−2 N v sin²(θ/2)))).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...types import Matrix, Vector
from .contour import on_half_circles
from .draws import Array
from .general_row import Points

TILTS = np.concatenate([side * 0.04 * 1.4 ** np.arange(12) for side in (1.0, -1.0)])
"""ζ at which tails are bounded."""

TURNS = (np.arange(1, 33) / 32) ** 2
"""sin²(θ/2) at which terms are bounded."""


def points_at(term: NDArray[np.int64], z: Array, weight: Vector | None = None) -> Points:
    """Return pairs of t and z, weighted alike if no weights are given."""
    one = np.ones(len(z))
    return Points(one, term, z, one if weight is None else weight)


def on_circles(
    radius: Vector, needed: Matrix, tails: Array, decay: Array, room: tuple[float, float]
) -> Points:
    """Return as many nodes as leave out e^{−needed} at most.

    Parameters
    ----------
    radius : ndarray, shape (K,)
    needed : ndarray, shape (R, K)
        −log of what may be left out, relative to the term where z is real.
    tails : ndarray, shape (R, K, T)
        Bounds of log Φ(r e^ζ)/Φ(r) − ζ d, at `TILTS`.
    decay : ndarray, shape (R, K, S)
        Bounds of log |Φ|/Φ(r), at `TURNS`.
    room : tuple of float
        How far from d there are coefficients, above and below.
    """
    farther = (needed[..., None] + tails) / np.abs(TILTS)
    farther = np.where(np.isnan(farther), np.inf, farther)
    sides = (farther[..., TILTS > 0], farther[..., TILTS < 0])
    seen = needed > 0
    away = [
        np.minimum(np.where(seen, side.min(axis=-1), 0.0).max(axis=0), most + 1)
        for side, most in zip(sides, room, strict=True)
    ]
    half = np.ceil(np.maximum(np.maximum(*away), 1.0) / 2).astype(np.int64)
    enough = decay <= -needed[..., None]
    first = np.where(enough.any(axis=-1), enough.argmax(axis=-1), len(TURNS) - 1)
    last = 2 * np.arcsin(np.sqrt(TURNS[np.where(seen, first, 0).max(axis=0)]))
    half[~seen.any(axis=0)] = 0
    term, angle = on_half_circles(half, last)
    return points_at(term, radius[term] * np.exp(1j * angle), 1.0 / half[term])

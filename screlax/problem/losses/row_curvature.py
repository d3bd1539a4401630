"""Second derivatives of losses that are sums over rows, each a function of differences to own.

A row of such a loss is a function of δ_h = pair_gh − own_g alone, as the logarithm of a sum of
exponentials with targets that sum to one is, and an expectation of such. Its Hessian is diagonal
plus low rank, from which the curvature along changes that tell equal classes apart is known too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...short_repr import short_repr
from ...types import Matrix, Vector

_NOTHING = 1e-15
"""Factors below this share of the diagonal are rounding."""


@short_repr
@dataclass(frozen=True, eq=False)
class RowCurvature:
    """Σ_g Σ_h diagonal_gh δ_gh² + Σ_j signs_jg (Σ_h factors_jgh δ_gh)², δ_gh = pair_gh − own_g.

    The numbers of a row are those of all its classes together, as a `GramLoss` at orbits has them.
    Along changes that are not the same for equal classes the diagonal is spread evenly over the
    pairs of classes of (g, h), and the factors over the classes of h.

    Each row's loss is the logarithm of a sum of exponentials of δ, or a mean of such, so that its
    third derivative along a direction is at most the range of that direction, zero included, times
    the second.

    Attributes
    ----------
    diagonal : ndarray, shape (m, m)
    factors : ndarray, shape (J, m, m)
    signs : ndarray, shape (J, m)
        ±1.
    """

    diagonal: Matrix
    factors: NDArray[np.float64]
    signs: NDArray[np.float64]

    def scaled(self, rows: Vector) -> RowCurvature:
        """Return the curvature with every row multiplied by a number ≥ 0, shape (m,)."""
        factors = np.sqrt(rows)[None, :, None] * self.factors
        return RowCurvature(rows[:, None] * self.diagonal, factors, self.signs)


def with_fewest_factors(diagonal: Matrix, factors: Matrix, signs: Vector) -> tuple[Matrix, Vector]:
    """Return factors (r, m) and signs of one row that differ from those given by rounding.

    The eigenvectors of their sum, measured by the diagonal.
    """
    root = np.sqrt(diagonal)
    scaled = np.divide(factors, root, out=np.zeros_like(factors), where=root > 0)
    if len(scaled) <= scaled.shape[1]:
        basis, corner = np.linalg.qr(scaled.T)
        sizes, vectors = np.linalg.eigh((corner * signs) @ corner.T)
        vectors = basis @ vectors
    else:
        sizes, vectors = np.linalg.eigh((scaled.T * signs) @ scaled)
    kept = np.abs(sizes) > _NOTHING
    found = np.sqrt(np.abs(sizes[kept]))[:, None] * vectors[:, kept].T * root
    return found, np.sign(sizes[kept])


def stacked(diagonal: Matrix, rows: Sequence[tuple[Matrix, Vector]]) -> RowCurvature:
    """Return the curvature whose row g has these factors (r_g, m) and signs (r_g,)."""
    size, most = len(diagonal), max((len(signs) for _, signs in rows), default=0)
    factors, every = np.zeros((most, size, size)), np.ones((most, size))
    for row, (found, signs) in enumerate(rows):
        factors[: len(signs), row], every[: len(signs), row] = found, signs
    return RowCurvature(diagonal, factors, every)

"""On which face of the cone a Gram matrix lies: where the dual slack is, and who coincides.

In coordinates scaled by √(samples) the shared blocks (`screlax.gram.blocks`) of Gram matrix and
slack are M and S with M S = 0. A face is S = U diag(t) Uᵀ, U orthonormal, t > 0, and the orbits
whose classes are all at one point: there own and pair are the same, elsewhere the slack of own and
of pair is. Which directions are U's is read off the spectrum of M − σS, as in a semismooth Newton
method for complementarity (Qi and Sun 2006, SIAM Journal on Matrix Analysis 28).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from ...gram.blocks import gram_blocks
from ...gram.cells import CellGram, Cells
from ...types import Matrix, Vector

_NULL = 1e-9
"""Eigenvalues of a start below this share of the largest are zero."""

_LEAST = 1e-3
"""What a direction of a start has of the slack at least, relative to its mean."""

_ROUNDING = 1e-14


@dataclass(frozen=True, eq=False)
class Face:
    """Directions that the Gram matrix has not, and orbits whose classes coincide.

    Attributes
    ----------
    basis : ndarray, shape (m, r)
        U.
    weight : ndarray, shape (r,)
        t.
    together : ndarray of bool, shape (m,)
        Orbits of several classes at one point.
    """

    basis: Matrix
    weight: Vector
    together: NDArray[np.bool_]

    @classmethod
    def near(cls, cells: Cells, gram: CellGram, slack: Matrix) -> Face:
        """Return the face of a Gram matrix that is singular, or nearly, with some slack.

        Parameters
        ----------
        cells : Cells
        gram : CellGram
        slack : ndarray, shape (m, m)
            Its shared block, of any signs.

        Raises
        ------
        numpy.linalg.LinAlgError
            If the Gram matrix is zero, or there is no such slack.
        """
        if not (np.isfinite(slack).all() and gram.own.any()):
            raise np.linalg.LinAlgError("no slack at this Gram matrix")
        together = (cells.points > 1) & (gram.spread <= _NULL * np.abs(gram.own))
        values, vectors = linalg.eigh(gram_blocks(cells, gram).shared)
        null = values < _NULL * values[-1]
        null[0] = True
        weight, turn = linalg.eigh(vectors[:, null].T @ slack @ vectors[:, null])
        least = _LEAST * max(weight[-1], np.abs(np.diagonal(slack)).mean())
        return cls(vectors[:, null] @ turn, np.maximum(weight, least), together)

    def moved(self, shared: Matrix, slack: Matrix, together: NDArray[np.bool_]) -> Face:
        """Return the face where Gram matrix and slack are these (shared blocks)."""
        size = abs(float(np.trace(shared))) / abs(float(np.trace(slack)))
        if not 0 < size < np.inf:
            raise np.linalg.LinAlgError("Gram matrix and slack have no ratio")
        values, vectors = linalg.eigh(shared - size * slack)
        away = values < -_ROUNDING * np.abs(values).max()
        if not away.any():
            away[0], values[0] = True, -_LEAST * abs(float(np.trace(shared))) / len(slack)
        return Face(vectors[:, away], -values[away] / size, together)

    @property
    def slack(self) -> Matrix:
        """U diag(t) Uᵀ."""
        return np.asarray((self.basis * self.weight) @ self.basis.T)

"""Gradient and curvature of an expected loss of batches, per pair of classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...gram.cells import CellGram
from ...problem.losses.expected_rows import ExpectedRows
from ...types import Matrix, Vector


@dataclass(frozen=True, eq=False)
class Rows:
    """W_gh = a_g ∂E[log Y_g]/∂M_gh of one class of each orbit, and how it changes.

        dW_gh = c_gh (dM_gh − dM_gg) − A_gh α_g,    α_g = Σ_h ψ_gh (dM_gh − dM_gg),   A = a ψ

    Attributes
    ----------
    slope, diagonal : ndarray, shape (m, m)
        W and c.
    rank_one : list of (A, ψ)
        For each kind of batches, each (m, m): the Hessian of a row less its diagonal is nearly of
        rank one.
    """

    slope: Matrix
    diagonal: Matrix
    rank_one: Sequence[tuple[Matrix, Matrix]]

    @classmethod
    def at(cls, loss: ExpectedRows, copies: Vector, gram: CellGram) -> Rows:
        """Return them from the moments of every kind of batches.

        Parameters
        ----------
        loss : ExpectedRows
            At orbit level.
        copies : ndarray, shape (m,)
            Classes of each orbit.
        gram : CellGram
        """
        m = len(copies)
        slope, diagonal, rank_one = np.zeros((m, m)), np.zeros((m, m)), []
        others = copies - np.eye(m)
        count = np.where(others > 0, others, 1.0)
        for kind, moments in zip(loss.kinds, loss.expand(gram).moments, strict=True):
            mass, per_class = (kind.mass / copies[kind.orbits])[:, None], count[kind.orbits]
            slope[kind.orbits] += mass * moments.softmax / per_class
            diagonal[kind.orbits] += mass * (moments.softmax - moments.diagonal) / per_class
            along, weighted = np.zeros((m, m)), np.zeros((m, m))
            along[kind.orbits] = moments.leading() / per_class
            weighted[kind.orbits] = mass * along[kind.orbits]
            rank_one.append((weighted, along))
        return cls(slope, diagonal, rank_one)

    @property
    def both(self) -> Matrix:
        """½ (W + Wᵀ): the dual slack of two different classes."""
        return np.asarray((self.slope + self.slope.T) / 2)

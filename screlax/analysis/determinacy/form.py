"""The second-order form of an objective at its optimum, in numbers by orbit.

    q(D) = ∇²loss[D, D] + 2 tr((X + r)⁻¹ D S D) + terms of the control,      ‖D‖² over class pairs

over symmetric D, changes of the class Gram matrix X = G/τ whose dual slack is S. With r = 0 that is
the second derivative along the face of X and D has to be tangent to it (Π D Π = 0, Π the projection
on the kernel); with r > 0 it bounds the excess from below (`screlax.analysis.determinacy.bound`).

Everything is invariant under exchanging equal classes, so that q is block-diagonal in four types of
changes (Schur's lemma): those that are the same for equal classes (`symmetric_type`), those of one
class against the others of its orbit (`one_class`), and two kinds on which q is one number
(`exchanges`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...gram.cells import CellGram
from ...gram.class_products import squared_norm
from ...problem.losses.row_curvature import RowCurvature
from ...short_repr import short_repr
from ...types import Matrix, Vector


@short_repr
@dataclass(frozen=True, eq=False)
class Form:
    """What q is made of.

    Attributes
    ----------
    copies : ndarray, shape (m,)
        κ_g, classes of each orbit.
    rows : RowCurvature
        Of the loss.
    gram : CellGram
        X.
    shared : ndarray, shape (m, m)
        X on normalised sums of equal classes, positive semidefinite.
    apart : ndarray, shape (m,)
        X on differences of equal classes, δ_g ≥ 0.
    kernel : ndarray, shape (m, K)
        Orthonormal kernel of `shared`; the first R columns are eigenvectors of S.
    slack : ndarray, shape (R,)
        Their eigenvalues, positive.
    slack_apart : ndarray, shape (m,)
        S on differences of equal classes, s_g ≥ 0, zero unless the classes are on one point.
    joined : ndarray of bool, shape (m,)
        Orbits whose several classes are on one point: δ_g = 0.
    norms_are_free : bool
        Whether the diagonal of D may be other than zero.
    trace : ndarray, shape (m,), or None
        Coefficients c of a functional Σ_g c_g D_gg of the squared norms of all classes of g, whose
        square costs `trace_cost`; with None it has to be zero.
    trace_cost : float or None
    own_cost : ndarray, shape (m,)
        What the squares of the diagonal of all classes of g cost.
    reach : float
        r.
    scale_is_free : bool
        Whether ‖D‖ is measured across X only: the part along X is a change of scale.
    """

    copies: Vector
    rows: RowCurvature
    gram: CellGram
    shared: Matrix
    apart: Vector
    kernel: Matrix
    slack: Vector
    slack_apart: Vector
    joined: NDArray[np.bool_]
    norms_are_free: bool
    trace: Vector | None
    trace_cost: float | None
    own_cost: Vector
    reach: float = 0.0
    scale_is_free: bool = True

    def __len__(self) -> int:
        """Return the number of orbits m."""
        return len(self.copies)

    @property
    def size(self) -> float:
        """The largest coefficient of the loss's Hessian."""
        return float(self.rows.diagonal.max(initial=0.0))

    def divided(self, number: float) -> Form:
        """Return q divided by a positive number: the loss may be tiny, and its square nothing."""
        rows = self.rows.scaled(np.full(len(self), 1 / number))
        return replace(
            self,
            rows=rows,
            slack=self.slack / number,
            slack_apart=self.slack_apart / number,
            trace_cost=None if self.trace_cost is None else self.trace_cost / number,
            own_cost=self.own_cost / number,
        )

    @property
    def pairs(self) -> Matrix:
        """How often each entry of `pair` counts in ‖D‖², shape (m, m)."""
        counts = 2 * np.outer(self.copies, self.copies)
        np.fill_diagonal(counts, self.copies * (self.copies - 1))
        return np.asarray(counts)

    @property
    def squared_norm(self) -> float:
        """‖X‖² over all pairs of classes."""
        return squared_norm(self.gram, self.copies)

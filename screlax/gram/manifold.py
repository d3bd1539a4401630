"""Matrices with prescribed norms: what a control makes of the factors X of a Gram matrix.

    free     X is any matrix
    rows     every row of X has its own squared norm (a product of spheres)
    whole    X as a whole has one squared norm (one sphere)

A bound ‖x‖² ≤ b becomes an equation by one more coordinate that nothing else depends on, the slack:
one more column for rows, one more number for the whole. A point on the boundary has slack zero,
which descent reaches smoothly, and the curvature along the slack is twice the multiplier of the
bound (Nocedal and Wright, Numerical Optimization, section 15.3, squared slacks; spheres with their
gradient, Hessian and retraction as in Absil, Mahony and Sepulchre, Optimization Algorithms on
Matrix Manifolds, chapters 3 to 5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..types import Matrix, Vector


@dataclass(frozen=True, eq=False)
class Manifold:
    """A product of spheres, one sphere, or the whole space."""

    bound: Matrix | None = None  # squared norm of every row (p, 1) or of all (1, 1); None if free
    has_slack: bool = False  # whether the bound is an upper one: the last column of X is slack then

    @property
    def is_whole(self) -> bool:
        """Whether one norm is prescribed, that of the whole matrix."""
        return self.bound is not None and self.bound.shape == (1, 1)

    def with_slack(self, rows: Matrix, inside: float = 0.0) -> Matrix:
        """Append what rows leave of the bound, at least a share `inside` of it, and rescale.

        At slack zero the slack would never change.
        """
        if not self.has_slack:
            return self.onto(rows)
        assert self.bound is not None
        slack = np.zeros((len(rows), 1))
        left = np.maximum(self.bound - self._squares(rows), inside * self.bound)
        slack[: len(left)] = np.sqrt(left)
        return self.onto(np.hstack([rows, slack]))

    def masked(self, direction: Matrix) -> Matrix:
        """Return a direction without the slack coordinates that do not exist."""
        if self.has_slack and self.is_whole:
            direction = direction.copy()
            direction[1:, -1] = 0.0
        return direction

    def onto(self, point: Matrix) -> Matrix:
        """Rescale to the prescribed norms."""
        if self.bound is None:
            return point
        return np.asarray(point * np.sqrt(self.bound / self._squares(point)))

    def through_scaling(self, raw: Matrix, gradient: Matrix) -> Matrix:
        """Return the gradient by an unscaled point from that, tangent, at the rescaled point."""
        if self.bound is None:
            return gradient
        return np.asarray(gradient * np.sqrt(self.bound / self._squares(raw)))

    def radial(self, point: Matrix, gradient: Matrix) -> Matrix:
        """Return the multiplier of ‖x‖²/2 that makes the gradient tangent, shape (p, 1)."""
        if self.bound is None:
            return np.zeros((len(point), 1))
        along = np.einsum("ij,ij->i", gradient, point)[:, None]
        if self.is_whole:
            return np.full((len(point), 1), float(along.sum()) / float(self._squares(point)[0, 0]))
        return np.asarray(along / self._squares(point))

    def project(self, point: Matrix, direction: Matrix) -> Matrix:
        """Return the tangent part of a direction."""
        direction = self.masked(direction)
        return np.asarray(direction - self.radial(point, direction) * point)

    def rounding(self, point: Matrix, radial: Matrix) -> float:
        """Return how much rounding the prescribed norms changes a function of those multipliers."""
        fixed = np.abs(radial[:, 0]) * np.einsum("ij,ij->i", point, point)
        return 16 * float(np.finfo(float).eps) * float(fixed.sum())

    def random(self, generator: np.random.Generator, dim: int, mass: Vector) -> Matrix:
        """Return a point uniform on the spheres; a free one normal with mean ‖x‖² = mass (p,).

        Rows of a whole matrix, of `dim` columns without slack, are drawn in proportion to √mass.
        """
        point = self.masked(generator.standard_normal((len(mass), dim + self.has_slack)))
        if self.bound is None:
            point *= np.sqrt(mass[:, None] / dim)
        elif self.is_whole:
            point[:, :dim] *= np.sqrt(mass[:, None])
        return self.onto(point)

    def _squares(self, point: Matrix) -> Matrix:
        """Squared norms that the bound speaks of, in its shape."""
        squares = np.einsum("ij,ij->i", point, point)[:, None]
        return np.asarray(squares.sum(keepdims=True) if self.is_whole else squares)

"""Solving with a block-diagonal matrix plus a smooth low-rank one: Woodbury, batched.

The Jacobian of the slack-vector equations is J = D + U C with D one 2×2 block per orbit, U of
shape 2m × r, C of shape r × 2m and r about 2q + 1, so that a Newton step costs O(m r²), not O(m³).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..gram.kernels import Array


@dataclass(frozen=True, eq=False)
class StructuredJacobian:
    """J = D + U C in batched form.

    Attributes
    ----------
    blocks : ndarray, shape (B, 2, 2, m)
        D: derivative of equation i by unknown j within an orbit.
    left : ndarray, shape (B, 2, m, r)
        U.
    right : ndarray, shape (B, r, 2, m)
        C.
    """

    blocks: Array
    left: Array
    right: Array

    def solve(self, right_hand_sides: Array) -> Array:
        """Solve J x = y for y of shape (B, 2, m, c)."""
        batch, _, cells, rank = self.left.shape
        if rank >= cells:
            flat = right_hand_sides.reshape(batch, 2 * cells, -1)
            return np.asarray(np.linalg.solve(self._full, flat).reshape(right_hand_sides.shape))
        plain = self._solve_blocks(right_hand_sides).reshape(batch, 2 * cells, -1)
        inner, columns = self._eliminated
        share = np.linalg.solve(inner, self.right.reshape(batch, rank, 2 * cells) @ plain)
        return np.asarray((plain - columns @ share).reshape(right_hand_sides.shape))

    @cached_property
    def _full(self) -> Array:
        return self.dense()

    @cached_property
    def _eliminated(self) -> tuple[Array, Array]:
        """I + C D⁻¹ U and D⁻¹ U, which every right-hand side needs."""
        batch, _, cells, rank = self.left.shape
        columns = self._solve_blocks(self.left).reshape(batch, 2 * cells, rank)
        return np.eye(rank) + self.right.reshape(batch, rank, 2 * cells) @ columns, columns

    def dense(self) -> Array:
        """Return J as an array of shape (B, 2m, 2m)."""
        batch, _, cells, rank = self.left.shape
        left = self.left.reshape(batch, 2 * cells, rank)
        matrix = (left @ self.right.reshape(batch, rank, 2 * cells)).reshape(
            batch, 2, cells, 2, cells
        )
        diagonal = np.arange(cells)
        for row in range(2):
            for column in range(2):
                matrix[:, row, diagonal, column, diagonal] += self.blocks[:, row, column]
        return matrix.reshape(batch, 2 * cells, 2 * cells)

    @cached_property
    def _inverse_blocks(self) -> Array:
        """D⁻¹ block by block, shape (B, 2, 2, m, 1)."""
        blocks = self.blocks
        determinant = blocks[:, 0, 0] * blocks[:, 1, 1] - blocks[:, 0, 1] * blocks[:, 1, 0]
        turned = np.stack(
            [
                np.stack([blocks[:, 1, 1], -blocks[:, 0, 1]], axis=1),
                np.stack([-blocks[:, 1, 0], blocks[:, 0, 0]], axis=1),
            ],
            axis=1,
        )
        return np.asarray((turned / determinant[:, None, None])[..., None])

    def _solve_blocks(self, values: Array) -> Array:
        inverse, first, second = self._inverse_blocks, values[:, 0], values[:, 1]
        solution = np.empty_like(values)
        for row in range(2):
            np.multiply(inverse[:, row, 0], first, out=solution[:, row])
            solution[:, row] += inverse[:, row, 1] * second
        return solution

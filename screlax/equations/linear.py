"""Solving with a block-diagonal matrix plus a smooth low-rank one: Woodbury, batched.

The Jacobian of the slack-vector equations is J = D + U C with D one f×f block per orbit, f the
number of unknowns of an orbit (2; up to 3 with singletons), U of shape f m × r, C of shape r × f m
and r a few times the number of nodes, so that a Newton step costs O(m r²), not O(m³).
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
    blocks : ndarray, shape (B, f, f, m)
        D: derivative of equation i by unknown j within an orbit.
    left : ndarray, shape (B, f, m, r)
        U.
    right : ndarray, shape (B, r, f, m)
        C.
    """

    blocks: Array
    left: Array
    right: Array

    def solve(self, right_hand_sides: Array) -> Array:
        """Solve J x = y for y of shape (B, f, m, c); NaN where J is singular."""
        batch, fields, cells, rank = self.left.shape
        size = fields * cells
        if rank >= cells:
            flat = right_hand_sides.reshape(batch, size, -1)
            return _solved(self._full, flat).reshape(right_hand_sides.shape)
        plain = self._solve_blocks(right_hand_sides).reshape(batch, size, -1)
        inner, columns = self._eliminated
        share = _solved(inner, self.right.reshape(batch, rank, size) @ plain)
        return np.asarray((plain - columns @ share).reshape(right_hand_sides.shape))

    @cached_property
    def _full(self) -> Array:
        return self.dense()

    @cached_property
    def _eliminated(self) -> tuple[Array, Array]:
        """I + C D⁻¹ U and D⁻¹ U, which every right-hand side needs."""
        batch, fields, cells, rank = self.left.shape
        columns = self._solve_blocks(self.left).reshape(batch, fields * cells, rank)
        right = self.right.reshape(batch, rank, fields * cells)
        return np.eye(rank) + right @ columns, columns

    def dense(self) -> Array:
        """Return J as an array of shape (B, f m, f m)."""
        batch, fields, cells, rank = self.left.shape
        size = fields * cells
        matrix = self.left.reshape(batch, size, rank) @ self.right.reshape(batch, rank, size)
        matrix = matrix.reshape(batch, fields, cells, fields, cells)
        diagonal = np.arange(cells)
        for row in range(fields):
            for column in range(fields):
                matrix[:, row, diagonal, column, diagonal] += self.blocks[:, row, column]
        return matrix.reshape(batch, size, size)

    @cached_property
    def _inverse_blocks(self) -> Array:
        """D⁻¹ block by block, shape (B, f, f, m, 1)."""
        return _inverses(self.blocks)[..., None]

    def _solve_blocks(self, values: Array) -> Array:
        inverse, fields = self._inverse_blocks, range(values.shape[1])
        solution = np.empty_like(values)
        for row in fields:
            np.multiply(inverse[:, row, 0], values[:, 0], out=solution[:, row])
            for column in fields[1:]:
                solution[:, row] += inverse[:, row, column] * values[:, column]
        return solution


def _solved(matrices: Array, right: Array) -> Array:
    """Return the solutions of a batch: one matrix that is singular spoils none of the others."""
    try:
        return np.asarray(np.linalg.solve(matrices, right))
    except np.linalg.LinAlgError:
        if len(matrices) == 1:
            return np.full_like(right, np.nan)
        return np.concatenate(
            [_solved(matrices[i : i + 1], right[i : i + 1]) for i in range(len(matrices))]
        )


def _inverses(blocks: Array) -> Array:
    """Return the inverses of f×f matrices, f ≤ 3, shape (B, f, f, m), by cofactors."""
    fields = blocks.shape[1]
    if fields == 1:
        return np.asarray(1 / blocks)
    cofactors = np.empty_like(blocks)
    if fields == 2:
        cofactors[:, 0, 0], cofactors[:, 0, 1] = blocks[:, 1, 1], -blocks[:, 0, 1]
        cofactors[:, 1, 0], cofactors[:, 1, 1] = -blocks[:, 1, 0], blocks[:, 0, 0]
    else:
        for column in range(3):
            first, second = blocks[:, (column + 1) % 3], blocks[:, (column + 2) % 3]
            cofactors[:, :, column] = np.cross(first, second, axis=1)
    determinant = (blocks[:, 0] * cofactors[:, :, 0]).sum(axis=1)
    return np.asarray(cofactors / determinant[:, None, None])

"""The equations of `screlax.solve.batches.newton`, linearised, and their solution.

Unknown are X, own and α of every kind, and λ of a budget: every dM_gh is eliminated by itself,

    dM_gh = constant_gh + Σ_t (P^t_gh u^t_g + P^t_hg u^t_h),

u^t one of these vectors. An equation of orbit g says of them what Σ_h weight_gh dM_gh says, and
something of u_g.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.sparse.linalg import LinearOperator, gmres

from ...gram.blocks import gram_blocks
from ...types import Matrix, Vector
from .rows import Rows
from .state import BatchState, Setting

_DENSE = 1200
"""Up to so many unknowns are solved for at once where there are several directions."""

_ACCURACY, _KRYLOV = 1e-4, 150
"""Of the iterative solution, and its largest number of iterations."""


class Linearised:
    """The linear system at a state, see `solve`.

    Parameters
    ----------
    setting : Setting
    state : BatchState
    rows : Rows
        At the state's Gram matrix.
    """

    def __init__(self, setting: Setting, state: BatchState, rows: Rows) -> None:
        self._setting, self._state, self._rows = setting, state, rows
        copies, each = setting.copies, setting.each
        single = (copies == 1) | state.face.together
        self._count = np.tile(copies, (len(copies), 1))
        np.fill_diagonal(self._count, np.where(single, 0.0, copies - 1))
        self.exist: NDArray[np.bool_] = self._count > 0
        self._at_own = np.where(single, copies, 1.0)
        self._scale = np.sqrt(each / copies)
        self._slack, self._localised = _localised(state.face.basis * np.sqrt(state.face.weight))
        self._columns = self._scale[:, None] * self._slack
        self._size = float(np.sqrt((self._slack**2).sum() / len(copies)))

    @cached_property
    def _wanted(self) -> Matrix:
        """The slack of two different classes."""
        wanted = self._columns @ self._columns.T
        return np.asarray((wanted + wanted.T) / 2)

    @cached_property
    def _inverse(self) -> Matrix:
        both = np.where(self.exist, self._rows.diagonal + self._rows.diagonal.T, 1.0)
        if not (both > 0).all():
            raise linalg.LinAlgError("inner products that nothing depends on")
        return np.where(self.exist, 2 / both, 0.0)

    @cached_property
    def _known(self) -> NDArray[np.bool_]:
        """Where W can go to what is wanted in logarithms."""
        return np.asarray(self.exist & (self._wanted > 0) & (self._rows.both > 0))

    @cached_property
    def _ratio(self) -> Matrix:
        both, wanted = (np.where(self._known, of, 1.0) for of in (self._rows.both, self._wanted))
        return np.asarray(both / wanted)

    @cached_property
    def _eliminated(self) -> tuple[Matrix, list[Matrix]]:
        """The constant and P of every unknown."""
        wanted, both = self._wanted, self._rows.both
        missing = np.where(self._known, -both * np.log(self._ratio), wanted - both)
        by_slack = self._inverse * self._ratio * self._scale[:, None] * self._size
        factors = [by_slack * column for column in self._columns.T]
        if not self._setting.fixed:
            factors.append(self._inverse * self._rows.diagonal / 2)
        factors += [self._inverse * weighted / 2 for weighted, _ in self._rows.rank_one]
        return self._inverse * missing, factors

    @cached_property
    def _weights(self) -> list[Matrix]:
        """How every equation sees dM."""
        root = self._setting.root[:, None]
        weights = [root * self._count * column for column in self._columns.T]
        if not self._setting.fixed:
            weights.append(self._count * self._rows.diagonal)
        return weights + [-self._count * along for _, along in self._rows.rank_one]

    @cached_property
    def _across(self) -> Matrix:
        """The Gram matrix between directions that it has."""
        basis, shared = self._state.face.basis, self._shared
        seen = shared @ basis
        inside = basis @ (basis.T @ seen) @ basis.T
        return np.asarray(shared - basis @ seen.T - seen @ basis.T + inside)

    @cached_property
    def _shared(self) -> Matrix:
        return gram_blocks(self._setting.cells, self._state.gram).shared

    @cached_property
    def _turning(self) -> tuple[float, Matrix]:
        """How strongly turns of the directions among themselves are held, and V⁺."""
        inverse: Matrix = np.asarray(linalg.pinv(self._slack), dtype=float)
        return float(np.trace(self._shared)) / len(self._slack), inverse

    def _by_itself(self, equation: int, unknown: int) -> Vector | float:
        """Return what an equation of an orbit says of that orbit's own unknown."""
        r, columns, count = self._columns.shape[1], self._columns, self._count
        first = r + (not self._setting.fixed)
        if equation < r and unknown == r < first:
            return np.asarray(self._setting.root * self._at_own * columns[:, equation])
        if equation == r < first:
            if unknown < r:
                scale = 2 * self._at_own * self._scale * self._size
                return np.asarray(scale * columns[:, unknown])
            curved = (
                self._rows.diagonal if unknown == r else self._rows.rank_one[unknown - first][0]
            )
            return np.asarray(-(count * curved).sum(axis=1))
        if equation >= first and unknown == r < first:
            return np.asarray((count * self._rows.rank_one[equation - first][1]).sum(axis=1))
        return 1.0 if equation >= first and equation == unknown else 0.0

    def _block(self, equation: int, unknown: int) -> Matrix:
        """Return the derivative of an equation by an unknown, (m, m)."""
        weight, factor = self._weights[equation], self._eliminated[1][unknown]
        block = weight * factor.T
        within = (weight * factor).sum(axis=1) + self._by_itself(equation, unknown)
        block[np.diag_indices_from(block)] += within
        r = self._columns.shape[1]
        if equation < r and unknown < r:
            held, inverse = self._turning
            block -= held * self._size * np.outer(self._slack[:, unknown], inverse[equation])
            if equation == unknown:
                block += self._size * (self._across + held * self._slack @ inverse)
        return np.asarray(block)

    @cached_property
    def _right(self) -> Vector:
        """The right side of all equations."""
        constant, state, setting = self._eliminated[0], self._state, self._setting
        right = [-(weight * constant).sum(axis=1) for weight in self._weights]
        for column, values in enumerate((self._shared @ self._slack).T):
            right[column] = right[column] - values
        if not setting.fixed:
            left = state.strength / 2 * setting.each - (self._count * self._rows.slope).sum(axis=1)
            r = self._columns.shape[1]
            right[r] = right[r] + left - self._at_own * np.diagonal(self._wanted)
        flat = np.concatenate(right)
        if setting.is_budget:
            flat = np.append(flat, setting.limit - float(setting.mass @ state.gram.own))
        return flat

    def solve(self) -> tuple[Matrix, Vector, float, Matrix]:
        """Return the changes of S, own, λ and M.

        Raises
        ------
        numpy.linalg.LinAlgError
            If there is no solution.
        """
        m, r = self._slack.shape
        groups = self._groups()
        found = self._at_once(groups[0]) if len(groups) == 1 else self._iterated(groups)
        constant, factors = self._eliminated
        change = constant.copy()
        for number, factor in enumerate(factors):
            part = factor * found[number * m : (number + 1) * m, None]
            change += part + part.T
        turned = self._size * found[: r * m].reshape(r, m).T @ self._slack.T
        own = np.zeros(m) if self._setting.fixed else found[r * m : (r + 1) * m]
        strength = float(found[-1]) if self._setting.is_budget else 0.0
        return turned + turned.T, own, strength, np.where(self.exist, change, 0.0)

    def _groups(self) -> list[NDArray[np.int64]]:
        """Return the unknowns that are solved for together.

        A direction that belongs to one orbit, with the norm of that, has little to do with others.
        """
        m, r = self._slack.shape
        size = len(self._right)
        if r == 1 or size <= _DENSE:
            return [np.arange(size)]
        groups = []
        rest = np.ones(size, dtype=bool)
        for column in range(r - 1):
            group = np.arange(column * m, (column + 1) * m)
            if not self._setting.fixed:
                group = np.append(group, r * m + self._localised[column])
            rest[group] = False
            groups.append(group)
        return [*groups, np.flatnonzero(rest)]

    def _dense(self, group: NDArray[np.int64]) -> Matrix:
        """Return the matrix of some equations and unknowns."""
        m, size = len(self._slack), len(group)
        place, inside = group // m, group % m
        border = self._setting.is_budget and group[-1] == len(self._right) - 1
        matrix = np.zeros((size, size))
        regular = np.flatnonzero(group < len(self._weights) * m)
        for equation in np.unique(place[regular]):
            lines = regular[place[regular] == equation]
            for unknown in np.unique(place[regular]):
                columns = regular[place[regular] == unknown]
                block = self._block(int(equation), int(unknown))
                matrix[np.ix_(lines, columns)] = block[np.ix_(inside[lines], inside[columns])]
        if border:
            own = regular[place[regular] == self._columns.shape[1]]
            matrix[own, -1] = -self._setting.each[inside[own]] / 2
            matrix[-1, own] = self._setting.mass[inside[own]]
        return matrix

    def _at_once(self, everything: NDArray[np.int64]) -> Vector:
        return np.asarray(np.linalg.solve(self._dense(everything), self._right))

    def _iterated(self, groups: list[NDArray[np.int64]]) -> Vector:
        """Solve by GMRES on what the groups by themselves leave."""
        inverses = [np.linalg.inv(self._dense(group)) for group in groups]

        def split(values: Vector) -> Vector:
            found = np.zeros(len(values))
            for group, inverse in zip(groups, inverses, strict=True):
                found[group] = inverse @ values[group]
            return found

        shape = (len(self._right), len(self._right))
        operator = LinearOperator(shape, lambda values: split(self._product(values)), dtype=float)
        right = split(self._right)
        found, _ = gmres(operator, right, rtol=_ACCURACY, restart=_KRYLOV, maxiter=1)
        return np.asarray(found)

    def _product(self, values: Vector) -> Vector:
        """Return the matrix times a vector, without forming it."""
        m, r = self._slack.shape
        setting, count = self._setting, self._count
        unknown = values[: len(self._weights) * m].reshape(-1, m)
        slack = unknown[:r].T * self._size
        flow = self._inverse * self._ratio * (self._scale[:, None] * slack @ self._columns.T)
        own = np.zeros(m) if setting.fixed else unknown[r]
        alpha = unknown[r + (not setting.fixed) :]
        local = self._rows.diagonal * own[:, None]
        for (weighted, _), each in zip(self._rows.rank_one, alpha, strict=True):
            local = local + weighted * each[:, None]
        change = flow + flow.T + self._inverse / 2 * (local + local.T)
        seen = count * change
        held, inverse = self._turning
        turn = inverse @ slack
        moved = seen @ self._columns + (self._at_own * own)[:, None] * self._columns
        moved = setting.root[:, None] * moved + self._across @ slack
        lines = [*(moved + held * self._slack @ (turn - turn.T)).T]
        if not setting.fixed:
            less = (count * local).sum(axis=1)
            grown = 2 * self._at_own * self._scale * (self._columns * slack).sum(axis=1)
            if setting.is_budget:
                grown = grown - setting.each / 2 * values[-1]
            lines.append(grown + (self._rows.diagonal * seen).sum(axis=1) - less)
        for (_, along), each in zip(self._rows.rank_one, alpha, strict=True):
            still = (count * along).sum(axis=1) * own
            lines.append(each + still - (along * seen).sum(axis=1))
        flat = np.concatenate(lines)
        return np.append(flat, setting.mass @ own) if setting.is_budget else flat


def _localised(slack: Matrix) -> tuple[Matrix, NDArray[np.int64]]:
    """Turn the columns of V so that each belongs to an orbit and those after it, S = V Vᵀ.

    Returns V and the orbits.
    """
    turn, _, order = linalg.qr(slack.T, mode="economic", pivoting=True)
    return slack @ turn, np.asarray(order[: slack.shape[1]], dtype=np.int64)

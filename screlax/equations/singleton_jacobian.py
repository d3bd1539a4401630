"""The Jacobian of the singleton equations: block-diagonal plus low rank, bordered by log ν_0."""

from __future__ import annotations

import numpy as np

from ..types import Matrix, Vector
from .couplings import Couplings
from .linear import StructuredJacobian
from .singletons import SingletonEquations, SingletonMoments, SingletonState

_ACCURACY = 1e-6
"""Of the kernels in the Jacobian: Newton gains that many digits a step at most."""


class SingletonJacobian:
    """Derivatives of `SingletonEquations` by (log v, log b, β) and log ν_0.

    The factor 1/V of (E2) is held fixed. Rows and unknowns of a class: v where there is any, b,
    then β and (E1).
    """

    def __init__(
        self,
        equations: SingletonEquations,
        state: SingletonState,
        moments: SingletonMoments,
        accuracy: float = _ACCURACY,
    ) -> None:
        self._equations, self._state, self._moments = equations, state, moments
        self._strength = float(np.exp(state.log_strength))
        self._count = len(moments.vectors)
        self._couplings = Couplings.between(state.log_normalizer, state.ratio, accuracy)
        self._weights = [equations.copies * vector for vector in moments.vectors]
        self._own = self._own_derivatives()

    @property
    def is_ridge(self) -> bool:
        """Whether ν_0 is given, so that there is no border."""
        return self._equations.control.is_penalty

    def _own_derivatives(self) -> Matrix:
        """Return ∂own by the unknowns of the class, then by log ν_0, shape (F + 2, m)."""
        equations, moments = self._equations, self._moments
        own = np.zeros((self._count + 2, len(moments.own)))
        if equations.bounded:
            return own
        scale = self._strength / (equations.anchors * moments.on_itself)
        inside = np.zeros_like(moments.own)
        for number, vector in enumerate(moments.vectors):
            own[number] = 2 * scale * vector**2
            inside += vector**2
        own[-2] = 1.0
        own[-1] = -scale * (equations.share - inside)
        return own

    def structured(self) -> StructuredJacobian:
        """Return the derivatives by the unknowns of the classes."""
        m, count = len(self._moments.own), self._count
        blocks = np.zeros((count + 1, count + 1, m))
        factors = self._first_row(blocks[-1])
        for number in range(count):
            self._vector_row(number, blocks[number])
        beta, ratio = self._couplings.beta_basis, self._couplings.ratio_basis
        lefts, rights = [], []
        for number, factor in enumerate(factors):
            lefts.append((count, factor[:, None] * beta))
            rights.append(self._flow_moves(number))
        for number, scale in enumerate(self._equations.scales(self._moments)):
            basis = np.hstack([beta, ratio, self._moments.centre[:, None]])
            lefts.append((number, basis / scale))
            rights.append(self._product_moves(number))
        rank = sum(basis.shape[1] for _, basis in lefts)
        left = np.zeros((count + 1, m, rank))
        start = 0
        for row, basis in lefts:
            left[row, :, start : start + basis.shape[1]] = basis
            start += basis.shape[1]
        right = np.concatenate(rights)
        return StructuredJacobian(blocks[None], left[None], right[None])

    def _first_row(self, block: Matrix) -> list[Vector]:
        """Fill in what stays within a class in (E1), and return the factors of its sums."""
        equations, moments = self._equations, self._moments
        if equations.bounded:
            total = moments.on_itself + moments.outside
            unit = 2 * self._strength / (equations.anchors * total)
            flows = [
                vector * (share - vector / 2)
                for vector, share in zip(moments.vectors, moments.shares, strict=True)
            ]
            flows[-1] = flows[-1] + moments.vectors[-1] * equations.root
            block[-1] = -moments.on_itself / total
        else:
            flows = equations.flows(moments)
            unit = 1 / np.sum(flows, axis=0)
        factors = []
        for number, (vector, flow) in enumerate(zip(moments.vectors, flows, strict=True)):
            block[number] = unit * flow
            factors.append(unit * vector)
            block[-1] -= factors[number] * self._couplings.flow_slope(self._weights[number])
        return factors

    def _vector_row(self, number: int, block: Matrix) -> None:
        """Fill in what stays within a class in (E2) or (E3)."""
        equations, moments = self._equations, self._moments
        vector, total = moments.vectors[number], moments.totals[number]
        block += vector * self._own[:-1]
        block[number] += vector * (moments.own - moments.within)
        block[0] += total - 2 * vector
        block[-1] += moments.shares[number] + vector / 2 - vector
        if self._state.ratio is not None:
            turned = self._couplings.share(self._weights[number])
            turned = turned - 2 * vector * _logistic(2 * self._state.ratio)
            block[1] += turned
            block[0] -= turned
        if number == self._count - 1:
            block[number] += equations.root
            block[-1] += equations.root
        block /= equations.scales(moments)[number]

    def _flow_moves(self, number: int) -> Matrix:
        """Return how every class moves Σ v' L at the nodes of β, shape (q, F + 1, m)."""
        logistic, weight = self._couplings.kernels.logistic[0], self._weights[number]
        moves = np.zeros((len(logistic), self._count + 1, len(weight)))
        moves[:, number] = logistic * weight
        moves[:, -1] = logistic * (1 - logistic) * weight
        return moves

    def _product_moves(self, number: int) -> Matrix:
        """Return how every class moves Σ pair v' at the nodes of β and ξ, and the factor of g."""
        weight, centre = self._weights[number], self._moments.centre
        kernels, sums = self._couplings.kernels, self._couplings.sums
        count = len(kernels.bend[0])
        nodes = count + (0 if sums is None else len(sums.rise[0])) + 1
        moves = np.zeros((nodes, self._count + 1, len(weight)))
        moves[:count, number] = weight * (centre - kernels.bend[0])
        moves[:count, 0] += weight
        moves[:count, -1] = weight * (1 - kernels.logistic[0])
        if sums is not None:
            moves[count:-1, number] = weight * sums.rise[0]
            moves[count:-1, 1] += weight * sums.share[0]
            moves[count:-1, 0] -= weight * sums.share[0]
        moves[-1, number] = weight
        return moves

    def by_strength(self) -> Matrix:
        """Return the derivatives of the residuals by log ν_0, shape (F + 1, m)."""
        equations, moments = self._equations, self._moments
        rows = [
            (vector * self._own[-1] + total - vector) / scale
            for vector, total, scale in zip(
                moments.vectors, moments.totals, equations.scales(moments), strict=True
            )
        ]
        rows[-1] = rows[-1] + 1
        first = np.zeros_like(moments.own)
        if equations.bounded:
            first = moments.outside / (moments.on_itself + moments.outside)
        return np.stack([*rows, first])

    def last_row(self) -> tuple[Matrix, float]:
        """Return the derivatives of (E4) by the unknowns of the classes, and by log ν_0."""
        equations, moments = self._equations, self._moments
        pulled = self._weights[-1] / equations.root
        corner = np.zeros((self._count + 1, len(pulled)))
        corner[-2] = -pulled * (moments.product + 1)
        corner[-1] = -pulled
        by_strength = -float(pulled.sum())
        limit = equations.control.parameter
        if equations.bounded:
            return corner / limit, by_strength / limit
        single = equations.singletons * equations.single_mass
        rows = equations.mass * self._own[:-1] + single * corner
        trace = float(equations.mass @ self._own[-1]) + single * by_strength
        return rows / (equations.points * limit), trace / (equations.points * limit)


def _logistic(numbers: Vector) -> Vector:
    return np.asarray(np.exp(-np.logaddexp(0.0, -numbers)))

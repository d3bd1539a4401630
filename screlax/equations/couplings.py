"""Sums over all classes of what couples them where there are singletons, in time linear in m.

Two classes meet in a function of the difference of their β and in one of the sum of their ξ; see
`screlax.gram.kernels` for why few nodes suffice for both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..gram.kernels import EXACT, Interpolation, Kernels, SumKernels, node_count
from ..types import Matrix, Vector

_ALWAYS_EXACT = 24


@dataclass(frozen=True, eq=False)
class Couplings:
    """Kernels between nodes and all m classes, and the way back; arrays of `gram.kernels` at B = 1.

    Attributes
    ----------
    by_beta : Interpolation
        Nodes of β; β itself, without a matrix, where m is small.
    kernels : Kernels
        Of differences of β.
    by_ratio : Interpolation or None
        Nodes of ξ; None where there is no ξ.
    sums : SumKernels or None
        Of sums of ξ.
    """

    by_beta: Interpolation
    kernels: Kernels
    by_ratio: Interpolation | None = None
    sums: SumKernels | None = None

    @classmethod
    def between(cls, beta: Vector, ratio: Vector | None, accuracy: float = EXACT) -> Couplings:
        """Evaluate the kernels for β and ξ of shape (m,), exactly for few classes."""
        numbers = [beta] if ratio is None else [beta, ratio]
        most = max(node_count(float(np.ptp(values)), accuracy) for values in numbers)
        exact = len(beta) <= max(_ALWAYS_EXACT, 2 * most)
        nodes = [
            Interpolation(values[None], None) if exact else Interpolation.of(values[None], accuracy)
            for values in numbers
        ]
        kernels = Kernels.between(nodes[0].nodes, beta[None])
        if ratio is None:
            return cls(nodes[0], kernels)
        return cls(nodes[0], kernels, nodes[1], SumKernels.between(nodes[1].nodes, ratio[None]))

    @property
    def is_exact(self) -> bool:
        """Whether nothing is interpolated: kernels are m×m."""
        return self.by_beta.matrix is None

    @property
    def flow_left_out(self) -> float:
        """What interpolation leaves out of `flow` at most, for weights that sum to one."""
        return float(self.by_beta.left_out.logistic[0, 0])

    @property
    def product_left_out(self) -> float:
        """What it leaves out of `bend` and `rise` together."""
        left_out = float(self.by_beta.left_out.bend[0, 0])
        if self.by_ratio is not None:
            left_out += float(self.by_ratio.left_out.rise[0, 0])
        return left_out

    @property
    def beta_basis(self) -> Matrix:
        """From values at the nodes of β to all β, shape (m, q)."""
        return _basis(self.by_beta)

    @property
    def ratio_basis(self) -> Matrix:
        """From values at the nodes of ξ to all ξ, shape (m, p); (m, 0) where there is no ξ."""
        if self.by_ratio is None:
            return np.empty((len(self.beta_basis), 0))
        return _basis(self.by_ratio)

    def flow(self, weight: Vector) -> Vector:
        """Return Σ_h weight_h Z_h/(Z_g + Z_h), shape (m,)."""
        return _extended(self.by_beta, self.kernels.logistic[0] @ weight)

    def flow_slope(self, weight: Vector) -> Vector:
        """Return Σ_h weight_h Z_g Z_h/(Z_g + Z_h)², shape (m,)."""
        logistic = self.kernels.logistic[0]
        return _extended(self.by_beta, (logistic * (1 - logistic)) @ weight)

    def bend(self, weight: Vector) -> Vector:
        """Return Σ_h weight_h log cosh((β_g − β_h)/2), shape (m,)."""
        return _extended(self.by_beta, self.kernels.bend[0] @ weight)

    def rise(self, weight: Vector) -> Vector:
        """Return Σ_h weight_h log(1 + e^{ξ_g + ξ_h}), shape (m,); zeros where there is no ξ."""
        if self.by_ratio is None or self.sums is None:
            return np.zeros_like(weight)
        return _extended(self.by_ratio, self.sums.rise[0] @ weight)

    def share(self, weight: Vector) -> Vector:
        """Return the derivative of `rise` by ξ_g, shape (m,)."""
        if self.by_ratio is None or self.sums is None:
            return np.zeros_like(weight)
        return _extended(self.by_ratio, self.sums.share[0] @ weight)


def _basis(interpolation: Interpolation) -> Matrix:
    matrix = interpolation.matrix
    return np.eye(interpolation.nodes.shape[1]) if matrix is None else matrix[0]


def _extended(interpolation: Interpolation, values: Vector) -> Vector:
    return np.asarray(interpolation.extend(values[None])[0])

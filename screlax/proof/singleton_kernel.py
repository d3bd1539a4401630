"""Whether a Gram matrix of anchored classes is positive semidefinite, from a few eigenvalues.

The class means' Gram matrix is a diagonal of spreads δ = own − pair_gg plus a kernel K that is
interpolated at few nodes: K = U C Uᵀ, U = [basis of β, basis of ξ, g],

    C = [[−log cosh, 0, 1], [0, log(1 + e^…), 0], [1ᵀ, 0, 0]].

With Δ = δ/κ it is congruent to I + Δ^{-½} K Δ^{-½}, whose eigenvalues other than one are those of
I + R C Rᵀ, R the triangular factor of Δ^{-½} U. An eigenvalue that is known to be zero, as that of
the exact null vector v, is told from the others by its place: the next one has to be positive
beyond all errors.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from ..equations.couplings import Couplings
from ..equations.singletons import SingletonState, pair_products
from ..gram.kernels import Kernels, SumKernels
from ..gram.rounding import UNIT
from ..types import Matrix, Vector

_INTERPOLATED = 64 * UNIT
"""Largest error by rounding of an entry that is interpolated, relative to the kernels."""


def smallest_beyond(
    copies: Vector,
    spread: Vector,
    spread_error: Vector,
    centre: Vector,
    state: SingletonState,
    couplings: Couplings,
    shared: tuple[Vector, float] | None,
) -> float:
    """Return the smallest eigenvalue of I + Δ^{-½} K Δ^{-½}, less its largest error.

    Not counting that of an exact null vector: v, or with y and corner given as `shared` (b, w) of
    the matrix with the row of h_0. −inf where a spread may be negative.
    """
    if not (spread > spread_error).all():
        return -np.inf
    root = np.sqrt(copies / spread)
    if couplings.is_exact:
        core = pair_products(centre, state.log_normalizer, state.ratio)
        entry = 4 * UNIT * float(np.abs(centre).max() + np.abs(state.log_normalizer).max())
        if state.ratio is not None:
            entry += 4 * UNIT * float(np.abs(state.ratio).max())
        core = root[:, None] * core * root
    else:
        factor, core, entry = _interpolated(root, centre, couplings, shared)
        core = factor @ core @ factor.T
    if shared is not None and couplings.is_exact:
        row = root * shared[0] / np.sqrt(shared[1])
        core = np.block([[core, row[:, None]], [row, 0.0]])
    if not np.isfinite(core).all():
        return -np.inf
    values = linalg.eigvalsh(np.eye(len(core)) + (core + core.T) / 2)
    number = 0 if state.ratio is None and shared is None else 1
    smallest = float(values[number]) if number < len(values) else 1.0
    error = entry * float(root @ root) + float((spread_error / spread).max())
    return smallest - error - 8 * len(core) * UNIT * float(np.abs(values).max())


def _interpolated(
    root: Vector, centre: Vector, couplings: Couplings, shared: tuple[Vector, float] | None
) -> tuple[Matrix, Matrix, float]:
    """Return R, C and the largest error of an entry of K."""
    beta, nodes = couplings.beta_basis, couplings.by_beta.nodes
    ratio = couplings.ratio_basis
    whole = root[:, None] * np.hstack([beta, ratio, centre[:, None]])
    first, second = beta.shape[1], beta.shape[1] + ratio.shape[1]
    core = np.zeros((second + 1, second + 1))
    core[:first, :first] = -Kernels.between(nodes, nodes).bend[0]
    if couplings.by_ratio is not None:
        at = couplings.by_ratio.nodes
        core[first:second, first:second] = SumKernels.between(at, at).rise[0]
    largest = float(np.abs(core).max() + 2 * np.abs(centre).max())
    core[:first, -1] = core[-1, :first] = 1.0
    if shared is not None:
        product, corner = shared
        whole = np.block([[whole, (root * product)[:, None], np.zeros((len(root), 1))]])
        last = np.zeros(whole.shape[1])
        last[-1] = 1 / np.sqrt(corner)
        whole = np.vstack([whole, last])
        core = linalg.block_diag(core, [[0.0, 1.0], [1.0, 0.0]])
    # first in one argument, then in the other
    grown = 1 + max(basis.lebesgue for basis in (couplings.by_beta, couplings.by_ratio) if basis)
    entry = _INTERPOLATED * largest + grown * couplings.product_left_out
    return np.asarray(np.linalg.qr(whole, mode="r")), core, entry

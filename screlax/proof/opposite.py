"""The certificate of two opposite points on a ball or sphere, in O(m).

The dual point are the softmax rows P of the Gram matrix ρ s sᵀ itself, with the multipliers ν that
make the slack annihilate s: the bounds then meet, if the slack is positive semidefinite. With
α = a/Z, at unit temperature and entries relative to e^ρ, it is diag(δ) + K with

    K_cc' = ½ (α_c u_c' + u_c α_c') (½(1 + E) + ½(1 − E) s_c s_c'),     E = e^{−2ρ},
    δ_c = ν_c − a_c (1 − p_cc) − K_cc,

K of rank four, so that I + Δ^{-½} K Δ^{-½} has a few eigenvalues other than one: zero, of s, and
others that have to be positive beyond rounding. A class that is alone on its side may have δ_c < 0;
its whole diagonal entry then is taken out of K.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import linalg

from ..gram.cells import Level
from ..gram.opposite import OppositeGram
from ..gram.rounding import UNIT
from ..problem.levels import cells_at
from ..problem.ufm import UFM
from ..types import Vector
from .certificate import Certificate
from .structured_rounding import SMALL, SUM, row_error, row_loss

_ENTRY = 32 * UNIT
"""Largest error of a term of the slack, relative to its size."""


def prove_opposite(problem: UFM, gram: OppositeGram) -> Certificate | None:
    """Prove that two opposite points are optimal; None where this proof does not hold.

    It holds for real features, targets that are the own class, and norms on the bound of a ball or
    sphere.
    """
    terms, control = problem.loss.class_terms(problem.class_sizes), problem.control
    limit = problem.control_at_unit_temperature.parameter
    if terms is None or problem.features.are_nonnegative or not control.fixes_norms:
        return None
    if len(gram.side) != len(terms.anchors) or (np.abs(gram.side) != 1).any():
        return None
    if abs(gram.scale * gram.unit_norm - limit) > 4 * UNIT * limit:
        return None
    with np.errstate(all="ignore"):
        return _Rows(problem, gram.side, limit).certificate()


class _Rows:
    """The softmax rows at two opposite points, and their slack."""

    def __init__(self, problem: UFM, side: Vector, limit: float) -> None:
        terms = problem.loss.class_terms(problem.class_sizes)
        assert terms is not None
        self._problem, self._side, self._limit, self._terms = problem, side, limit, terms
        self._copies = problem.points.multiplicities.astype(float)
        self._decay = math.exp(-2 * limit)
        first, far = side > 0, self._sums(terms.pair)[1]
        others = [terms.others(self._copies * there) for there in (first, ~first)]
        self._rest = np.where(first, *others) + self._decay * far
        anchored = terms.anchors > 0
        self._share = np.where(anchored, terms.anchors / (terms.own + self._rest), 0.0)

    def _sums(self, numbers: Vector) -> tuple[Vector, Vector]:
        """Return, for every orbit, the sums over all classes of its side and of the other."""
        first, whole = self._side > 0, self._copies * numbers
        one, other = float(whole[first].sum()), float(whole[~first].sum())
        return np.where(first, one, other), np.where(first, other, one)

    def certificate(self) -> Certificate | None:
        """Return the certificate, None where the slack is not positive semidefinite."""
        terms, copies = self._terms, self._copies
        pair, share, decay = terms.pair, self._share, self._decay
        near, far = self._sums(pair)
        share_near, share_far = self._sums(share)
        within, inside = (share * near + pair * share_near) / 2, share * pair
        across = decay / 2 * (share * far + pair * share_far)
        leave = share * self._rest  # a (1 − p)
        multipliers = leave - (within - inside) + across
        size = np.abs(multipliers) + leave + within + across
        smallest = self._smallest(multipliers - leave, inside, size)
        if not (smallest > 0 and self._control_allows(multipliers - _ENTRY * size)):
            return None
        mass = copies * terms.anchors
        height = row_loss(terms.own, np.log(self._rest))
        value = float(mass @ np.where(terms.anchors > 0, height, 0.0))
        errors = SUM * float(mass @ (1 + np.abs(np.where(terms.anchors > 0, height, 0.0))))
        errors += float(mass @ row_error(terms.own)) + SMALL
        return Certificate.around(
            "orbits", value, 0.0, terms.floor(copies), (errors, 0.0), (0.0, 0.0)
        )

    def _control_allows(self, multipliers: Vector) -> bool:
        """Whether multipliers have the sign that a ball asks for."""
        points = self._problem.points
        cells = cells_at(points, Level.ORBITS)
        own = np.full(len(multipliers), self._limit)
        control = self._problem.control_at_unit_temperature
        allowed = control.multipliers(own, own, cells, multipliers)
        return bool(np.array_equal(allowed, multipliers))

    def _smallest(self, diagonal: Vector, inside: Vector, size: Vector) -> float:
        """Return the second smallest eigenvalue, less its error; `diagonal` includes K_cc."""
        root, terms, side = np.sqrt(self._copies), self._terms, self._side
        spread = diagonal - inside
        alone = (spread <= 0) & (self._copies == 1)
        if alone.sum() > 1 or (spread[~alone] <= 0).any() or (diagonal[alone] <= 0).any():
            return -math.inf
        kept = np.where(alone, diagonal, spread)
        scale = root / np.sqrt(kept)
        columns = [self._share, terms.pair, side * self._share, side * terms.pair]
        one, two = (1 + self._decay) / 4, (1 - self._decay) / 4
        core = np.zeros((4 + int(alone.sum()),) * 2)
        core[0, 1] = core[1, 0] = one
        core[2, 3] = core[3, 2] = two
        if alone.any():
            columns.append(alone.astype(float))
            core[4, 4] = -float(inside[alone][0])
        whole = scale[:, None] * np.column_stack(columns)
        factor = np.asarray(np.linalg.qr(whole, mode="r"))
        matrix = factor @ core @ factor.T
        if not np.isfinite(matrix).all():
            return -math.inf
        values = linalg.eigvalsh(np.eye(len(matrix)) + (matrix + matrix.T) / 2)
        error = _ENTRY * (float((size / kept).max()) + float(np.abs(values).max()))
        norms = np.linalg.norm(factor, axis=0)
        error += 64 * UNIT * float(norms @ np.abs(core) @ norms)
        return (float(values[1]) if len(values) > 1 else 1.0) - error

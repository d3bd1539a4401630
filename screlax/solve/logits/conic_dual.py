"""Cross-entropy in cvxpy by its dual: stochastic rows of largest entropy, singular values bounded.

    maximise   Σ_c a_c [H(p_c) + Σ_j p_cj t_j − t_c] − price
    subject to rows p ≥ 0 summing to one,   [[I μ, M], [Mᵀ, I μ]] ⪰ 0,   M = √r⁻¹ a (P − I) Δ √v⁻¹,

with as many exponential cones as the primal program and one semidefinite block, whose multiplier
has the logits. A bound ρ makes μ a variable with price ρμ; fixed norms make the masses r and v
variables, with price s/2 each; a bias asks for 1ᵀ a (P − I) = 0, whose multiplier it is. Solvers
need far fewer iterations than with the primal forms (`screlax.solve.entropy_model`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ...gram.logits import CellMatrix, LogitGram
from ...problem.logits import LogitProgram
from ...types import Vector
from .conic_model import LogitModel


class DualForm(LogitModel):
    """The program above, by orbit."""

    form: ClassVar[str] = "dual"

    def __init__(self, program: LogitProgram) -> None:
        import cvxpy

        super().__init__(program)
        m = program.size
        self._row, self._column, self._others = self._entries()
        self._own, self._pair = cvxpy.Variable(m), cvxpy.Variable(len(self._row))
        value, rows = self._entropy(cvxpy)
        price, self._bounds = self._cost(cvxpy)
        self._balanced = self._column_sums() == 0 if program.has_bias else None
        held = [] if self._balanced is None else [self._balanced]
        self.problem = cvxpy.Problem(
            cvxpy.Minimize(price / self._anchors - value), [*rows, *self._bounds, *held]
        )

    def _entropy(self, cvxpy: Any) -> tuple[Any, list[Any]]:
        """Return the value of the rows per anchor, and what makes them rows."""
        program, m = self._program, self._program.size
        entropy = cvxpy.Variable(m + len(self._row))
        ones = np.ones(m + len(self._row))
        cones = cvxpy.ExpCone(-entropy, cvxpy.hstack([self._own, self._pair]), ones)
        share = program.copies * program.anchors / self._anchors
        mass = np.concatenate([share, share[self._row] * self._others])
        # Σ_j p_cj (t_j − t_c), as rows sum to one
        beyond = program.offset[self._column] - program.offset[self._row]
        value = (share[self._row] * self._others * beyond) @ self._pair - mass @ entropy
        return value, [cones, self._own + self._into(self._row, self._others, m) == 1]

    def _into(self, places: NDArray[np.int64], numbers: Vector, size: int) -> Any:
        """Return sums of the entries of different classes, times numbers, at places."""
        entries = numbers, (places, np.arange(len(self._row)))
        return sparse.csr_array(entries, shape=(size, len(self._row))) @ self._pair

    def _column_sums(self) -> Any:
        """Return 1ᵀ a (P − I) for a class of every orbit, per anchor."""
        program = self._program
        share = program.anchors / self._anchors
        # how many classes of the first orbit there are besides one of the second
        count = program.copies[self._row] - (self._row == self._column)
        sums = self._into(self._column, share[self._row] * count, program.size)
        return sparse.diags_array(share) @ (self._own - 1) + sums

    def _slack(self, cvxpy: Any) -> tuple[Any, Any]:
        """Return a (P − I) Δ on orbit sums, and on differences within orbits of several."""
        program, m = self._program, self._program.size
        root = np.sqrt(program.copies)
        left, right = program.anchors * root, program.slope * root
        shared = self._into(
            self._row * m + self._column, left[self._row] * right[self._column], m * m
        )
        same = self._into(self._row, (self._row == self._column).astype(float), m)
        apart = cvxpy.multiply(program.anchors * program.slope, self._own - 1 - same)
        whole = cvxpy.reshape(shared, (m, m), order="C") + cvxpy.diag(apart)
        return whole, apart[self._several] if len(self._several) else None

    def _cost(self, cvxpy: Any) -> tuple[Any, list[Any]]:
        """Return the price, and the bounds of singular values: the large block comes first."""
        program, norm, m = self._program, self._program.norm, self._program.size
        shared, split = self._slack(cvxpy)
        if norm.fixes_rows:
            return self._fixed(cvxpy, shared, split)
        left, right = (1 / root for root in program.roots)
        shared = cvxpy.multiply(np.outer(left, right), shared)
        # of the order of one, whatever the scale of the loss
        self._unit = norm.amount if norm.is_penalty else float(np.max(program.anchors * left))
        most = 1.0 if norm.is_penalty else cvxpy.Variable(nonneg=True)
        eye = most * np.eye(m)
        block = cvxpy.bmat([[eye, shared / self._unit], [shared.T / self._unit, eye]]) >> 0
        bounds = [block]
        if split is not None:
            scaled = cvxpy.multiply((left * right)[self._several] / self._unit, split)
            bounds.append(scaled >= -most)
        return 0.0 if norm.is_penalty else norm.amount * self._unit * most, bounds

    def _fixed(self, cvxpy: Any, shared: Any, split: Any) -> tuple[Any, list[Any]]:
        """Return the price of masses, and their bounds, where all norms are fixed."""
        program = self._program
        self._unit = float(program.anchors.max())
        self._masses = [cvxpy.Variable(program.size) for _ in range(2)]
        features, classifier = (cvxpy.diag(mass) for mass in self._masses)
        shared = shared / self._unit
        bounds = [cvxpy.bmat([[features, shared], [shared.T, classifier]]) >> 0]
        if split is not None:
            one, other = (mass[self._several] for mass in self._masses)
            both = cvxpy.vstack([2 * split / self._unit, one - other])
            bounds.append(cvxpy.SOC(one + other, both))
        total = program.copies @ (self._masses[0] + self._masses[1])
        return program.norm.amount / 2 * self._unit * total, bounds

    def found(self) -> LogitGram | None:
        """Return the logits, the multipliers of the bounds, or None without numbers."""
        program, m = self._program, self._program.size
        whole = self._bounds[0].dual_value
        if whole is None:
            return None
        scale = self._anchors / self._unit
        shared = 2 * scale * np.asarray(whole)[:m, m:]
        apart = np.zeros(m)
        if len(self._several):
            others = program.copies[self._several] - 1
            apart[self._several] = scale * self._split_multipliers() / others
        left, right = program.roots
        if program.norm.fixes_rows:
            left = right = np.ones(m)
        action = CellMatrix.from_shared(shared, apart, program.copies)
        own, pair = action.own / (left * right), action.pair / np.outer(left, right)
        logits = CellMatrix.of(own, pair, program.copies)
        return self._with_masses(program.gram(logits, self._bias()))

    def _split_multipliers(self) -> Vector:
        """Return what the bounds of differences within orbits are worth."""
        given = self._bounds[1].dual_value
        if self._program.norm.fixes_rows:  # a cone of (one + other; 2 split, one − other)
            return np.asarray(2 * given[1][0])
        return np.asarray(given)

    def _bias(self) -> Vector | None:
        """Return what the column sums are worth, which is shared by the classes of an orbit."""
        if self._balanced is None:
            return None
        return -np.asarray(self._balanced.dual_value) / self._program.copies

    def _with_masses(self, gram: LogitGram) -> LogitGram:
        """Return the logits with the masses that the solver found, where norms are fixed."""
        if not self._program.norm.fixes_rows:
            return gram
        masses = [self._unit * np.asarray(mass.value) for mass in self._masses]
        return replace(gram, feature_mass=masses[0], classifier_mass=masses[1])

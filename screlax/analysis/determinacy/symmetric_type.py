"""Changes that are the same for equal classes: O(m²) unknowns, solved with O(m)×O(m) matrices.

As a quadratic form of the entries `pair` of a change q − λ‖·‖² is a diagonal bordered by few rows
(`border`). Their multipliers make

    K = [[Δ, Aᵀ], [A, T]],   Δ = diag(D − λN),   M = T − A Δ⁻¹ Aᵀ,

and K has as many negative eigenvalues as Δ and M together (Haynsworth 1968). Every multiplier of a
positive term, or of a constraint, has one of them; the rest are eigenvalues of q below λ.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...gram.cells import CellGram
from ...gram.class_products import inner_product
from ...types import Matrix
from .border import Border
from .form import Form
from .inertia import SymmetricFactor, inverse_of_difference


class SymmetricType:
    """q on changes that are the same for equal classes.

    Raises
    ------
    ProblemTooLargeError
        If there are too many distinct sizes.
    """

    def __init__(self, form: Form) -> None:
        self.form = form
        self.merged = form.joined & (form.copies > 1) & (form.reach == 0)
        self.present = form.pairs > 0
        self.present[np.diag_indices(len(form))] &= ~self.merged
        self.border = Border(form, self.present, self.merged)
        loss = form.rows.diagonal
        self.diagonal = loss + loss.T
        np.fill_diagonal(self.diagonal, np.diagonal(loss) + self.border.costs_of_spread)

    @property
    def unknowns(self) -> int:
        """Changes that are tangent and no change of scale: as many as there are eigenvalues."""
        form, rank = self.form, self.form.kernel.shape[1]
        every = int(np.triu(self.present).sum()) + form.norms_are_free * len(form)
        if form.reach > 0:
            return every
        tied = rank * (rank + 1) // 2 + self.border.has_trace
        only_scale = form.norms_are_free and form.scale_is_free and not self.border.has_trace
        return int(every - tied - only_scale)

    def at(self, value: float) -> ShiftedType:
        """Factorise q − value·‖·‖²."""
        return ShiftedType(self, value)

    def metric(self, change: CellGram) -> CellGram:
        """Return ‖·‖² as an operator: how often each entry counts, less the part along X."""
        form = self.form
        own, pair = form.copies * change.own, form.pairs * change.pair
        if not form.norms_are_free:
            own = np.zeros_like(own)
        if form.scale_is_free:
            along = inner_product(form.gram, change, form.copies) / self.border.norm**2
            own = own - along * form.copies * form.gram.own
            pair = pair - along * form.pairs * form.gram.pair
        return CellGram(own, pair)

    def product(self, one: CellGram, other: CellGram) -> float:
        """Return the sum over own and over pairs g ≤ h."""
        return float(one.own @ other.own) + float(np.triu(one.pair * other.pair).sum())

    def random_change(self, generator: np.random.Generator) -> CellGram:
        """Return a change to begin with."""
        noise = generator.standard_normal(self.diagonal.shape)
        pair = np.where(self.form.pairs > 0, noise + noise.T, 0.0)
        pair /= np.sqrt(np.maximum(self.form.pairs, 1))
        own = generator.standard_normal(len(noise))
        return CellGram(own if self.form.norms_are_free else np.zeros_like(own), pair)


@dataclass(frozen=True, eq=False)
class ShiftedType:
    """q − λ‖·‖², factorised."""

    of: SymmetricType
    value: float

    @cached_property
    def _inverse(self) -> Matrix:
        kind = self.of
        return inverse_of_difference(kind.diagonal, self.value * kind.form.pairs, kind.present)

    @cached_property
    def _factor(self) -> SymmetricFactor:
        return SymmetricFactor(self.of.border.matrix(self.value, self._inverse))

    @property
    def below(self) -> int:
        """How many eigenvalues q has below λ; at zero those that are negative by rounding too."""
        pairs = int((np.triu(self._inverse) < 0).sum())
        return pairs + self._factor.negative - self.of.border.expected

    def solve(self, right: CellGram) -> CellGram:
        """Return the change on which (q − λ‖·‖²) is `right`, a vector of the dual space."""
        kind, border = self.of, self.of.border
        m, inverse, along = len(kind.form), self._inverse, border.along(self.value)
        first = inverse * right.pair
        known = -border.seen(first)
        if kind.form.norms_are_free:
            known[:m] += right.own + np.where(kind.merged, np.diagonal(right.pair), 0.0)
        extra = [-float(np.triu(along * first).sum())] if kind.form.scale_is_free else []
        extra += [0.0] * border.has_trace
        found = self._factor.solve(np.concatenate([known, extra]))
        back = border.spread(found[: len(known)])
        if kind.form.scale_is_free:
            back = back + found[len(known)] * along
        pair = inverse * (right.pair - back)
        own = found[:m] if kind.form.norms_are_free else np.zeros(m)
        same = np.flatnonzero(kind.merged | (kind.form.copies == 1))
        pair[same, same] = own[same]
        return CellGram(own, pair)

"""Changes that are the same for equal classes: O(m²) unknowns, solved with O(m)×O(m) matrices.

As a quadratic form of the entries `pair` of a change q − λ‖·‖² is a diagonal bordered by few rows:
squared norms, factors of the loss's Hessian, the slack term, trace and scale. Their multipliers
make

    K = [[Δ, Aᵀ], [A, T]],   Δ = diag(D − λN),   M = T − A Δ⁻¹ Aᵀ,

and K has as many negative eigenvalues as Δ and M together (Haynsworth 1968). Every multiplier of a
positive term, or of a constraint, has one of them; the rest are eigenvalues of q below λ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...gram.cells import CellGram
from ...optional import require_memory
from ...types import Matrix, Vector
from .form import Form, inner_product
from .inertia import SymmetricFactor, inverse_of_difference

_MOST = 6000
"""Multipliers whose matrix is still factorised."""


class SymmetricType:
    """q on changes that are the same for equal classes.

    Raises
    ------
    ProblemTooLargeError
        If there are more multipliers than fit in memory.
    """

    def __init__(self, form: Form) -> None:
        self.form = form
        self.count = len(form)
        counts, several = form.pairs, form.copies > 1
        self.present = counts > 0
        self.diagonal = form.rows.diagonal + form.rows.diagonal.T
        np.fill_diagonal(self.diagonal, np.diagonal(form.rows.diagonal))
        self._merged = form.joined & several & (form.reach == 0)
        self.present[np.diag_indices(self.count)] &= ~self._merged
        self.counts = np.where(self.present, counts, 0.0)
        self.own_counts = form.copies + np.where(self._merged, form.copies * (form.copies - 1), 0.0)
        self.norm = math.sqrt(form.squared_norm)
        self._assemble()

    def _assemble(self) -> None:
        """Collect the border: rows by block, and what they are to each other without `pair`."""
        form, m = self.form, self.count
        loss, factors = form.rows.diagonal.copy(), form.rows.factors.copy()
        places = np.arange(m)[self._merged]
        loss[places, places] = 0.0  # a difference that is not there
        factors[:, places, places] = 0.0
        apart = self._costs_of_spread()
        self.diagonal = self.diagonal + np.diag(apart)
        blocks: list[Matrix] = []
        own = np.diag(loss.sum(axis=1) + apart + form.own_cost)
        if form.norms_are_free:
            blocks.append(-loss - np.diag(apart))
        blocks.extend(factors)
        vectors = form.kernel if form.reach == 0 else form.kernel[:, : len(form.slack)]
        root = np.sqrt(form.copies)
        for vector in vectors.T:
            along = np.outer(root, root * vector)
            np.fill_diagonal(along, (form.copies - 1) * vector)
            blocks.append(along)
        self.rows = np.array([np.where(self.present, block, 0.0) for block in blocks])
        self._own_to = [-factor.sum(axis=1) for factor in factors]
        merged = np.where(self._merged, form.copies, 1.0)
        self._own_to += [vector * merged for vector in vectors.T]
        self._own = own
        self._slack_rows, self._turn = self._slack_terms(vectors.shape[1])

    def _costs_of_spread(self) -> Vector:
        """Return what the squares of own − pair of equal classes cost by the slack."""
        form = self.form
        if form.reach == 0:
            return np.zeros(self.count)
        rate = 2 * form.slack_apart / (form.apart + form.reach)
        return np.asarray(np.where(form.copies > 1, (form.copies - 1) * rate, 0.0))

    def _slack_terms(self, vectors: int) -> tuple[Matrix, Matrix | None]:
        """Return T of the multipliers of D v, and the basis in which none is there twice."""
        form, m = self.form, self.count
        shared = form.shared + form.reach * np.eye(m)
        slack = form.slack
        if form.reach > 0 or vectors == len(slack) == 1:
            every = np.zeros((vectors * m, vectors * m))
            for place, size in enumerate(slack):
                block = slice(place * m, (place + 1) * m)
                every[block, block] = -shared / (2 * size)
            return every, None
        basis = _without_repetition(form.kernel, len(slack))
        every = np.zeros((basis.shape[1],) * 2)
        width, face = m - vectors, _complement(form.kernel)
        for place, size in enumerate(slack):
            block = slice(place * width, (place + 1) * width)
            every[block, block] = -(face.T @ shared @ face) / (2 * size)
        return every, basis

    @cached_property
    def expected(self) -> int:
        """Negative eigenvalues that multipliers have of their own, at λ > 0."""
        form = self.form
        positive = int((form.rows.signs > 0).sum())
        special = int(form.scale_is_free) + int(self._has_trace)
        return positive + len(self._slack_rows) + special

    @property
    def _has_trace(self) -> bool:
        return self.form.norms_are_free and self.form.trace is not None

    @property
    def unknowns(self) -> int:
        """Changes that are tangent and no change of scale: as many as there are eigenvalues."""
        form, rank = self.form, self.form.kernel.shape[1]
        every = int(np.triu(self.present).sum()) + form.norms_are_free * self.count
        if form.reach > 0:
            return every
        tied = rank * (rank + 1) // 2 + self._has_trace
        only_scale = form.norms_are_free and form.scale_is_free and not self._has_trace
        return int(every - tied - only_scale)

    def at(self, value: float) -> ShiftedType:
        """Factorise q − value·‖·‖²."""
        return ShiftedType(self, value)

    def check_size(self) -> None:
        """Refuse what would take too much memory."""
        size = len(self.rows) * self.count + 2
        require_memory(24.0 * size**2, f"what a loss decides of {self.count:,} distinct sizes")

    def border(self, value: float, inverse: Matrix) -> tuple[Matrix, Matrix]:
        """Return M, and the row of the scale over `pair`."""
        form, m = self.form, self.count
        free = int(form.norms_are_free)
        blocks = len(self.rows)
        direct = np.zeros((blocks, m, blocks, m))
        if free:
            direct[0, :, 0, :] = self._own - value * np.diag(self.own_counts)
            for place, coupling in enumerate(self._own_to):
                np.fill_diagonal(direct[0, :, 1 + place, :], coupling)
                np.fill_diagonal(direct[1 + place, :, 0, :], coupling)
        first = free
        for place, signs in enumerate(form.rows.signs):
            np.fill_diagonal(direct[first + place, :, first + place, :], -signs)
        scaled = self.rows * inverse
        for one in range(blocks):
            for other in range(one + 1):
                met = self.rows[one] * scaled[other].T
                np.fill_diagonal(met, (self.rows[one] * scaled[other]).sum(axis=1))
                direct[one, :, other, :] -= met
                if one != other:
                    direct[other, :, one, :] -= met.T
        plain = direct.reshape(blocks * m, blocks * m)
        start = (first + len(form.rows.signs)) * m
        matrix = self._turned(plain, start)
        return self._with_special(matrix, value, inverse, start)

    def _turned(self, plain: Matrix, start: int) -> Matrix:
        """Bring the multipliers of the slack to their basis, and add their T."""
        if self._turn is not None:
            kept = np.eye(start)
            basis = np.zeros((len(plain), start + self._turn.shape[1]))
            basis[:start, :start] = kept
            basis[start:, start:] = self._turn
            plain = basis.T @ plain @ basis
        plain[start:, start:] += self._slack_rows
        return plain

    def _with_special(
        self, matrix: Matrix, value: float, inverse: Matrix, start: int
    ) -> tuple[Matrix, Matrix]:
        """Append the multipliers of scale and trace."""
        form, m = self.form, self.count
        extra: list[tuple[Vector, float, Matrix]] = []
        along = np.zeros((m, m))
        if form.scale_is_free:
            share = math.sqrt(value) / self.norm
            along = share * np.where(self.present, self.counts * form.gram.pair, 0.0)
            extra.append((share * self.own_counts * form.gram.own, -1.0, along))
        if self._has_trace:
            assert form.trace is not None
            corner = 0.0 if form.trace_cost is None else -1 / form.trace_cost
            extra.append((form.trace, corner, np.zeros((m, m))))
        size = len(matrix)
        found = np.zeros((size + len(extra),) * 2)
        found[:size, :size] = matrix
        for place, (own, corner, pair) in enumerate(extra):
            row = self._seen_by_border(pair * inverse, start)
            coupling = -row
            if form.norms_are_free:
                coupling[:m] += own
            found[size + place, :size] = found[:size, size + place] = coupling
            found[size + place, size + place] = corner - float((np.triu(pair**2 * inverse)).sum())
        return found, along

    def _seen_by_border(self, pair: Matrix, start: int) -> Vector:
        """Return A applied to a symmetric `pair`, in the basis of the multipliers."""
        seen = (self.rows * pair).sum(axis=2).reshape(-1)
        if self._turn is None:
            return np.asarray(seen)
        return np.concatenate([seen[:start], self._turn.T @ seen[start:]])

    def _spread_from_border(self, multipliers: Vector, start: int) -> Matrix:
        """Return Aᵀ applied to multipliers, as a symmetric `pair`."""
        if self._turn is not None:
            multipliers = np.concatenate([multipliers[:start], self._turn @ multipliers[start:]])
        each = multipliers.reshape(len(self.rows), self.count)
        half = (each[:, :, None] * self.rows).sum(axis=0)
        found = half + half.T
        np.fill_diagonal(found, np.diagonal(half))
        return np.asarray(found)

    @property
    def start(self) -> int:
        """Where the multipliers of the slack begin."""
        return (int(self.form.norms_are_free) + len(self.form.rows.signs)) * self.count

    def metric(self, change: CellGram) -> CellGram:
        """Return ‖·‖² as an operator: how often each entry counts, less the part along X."""
        form = self.form
        own, pair = form.copies * change.own, self.form.pairs * change.pair
        if not form.norms_are_free:
            own = np.zeros_like(own)
        if form.scale_is_free:
            along = inner_product(form.gram, change, form.copies) / self.norm**2
            own = own - along * form.copies * form.gram.own
            pair = pair - along * form.pairs * form.gram.pair
        return CellGram(own, pair)

    def product(self, one: CellGram, other: CellGram) -> float:
        """Return the sum over own and over pairs g ≤ h."""
        return float(one.own @ other.own) + float(np.triu(one.pair * other.pair).sum())


@dataclass(frozen=True, eq=False)
class ShiftedType:
    """q − λ‖·‖², factorised."""

    of: SymmetricType
    value: float

    @cached_property
    def _inverse(self) -> Matrix:
        kind = self.of
        return inverse_of_difference(kind.diagonal, self.value * kind.counts, kind.present)

    @cached_property
    def _parts(self) -> tuple[SymmetricFactor, Matrix]:
        matrix, along = self.of.border(self.value, self._inverse)
        return SymmetricFactor(matrix), along

    @property
    def below(self) -> int:
        """How many eigenvalues q has below λ; at zero those that are negative by rounding too."""
        pairs = int((np.triu(self._inverse) < 0).sum())
        return pairs + self._parts[0].negative - self.of.expected

    def solve(self, right: CellGram) -> CellGram:
        """Return the change on which (q − λ‖·‖²) is `right`, a vector of the dual space."""
        kind, (factor, along) = self.of, self._parts
        m, start, inverse = kind.count, kind.start, self._inverse
        right_pair, right_own = right.pair.copy(), right.own.copy()
        if kind._merged.any():
            right_own += np.where(kind._merged, np.diagonal(right_pair), 0.0)
        first = inverse * right_pair
        seen = -kind._seen_by_border(first, start)
        if kind.form.norms_are_free:
            seen[:m] += right_own
        extra = []
        if kind.form.scale_is_free:
            extra.append(-float(np.triu(along * first).sum()))
        if kind._has_trace:
            extra.append(0.0)
        found = factor.solve(np.concatenate([seen, extra]))
        size = len(seen)
        back = kind._spread_from_border(found[:size], start)
        if kind.form.scale_is_free:
            back = back + found[size] * along
        pair = inverse * (right_pair - back)
        own = found[:m] if kind.form.norms_are_free else np.zeros(m)
        places = np.arange(m)[kind._merged | (kind.form.copies == 1)]
        pair[places, places] = own[places]
        return CellGram(own, pair)


def _complement(kernel: Matrix) -> Matrix:
    """Return an orthonormal basis of what is orthogonal to orthonormal columns."""
    whole, _ = np.linalg.qr(np.concatenate([kernel, np.eye(len(kernel))], axis=1))
    return np.asarray(whole[:, kernel.shape[1] :])


def _without_repetition(kernel: Matrix, slack: int) -> Matrix:
    """Return a basis of the multipliers of D v, v in the kernel, one for each thing that it says.

    On the face of X for each v with slack, and in the kernel once for each pair: D is symmetric.
    """
    m, count = kernel.shape
    if count == 0:
        return np.zeros((0, 0))
    face = _complement(kernel)
    columns = []
    for place in range(slack):
        for vector in face.T:
            column = np.zeros((count, m))
            column[place] = vector
            columns.append(column.reshape(-1))
    for one in range(count):
        for other in range(one + 1):
            column = np.zeros((count, m))
            column[one] += kernel[:, other]
            column[other] += kernel[:, one]
            columns.append(column.reshape(-1) / np.linalg.norm(column))
    return np.array(columns).T


def random_change(kind: SymmetricType, generator: Any) -> CellGram:
    """Return a change to begin with."""
    noise = generator.standard_normal((kind.count, kind.count))
    pair = np.where(kind.form.pairs > 0, noise + noise.T, 0.0)
    pair /= np.sqrt(np.maximum(kind.form.pairs, 1))
    own = generator.standard_normal(kind.count)
    return CellGram(own if kind.form.norms_are_free else np.zeros(kind.count), pair)

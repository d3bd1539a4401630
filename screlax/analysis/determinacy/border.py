"""The few rows beside the diagonal of entries `pair`, for changes that are equal for equal classes.

Squared norms, the factors of the loss's Hessian, D v for v in the kernel of X, scale and trace are
bordering rows of the quadratic form; all but the last two belong to an orbit g and meet the entries
`pair` of row g alone, so that products between them take O(m²).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...errors import ProblemTooLargeError
from ...optional import require_memory
from ...types import Matrix, Vector
from .form import Form
from .slack_multipliers import slack_multipliers

_MOST = 10_000
"""Bordering rows whose matrix is still factorised."""


class Border:
    """The bordering rows of a form.

    Parameters
    ----------
    form : Form
    present : ndarray of bool, shape (m, m)
        Which entries `pair` there are.
    merged : ndarray of bool, shape (m,)
        Orbits whose entry of equal classes is that of the class itself.

    Raises
    ------
    ProblemTooLargeError
        If there are too many.
    """

    def __init__(self, form: Form, present: NDArray[np.bool_], merged: NDArray[np.bool_]) -> None:
        self.form, self.present = form, present
        self.norm = math.sqrt(form.squared_norm)
        self.has_trace = form.norms_are_free and form.trace is not None
        self.own_counts = form.copies + np.where(merged, form.copies * (form.copies - 1), 0.0)
        self._check_size()
        slack = slack_multipliers(form)
        self._corner, self._turn = slack.corner, slack.turn
        loss, factors = form.rows.diagonal.copy(), form.rows.factors.copy()
        places = np.flatnonzero(merged)
        loss[places, places] = 0.0  # a difference that is not there
        factors[:, places, places] = 0.0
        apart = self.costs_of_spread
        self._own = loss.sum(axis=1) + apart + form.own_cost
        blocks = [-loss - np.diag(apart)] if form.norms_are_free else []
        blocks += [*factors, *(_moved(form.copies, vector) for vector in slack.vectors.T)]
        self.rows = np.array([np.where(present, block, 0.0) for block in blocks])
        self._own_to = [-factor.sum(axis=1) for factor in factors]
        several = np.where(merged, form.copies, 1.0)
        self._own_to += [vector * several for vector in slack.vectors.T]

    def _check_size(self) -> None:
        """Refuse more rows than can be factorised in a minute or fit in memory."""
        form = self.form
        vectors = form.kernel.shape[1] if form.reach == 0 else len(form.slack)
        blocks = int(form.norms_are_free) + len(form.rows.signs) + vectors
        size = blocks * len(form)
        what = f"what a loss decides of {len(form):,} distinct sizes"
        if size > _MOST:
            raise ProblemTooLargeError(
                f"{what} is an eigenvalue problem with {size:,} bordering rows ({blocks:,} for "
                f"each size), which is known how to solve up to {_MOST:,}"
            )
        require_memory(40.0 * size**2, what)

    @property
    def costs_of_spread(self) -> Vector:
        """What the squares of own − pair of equal classes cost by the slack, shape (m,)."""
        form = self.form
        if form.reach == 0:
            return np.zeros(len(form))
        rate = 2 * form.slack_apart / (form.apart + form.reach)
        return np.asarray(np.where(form.copies > 1, (form.copies - 1) * rate, 0.0))

    @property
    def expected(self) -> int:
        """Negative eigenvalues that multipliers have of their own, at λ > 0."""
        positive = int((self.form.rows.signs > 0).sum())
        return positive + len(self._corner) + int(self.form.scale_is_free) + int(self.has_trace)

    @property
    def start(self) -> int:
        """Where the multipliers of D v begin."""
        return (int(self.form.norms_are_free) + len(self.form.rows.signs)) * len(self.form)

    def along(self, value: float) -> Matrix:
        """Return the row of scale over `pair`: the part of λ‖·‖² along X is not subtracted."""
        if not self.form.scale_is_free:
            return np.zeros_like(self.form.gram.pair)
        share = math.sqrt(value) / self.norm
        return np.where(self.present, share * self.form.pairs * self.form.gram.pair, 0.0)

    def matrix(self, value: float, inverse: Matrix) -> Matrix:
        """Return M = T − A Δ⁻¹ Aᵀ, `inverse` being the diagonal of Δ⁻¹ as a matrix."""
        direct = self._direct(value)
        scaled = self.rows * inverse
        for one in range(len(self.rows)):
            for other in range(one + 1):
                met = self.rows[one] * scaled[other].T
                np.fill_diagonal(met, (self.rows[one] * scaled[other]).sum(axis=1))
                direct[one, :, other, :] -= met
                if one != other:
                    direct[other, :, one, :] -= met.T
        size = len(self.rows) * len(self.form)
        return self._with_special(self._turned(direct.reshape(size, size)), value, inverse)

    def _direct(self, value: float) -> NDArray[np.float64]:
        """Return what norms, factors and D v are to each other without `pair`."""
        form, m, blocks = self.form, len(self.form), len(self.rows)
        direct = np.zeros((blocks, m, blocks, m))
        first = int(form.norms_are_free)
        if form.norms_are_free:
            np.fill_diagonal(direct[0, :, 0, :], self._own - value * self.own_counts)
            for place, coupling in enumerate(self._own_to):
                np.fill_diagonal(direct[0, :, 1 + place, :], coupling)
                np.fill_diagonal(direct[1 + place, :, 0, :], coupling)
        for place, signs in enumerate(form.rows.signs):
            np.fill_diagonal(direct[first + place, :, first + place, :], -signs)
        return direct

    def _turned(self, plain: Matrix) -> Matrix:
        """Bring the multipliers of D v to their basis, and add what they are to each other."""
        start, turn = self.start, self._turn
        if turn is not None:
            across = plain[:start, start:] @ turn
            corner = turn.T @ (plain[start:, start:] @ turn)
            plain = np.block([[plain[:start, :start], across], [across.T, corner]])
        plain[start:, start:] += self._corner
        return plain

    def _with_special(self, matrix: Matrix, value: float, inverse: Matrix) -> Matrix:
        """Append the multipliers of scale and trace."""
        form, m, size = self.form, len(self.form), len(matrix)
        extra: list[tuple[Vector, float, Matrix]] = []
        if form.scale_is_free:
            own = math.sqrt(value) / self.norm * self.own_counts * form.gram.own
            extra.append((own, -1.0, self.along(value)))
        if form.trace is not None and self.has_trace:
            corner = 0.0 if form.trace_cost is None else -1 / form.trace_cost
            extra.append((form.trace, corner, np.zeros((m, m))))
        found = np.zeros((size + len(extra),) * 2)
        found[:size, :size] = matrix
        for place, (own, corner, pair) in enumerate(extra):
            coupling = -self.seen(pair * inverse)
            if form.norms_are_free:
                coupling[:m] += own
            found[size + place, :size] = found[:size, size + place] = coupling
            found[size + place, size + place] = corner - float(np.triu(pair**2 * inverse).sum())
        return found

    def seen(self, pair: Matrix) -> Vector:
        """Return A applied to a symmetric `pair`."""
        found = (self.rows * pair).sum(axis=2).reshape(-1)
        if self._turn is None:
            return np.asarray(found)
        return np.concatenate([found[: self.start], self._turn.T @ found[self.start :]])

    def spread(self, multipliers: Vector) -> Matrix:
        """Return Aᵀ applied to multipliers, as a symmetric `pair`."""
        if self._turn is not None:
            turned = self._turn @ multipliers[self.start :]
            multipliers = np.concatenate([multipliers[: self.start], turned])
        each = multipliers.reshape(len(self.rows), len(self.form))
        half = (each[:, :, None] * self.rows).sum(axis=0)
        found = half + half.T
        np.fill_diagonal(found, np.diagonal(half))
        return np.asarray(found)


def _moved(copies: Vector, vector: Vector) -> Matrix:
    """Return the rows of D v over `pair`, in normalised sums of equal classes."""
    root = np.sqrt(copies)
    found = np.outer(root, root * vector)
    np.fill_diagonal(found, (copies - 1) * vector)
    return found

"""Changes of one class against the others of its orbit: m types of m + 1 unknowns.

With u of zero sum and length one on the classes of orbit g a change is

    D_ii = d u_i,   D_ij = w (u_i + u_j) within the orbit,   D_ih = z_h u_i for classes of h

of squared length d² + 2(κ − 2) w² + 2 Σ κ_h z_h². The quadratic form is diagonal in w and z but for
a few rows, so that eigenvalues below a number are counted for all orbits at once in O(m²); only
orbits that have some are decomposed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from ...problem.class_sizes import ClassSizes
from ...types import Matrix, Vector
from .direction import Direction
from .form import Form
from .inertia import inverse_of_difference


@dataclass(frozen=True, eq=False)
class OneClass:
    """An eigenvalue, and the numbers of a change that has it."""

    value: float
    orbit: int
    own: float
    within: float
    across: Vector

    def direction(self, copies: Vector, sizes: ClassSizes | None) -> Direction | None:
        """Return the change, of length one."""
        if sizes is None:
            return None
        others = max(copies[self.orbit] - 2, 0)
        across = float(copies @ self.across**2)
        length = math.sqrt(self.own**2 + 2 * others * self.within**2 + 2 * across)
        numbers = self.own / length, self.within / length, self.across / length
        return Direction(sizes, "one class", (self.orbit,), None, *numbers)


class OneClassTypes:
    """The types of all orbits with several classes."""

    def __init__(self, form: Form) -> None:
        self.form = form
        copies, m = form.copies, len(form)
        self.several = copies > 1
        loss, rows = form.rows.diagonal, form.rows
        each = np.where(self.several, copies, 1.0)
        self.diagonal = (loss + loss.T) / each[:, None]
        self.counts = np.tile(2 * copies, (m, 1))
        others = np.where(self.several, copies - 1, 1.0)
        own = loss / each[:, None]
        places = np.diag_indices(m)
        within = np.maximum(copies - 2, 0.0)
        self._within = within
        self.diagonal[places] = 2 * within * np.diagonal(own) / others
        self.counts[places] = 2 * within
        self.own = own.sum(axis=1) + form.own_cost / copies
        self.to_own = -own
        self.to_own[places] = -np.diagonal(own) * within / others
        factors = rows.factors / np.sqrt(each)[None, :, None]
        self.factors_own = -factors.sum(axis=2)
        self.factors = factors.copy()
        self.factors[:, places[0], places[1]] *= within / others
        root = np.sqrt(copies)
        vectors = form.kernel[:, : len(form.slack)].T
        self.slack = np.tile((vectors * root)[:, None, :], (1, m, 1))
        self.slack[:, places[0], places[1]] = vectors * within / np.sqrt(each)
        self.slack_own = vectors / np.sqrt(each)
        self.present = np.ones((m, m), dtype=bool) & self.several[:, None]
        self.present[places] &= copies > 2
        self._dense = self.several & (form.joined | (form.slack_apart > 0))

    def below(self, value: float) -> NDArray[np.int64]:
        """Return how many eigenvalues each type has below a positive number, shape (m,)."""
        form, m = self.form, len(self.form)
        free = int(form.norms_are_free)
        rows = [self.to_own] * free + [*self.factors, *self.slack]
        direct = np.zeros((len(rows), len(rows), m))
        if free:
            direct[0, 0] = self.own - value
            for place, coupling in enumerate([*self.factors_own, *self.slack_own]):
                direct[0, 1 + place] = direct[1 + place, 0] = coupling
        for place, signs in enumerate(form.rows.signs):
            direct[free + place, free + place] = -signs
        for place, size in enumerate(form.slack):
            at = free + len(form.rows.signs) + place
            direct[at, at] = -(form.apart + form.reach) / (2 * size)
        inverse = inverse_of_difference(self.diagonal, value * self.counts, self.present)
        for one, row in enumerate(rows):
            scaled = row * inverse
            for other, with_row in enumerate(rows[: one + 1]):
                met = (scaled * with_row).sum(axis=1)
                direct[one, other] -= met
                if one != other:
                    direct[other, one] -= met
        border = np.moveaxis(direct, 2, 0)
        expected = (form.rows.signs > 0).sum(axis=0) + len(form.slack)
        negative = (inverse < 0).sum(axis=1)
        if len(rows):
            scale = np.sqrt(np.abs(border).max(axis=2))
            scale = 1 / np.where(scale > 0, scale, 1.0)
            border = scale[:, :, None] * border * scale[:, None, :]
            negative = negative + (np.linalg.eigvalsh(border) < 0).sum(axis=1)
        found = np.where(self.several & ~self._dense, negative - expected, 0)
        return np.asarray(found, dtype=np.int64)

    def has_below(self, value: float) -> bool:
        """Whether any type has an eigenvalue below a positive number."""
        if self.below(value).any():
            return True
        found = (self._decomposed(orbit) for orbit in np.flatnonzero(self._dense).tolist())
        return any(one is not None and one.value < value for one in found)

    def smallest(self, ceiling: float) -> OneClass | None:
        """Return the smallest eigenvalue of all types, None where it is not below a ceiling."""
        best: OneClass | None = None
        for orbit in np.flatnonzero(self._dense).tolist():
            found = self._decomposed(orbit)
            if found is not None and found.value < ceiling:
                best, ceiling = found, found.value
        start = ceiling if math.isfinite(ceiling) else self._some_value()
        while start is not None:
            left = np.flatnonzero(self.below(start * (1 - 1e-11)))
            if not len(left):
                break
            places = np.arange(len(left)) // 2  # the middle: sizes in order have values in order
            found = self._decomposed(int(left[places[-1]]))
            if found is None or not found.value < start:
                break
            best, start = found, found.value
            if start <= 0:
                break
        return best

    def _some_value(self) -> float | None:
        """Return an eigenvalue to begin with, where there is none to beat."""
        for orbit in np.flatnonzero(self.several & ~self._dense).tolist():
            found = self._decomposed(orbit)
            if found is not None:
                return found.value * (1 + 1e-9)
        return None

    def _decomposed(self, orbit: int) -> OneClass | None:
        """Return the smallest eigenvalue of one type, from its matrices; None without unknowns."""
        matrix, counts, free = self._matrices(orbit)
        basis = self._tangent(orbit, free)
        if not basis.shape[1]:
            return None
        quadratic, metric = basis.T @ matrix @ basis, basis.T @ (counts[:, None] * basis)
        try:  # all of them: asked for one of many equal ones, LAPACK may return none
            values, vectors = linalg.eigh(metric, quadratic)
            flattest, value = vectors[:, -1], float(1 / values[-1])
        except linalg.LinAlgError:  # it is not positive definite: nothing is determined
            flattest, value = linalg.eigh(quadratic, metric)[1][:, 0], 0.0
        numbers = np.zeros(len(self.form) + 1)
        numbers[free] = basis @ flattest
        across = numbers[1:].copy()
        across[orbit] = 0.0
        return OneClass(value, orbit, float(numbers[0]), float(numbers[1 + orbit]), across)

    def _matrices(self, orbit: int) -> tuple[Matrix, Vector, NDArray[np.int64]]:
        """Return q and ‖·‖² over (d, then w in the place of g and z), and which of them are."""
        form, m = self.form, len(self.form)
        there = np.append(form.norms_are_free, self.present[orbit])
        matrix = np.diag(np.append(self.own[orbit], self.diagonal[orbit]))
        matrix[0, 1:] = matrix[1:, 0] = self.to_own[orbit]
        rows = zip(
            self.factors_own[:, orbit],
            self.factors[:, orbit],
            form.rows.signs[:, orbit],
            strict=True,
        )
        for own, factor, sign in rows:
            row = np.append(own, factor)
            matrix += sign * np.outer(row, row)
        reach = form.apart[orbit] + form.reach
        if reach > 0:
            for own, vector, size in zip(
                self.slack_own[:, orbit], self.slack[:, orbit], form.slack, strict=True
            ):
                row = np.append(own, vector)
                matrix += 2 * size / reach * np.outer(row, row)
        sums = self._sums(orbit)
        if form.slack_apart[orbit] > 0:
            shared = form.shared + form.reach * np.eye(m)
            inverse = (
                np.linalg.inv(shared)
                if form.reach > 0
                else np.linalg.pinv(shared, rcond=1e-13, hermitian=True)
            )
            matrix += 2 * form.slack_apart[orbit] * sums.T @ inverse @ sums
            if form.reach > 0:
                row = self._curl(orbit)
                share = (form.copies[orbit] - 2) / form.copies[orbit]
                matrix += 2 * form.slack_apart[orbit] / reach * share * np.outer(row, row)
        free = np.flatnonzero(there)
        counts = np.append(1.0, self.counts[orbit])
        return matrix[np.ix_(free, free)], counts[free], free

    def _sums(self, orbit: int) -> Matrix:
        """Return the matrix from (d, w, z) to D applied to normalised sums of equal classes."""
        copies, m = self.form.copies, len(self.form)
        sums = np.zeros((m, m + 1))
        sums[np.arange(m), 1 + np.arange(m)] = np.sqrt(copies)
        root = math.sqrt(copies[orbit])
        sums[orbit, 0], sums[orbit, 1 + orbit] = 1 / root, self._within[orbit] / root
        return sums

    def _curl(self, orbit: int) -> Vector:
        """Return the row of d − 2w, what D is on differences of equal classes."""
        row = np.zeros(len(self.form) + 1)
        row[0] = 1.0
        row[1 + orbit] = -2.0 if self.form.copies[orbit] > 2 else 0.0
        return row

    def _tangent(self, orbit: int, free: NDArray[np.int64]) -> Matrix:
        """Return a basis of the changes that are tangent to the face of X."""
        form = self.form
        if form.reach > 0 or not form.joined[orbit]:
            return np.eye(len(free))
        rows = [form.kernel.T @ self._sums(orbit)]
        if form.copies[orbit] > 2:
            rows.append(self._curl(orbit)[None])
        return np.asarray(linalg.null_space(np.concatenate(rows)[:, free]))

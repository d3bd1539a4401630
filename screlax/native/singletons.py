"""The slack-vector equations with singleton classes: 3m + 1 unknowns.

Singletons (κ_0 of them) have no row in the loss and share one point h_0 = −Σ_c B_c h_c / ν_0,
where B_c = s_c e^{y_c−β_c}/2, y_c = ⟨h_c, h_0⟩, and ν_0 is their diagonal slack: λ/2 for ridge and
budget, their multiplier on a ball or sphere. Eliminating them leaves the Schur complement of the
slack, S_aa − γ B Bᵀ = v vᵀ with γ = κ_0/ν_0. With Z, g and log cosh as in `slack_vector.py` and
η = y − β/2 + ½ log γ − log 2, every pair of anchored classes has

    pair_gh = log( e^{g_g+g_h} + e^{η_g+η_h} ) − log cosh((β_g − β_h)/2)

and the unknowns (log v, β, y, log ν_0) solve, row by row,

    (E1) the softmax row sums to one,
    (E2) own_g v_g + Σ pair_gh v_h = 0 over all other anchored classes,
    (E3) y_g + (1/ν_0) (B_g own_g + Σ pair_gh B_h) = 0,
    (E4) ridge ν_0 = λ/2;  ball, sphere ⟨h_0, h_0⟩ = ρ;  budget tr G = nρ.

With ridge and budget the anchored class means are linearly dependent and v > 0. On a ball or
sphere, where h_0 is pulled out to the boundary, and with a single anchored class, they are
independent: then v = 0, and its unknowns and (E2) drop out.

The Jacobian is dense: 27 m³ of work, for which m in the hundreds is no burden.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..class_sizes import ClassSizes
from ..controls import Ball, Budget, Control, Ridge, Sphere
from ..partition import CellGram, Matrix, Vector
from ..relaxation import Relaxation
from .gram import SlackVectorGram
from .kernels import log_cosh_half

_MAX_STEPS = 40
_MAX_MOVE = 2.0


@dataclass(frozen=True, eq=False)
class _Terms:
    """Everything that residual, Jacobian and Gram matrix share at a point."""

    slack: Vector
    pull: Vector
    beta: Vector
    product: Vector
    strength: float
    ratio: float
    others: Matrix
    pair: Matrix
    slack_share: Matrix
    tangent: Matrix
    row: Matrix
    own: Vector
    on_itself: Vector
    corner: float


class SingletonEquations:
    """Residual and Jacobian of the equations above.

    Parameters
    ----------
    sizes : ClassSizes
        With singletons and at least two anchored classes.
    control : Control
        At unit temperature.
    """

    def __init__(self, sizes: ClassSizes, control: Control) -> None:
        self.sizes = sizes.distinct[:-1].astype(float)
        self.copies = sizes.multiplicities[:-1].astype(float)
        self.singletons = float(sizes.singletons)
        self.mass = self.sizes * self.copies
        self.samples = float(sizes.samples)
        self.control = control
        self.bounded = isinstance(control, Ball | Sphere)

    def terms(self, unknown: Vector) -> _Terms:
        """Evaluate the formulas at (log v, β, y, log ν_0)."""
        m = len(self.sizes)
        log_slack, beta, product = unknown[:m], unknown[m : 2 * m], unknown[2 * m : 3 * m]
        strength = float(np.exp(unknown[-1]))
        ratio = self.singletons / strength
        log_size = np.log(self.sizes)
        slack, pull = np.exp(log_slack), np.exp(log_size + product - beta) / 2
        centre = log_slack - log_size + beta / 2
        other = product - beta / 2 + float(np.log(ratio)) / 2 - math.log(2)
        first, second = np.add.outer(centre, centre), np.add.outer(other, other)
        difference = np.subtract.outer(beta, beta)
        pair = np.logaddexp(first, second) - log_cosh_half(difference)
        others = np.tile(self.copies, (m, 1)) - np.eye(m)
        own, on_itself = self._own(beta, slack**2 + ratio * pull**2, strength)
        return _Terms(
            slack=slack,
            pull=pull,
            beta=beta,
            product=product,
            strength=strength,
            ratio=ratio,
            others=others,
            pair=pair,
            slack_share=1 / (1 + np.exp(second - first)),
            tangent=np.tanh(difference / 2),
            row=others * np.exp(log_size[None, :] + pair - beta[:, None]),
            own=own,
            on_itself=on_itself,
            corner=-float(self.copies @ (pull * product)) / strength,
        )

    def _own(self, beta: Vector, diagonal: Vector, strength: float) -> tuple[Vector, Vector]:
        """Return own and the softmax weight of a class on itself."""
        if self.bounded:
            own = np.full_like(beta, self.control.parameter)
            return own, (self.sizes - 1) * np.exp(own - beta)
        on_itself = 1 - strength + diagonal / self.sizes
        return np.log(on_itself) + beta - np.log(self.sizes - 1), on_itself

    def residual(self, terms: _Terms) -> Vector:
        """Return the residuals of (E1) in logarithms, (E2), (E3) and (E4), shape (3m + 1,)."""
        t, total = terms, float(self.copies @ terms.slack)
        sums = t.row.sum(axis=1) + self.singletons * np.exp(t.product - t.beta)
        if self.bounded:
            first = np.log(t.on_itself + sums)
        else:
            diagonal = (t.slack**2 + t.ratio * t.pull**2) / self.sizes
            first = np.log(diagonal + sums) - np.log(t.strength)
        second = (t.own * t.slack + (t.others * t.pair) @ t.slack) / total
        pulled = (t.own * t.pull + (t.others * t.pair) @ t.pull) / t.strength
        return np.concatenate([first, second, t.product + pulled, [self._last(terms)]])

    def _last(self, terms: _Terms) -> float:
        if isinstance(self.control, Ridge):
            return float(np.log(terms.strength / (self.control.strength / 2)))
        if isinstance(self.control, Budget):
            trace = float(self.mass @ terms.own) + self.singletons * terms.corner
            return trace / (self.samples * self.control.parameter) - 1
        return terms.corner / self.control.parameter - 1

    def jacobian(self, terms: _Terms) -> Matrix:
        """Return the derivative of the residual, shape (3m + 1, 3m + 1)."""
        t, m = terms, len(self.sizes)
        identity, total = np.eye(m), float(self.copies @ terms.slack)
        weight = t.others * t.slack[None, :] / total
        pulling = t.others * t.pull[None, :] / t.strength
        result = np.zeros((3 * m + 1, 3 * m + 1))
        pair_moves = self._pair_derivatives(terms)  # by own unknowns, by the other's, by log ν_0
        own_moves = self._own_derivatives(terms)
        inside = self._row_derivatives(terms)
        for column in range(3):
            here, there = pair_moves[column]
            block = slice(column * m, (column + 1) * m)
            slack_moves = t.slack if column == 0 else np.zeros(m)
            pull_moves = (np.zeros(m), -t.pull, t.pull)[column]
            result[:m, block] = inside[0][:, None] * (
                t.row * there + np.diag((t.row * here).sum(axis=1))
            )
            result[:m, block] += np.diag(inside[1 + column])
            result[m : 2 * m, block] = (
                weight * there
                + np.diag((weight * here).sum(axis=1))
                + t.others * t.pair * slack_moves[None, :] / total
                + np.diag((own_moves[column] * t.slack + t.own * slack_moves) / total)
            )
            result[2 * m : 3 * m, block] = (
                pulling * there
                + np.diag((pulling * here).sum(axis=1))
                + t.others * t.pair * pull_moves[None, :] / t.strength
                + np.diag((own_moves[column] * t.pull + t.own * pull_moves) / t.strength)
            )
        result[2 * m : 3 * m, 2 * m : 3 * m] += identity
        self._last_column(terms, result, weight, pulling, inside, own_moves)
        self._last_row(terms, result, own_moves)
        return result

    def _pair_derivatives(self, terms: _Terms) -> list[tuple[Matrix, Matrix]]:
        """Return ∂pair_gh by (log v, β, y) of g and of h."""
        share, tilt = terms.slack_share, terms.tangent / 2
        by_beta = share / 2 - (1 - share) / 2
        return [(share, share), (by_beta - tilt, by_beta + tilt), (1 - share, 1 - share)]

    def _own_derivatives(self, terms: _Terms) -> list[Vector]:
        """Return ∂own by (log v, β, y, log ν_0) of the same class."""
        t = terms
        if self.bounded:
            return [np.zeros_like(t.own)] * 4
        scale = self.sizes * t.on_itself
        pull = t.ratio * t.pull**2
        return [
            2 * t.slack**2 / scale,
            1 - 2 * pull / scale,
            2 * pull / scale,
            (-t.strength * self.sizes - pull) / scale,
        ]

    def _row_derivatives(self, terms: _Terms) -> list[Vector]:
        """Return the factor of ∂row in (E1), then its terms by the class's own unknowns."""
        t = terms
        single = self.singletons * np.exp(t.product - t.beta)
        sums, zero = t.row.sum(axis=1), np.zeros_like(t.beta)
        if self.bounded:
            factor = 1 / (t.on_itself + sums + single)
            by_beta = -t.on_itself - sums - single
            return [factor, zero, factor * by_beta, factor * single, zero]
        diagonal, pull = t.slack**2 / self.sizes, t.ratio * t.pull**2 / self.sizes
        factor = 1 / (diagonal + pull + sums + single)
        return [
            factor,
            factor * 2 * diagonal,
            factor * (-2 * pull - sums - single),
            factor * (2 * pull + single),
            -factor * pull - 1,
        ]

    def _last_column(
        self,
        terms: _Terms,
        result: Matrix,
        weight: Matrix,
        pulling: Matrix,
        inside: list[Vector],
        own_moves: list[Vector],
    ) -> None:
        """Fill in the derivatives by log ν_0."""
        t, m, total = terms, len(self.sizes), float(self.copies @ terms.slack)
        pair_moves = t.slack_share - 1
        result[:m, -1] = inside[0] * (t.row * pair_moves).sum(axis=1) + inside[4]
        result[m : 2 * m, -1] = (weight * pair_moves).sum(axis=1) + own_moves[3] * t.slack / total
        pulled = (t.own * t.pull + (t.others * t.pair) @ t.pull) / t.strength
        result[2 * m : 3 * m, -1] = (
            (pulling * pair_moves).sum(axis=1) + own_moves[3] * t.pull / t.strength - pulled
        )

    def _last_row(self, terms: _Terms, result: Matrix, own_moves: list[Vector]) -> None:
        """Fill in the derivatives of (E4)."""
        t, m = terms, len(self.sizes)
        if isinstance(self.control, Ridge):
            result[-1, -1] = 1.0
            return
        scale = self.control.parameter
        corner = [
            np.zeros(m),
            self.copies * t.pull * t.product / t.strength,
            -self.copies * t.pull * (t.product + 1) / t.strength,
        ]
        if isinstance(self.control, Budget):
            scale *= self.samples
            for column in range(3):
                result[-1, column * m : (column + 1) * m] = (
                    self.mass * own_moves[column] + self.singletons * corner[column]
                ) / scale
            result[-1, -1] = (self.mass @ own_moves[3] - self.singletons * t.corner) / scale
            return
        result[-1, : 3 * m] = np.concatenate(corner) / scale
        result[-1, -1] = -t.corner / scale

    def gram(self, terms: _Terms) -> CellGram:
        """Return the Gram matrix by class size, singletons last."""
        own = np.append(terms.own, terms.corner)
        pair = np.empty((len(own), len(own)))
        pair[:-1, :-1] = terms.pair
        pair[-1, :-1] = pair[:-1, -1] = terms.product
        pair[-1, -1] = terms.corner
        alone = np.append(self.copies == 1, True)
        pair[np.diag_indices_from(pair)] = np.where(alone, own, np.diagonal(pair))
        return CellGram(own, pair)

    def start_beside(self, gram: SlackVectorGram, strength: float) -> Vector:
        """Return the unknowns that the solution without the singletons suggests.

        The singletons are put where they are at rest: y solves (E3) with the classes held fixed.
        """
        if self.bounded:
            return self._start_on_boundary(gram)
        beta, product = gram.log_normalizer, np.zeros_like(gram.centre)
        weighted = (np.tile(self.copies, (len(beta), 1)) - np.eye(len(beta))) * gram.pair
        weighted[np.diag_indices_from(weighted)] += gram.own
        for _ in range(_MAX_STEPS):
            pull = self.sizes * np.exp(product - beta) / 2
            residual = product + weighted @ pull / strength
            # I + M diag(B)/ν_0 with M positive semidefinite: never singular
            step = np.linalg.solve(np.eye(len(beta)) + weighted * pull / strength, -residual)
            size = float(np.abs(step).max())
            product = product + step * min(1.0, _MAX_MOVE / max(size, _MAX_MOVE))
            if size < 1e-6:
                break
        log_slack = gram.centre + np.log(self.sizes) - beta / 2
        beta = np.logaddexp(beta, math.log(self.singletons) + product)
        return np.concatenate([log_slack, beta, product, [np.log(strength)]])

    def _start_on_boundary(self, gram: SlackVectorGram) -> Vector:
        """Return the start for a ball or sphere, where the slack vector is √γ B.

        With q = √(ν_0/κ_0) that gives y = log(2v/s) + β + log q, and (E4) becomes the equation
        ρ κ_0 q + Σ κ v (log(2v/s) + β + log q) = 0, increasing and convex in log q.
        """
        beta = gram.log_normalizer
        log_slack = gram.centre + np.log(self.sizes) - beta / 2
        constant = log_slack + math.log(2) - np.log(self.sizes) + beta
        weight = self.copies * np.exp(log_slack)
        limit = self.control.parameter * self.singletons
        total, shift = float(weight.sum()), float(weight @ constant)
        log_ratio = -shift / total
        for _ in range(_MAX_STEPS):
            risen = limit * float(np.exp(log_ratio))
            step = -(risen + total * log_ratio + shift) / (risen + total)
            log_ratio += step
            if abs(step) < 1e-10:
                break
        product = constant + log_ratio
        log_strength = 2 * log_ratio + math.log(self.singletons)
        beta = np.logaddexp(beta, math.log(self.singletons) + product)
        return np.concatenate([log_slack, beta, product, [log_strength]])

    def start(self, relaxation: Relaxation, gram: CellGram) -> Vector:
        """Return the unknowns that a nearly optimal Gram matrix suggests, NaN if there are none."""
        softmax = relaxation.softmax(gram)
        on_itself, product = softmax.own[:-1], gram.pair[:-1, -1]
        beta = np.log(self.sizes - 1) + gram.own[:-1] - np.log(on_itself)
        pull = self.sizes * np.exp(product - beta) / 2
        corner = gram.own[-1]
        strength = -float(self.copies @ (pull * product)) / corner
        if isinstance(self.control, Ridge):
            strength = self.control.strength / 2
        outside = (softmax.pair.sum(axis=1))[:-1]
        diagonal = -self.sizes * outside
        if self.bounded:
            slack = relaxation.slack(softmax, np.zeros(relaxation.size))
            along = (slack.own * gram.own + (slack.pair * gram.pair).sum(axis=1))[:-1]
            diagonal = diagonal - along / gram.own[:-1] / self.copies
        else:
            diagonal = diagonal + strength * self.sizes
        squared = diagonal - self.singletons / strength * pull**2
        floor = 1e-3 * np.abs(diagonal)
        log_slack = np.log(np.maximum(squared, floor)) / 2
        return np.concatenate([log_slack, beta, product, [np.log(strength)]])


def singleton_roots(equations: SingletonEquations, start: Vector) -> Iterator[tuple[CellGram, int]]:
    """Yield the Gram matrices of roots near a start, with the Newton steps taken.

    Both forms of the slack are tried, the likelier first.
    """
    with np.errstate(all="ignore"):
        for has_slack in (not equations.bounded, equations.bounded):
            root = _newton(equations, start, has_slack)
            if root is not None:
                yield equations.gram(equations.terms(root[0])), root[1]


def _newton(
    equations: SingletonEquations, unknown: Vector, has_slack: bool
) -> tuple[Vector, int] | None:
    """Return a root and the steps to it; without v its unknowns and (E2) are left out."""
    m, last = len(equations.sizes), math.inf
    active = np.ones(3 * m + 1, dtype=bool)
    rows = active.copy()
    if not has_slack:
        unknown = np.concatenate([np.full(m, -np.inf), unknown[m:]])
        active[:m] = False
        rows[m : 2 * m] = False
    for step_number in range(_MAX_STEPS):
        terms = equations.terms(unknown)
        residual = equations.residual(terms)[rows]
        if not np.isfinite(residual).all():
            return None
        try:
            step = np.linalg.solve(equations.jacobian(terms)[np.ix_(rows, active)], -residual)
        except np.linalg.LinAlgError:
            return None
        size = float(np.abs(step).max())
        unknown = unknown.copy()
        unknown[active] += step * min(1.0, _MAX_MOVE / max(size, _MAX_MOVE))
        if size < 1e-9 or (size < 1e-4 and size > last / 2):
            return unknown, step_number + 1
        last = size
    return None

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
from dataclasses import dataclass

import numpy as np

from ..gram.cells import CellGram
from ..gram.kernels import log_cosh_half
from ..problem.class_sizes import ClassSizes
from ..problem.constraints.norms import Control
from ..types import Matrix, Vector


@dataclass(frozen=True, eq=False)
class _Terms:
    """Everything that residual, Jacobian and Gram matrix share at a point."""

    slack: Vector  # v over its largest entry
    pull: Vector  # B/ν_0
    slack_square: Vector  # v² and γ B², in the unit of (E1): ν_0, or one on a ball or sphere
    pull_square: Vector
    single: Vector  # what the singletons add to the row of (E1)
    beta: Vector
    product: Vector
    strength: float
    log_strength: float
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
    log_strength : float, optional
        log λ/2 of a ridge, by default that of the control: λ itself may be below all doubles.
    """

    def __init__(
        self, sizes: ClassSizes, control: Control, log_strength: float | None = None
    ) -> None:
        self.sizes = sizes.distinct[:-1].astype(float)
        self.copies = sizes.multiplicities[:-1].astype(float)
        self.singletons = float(sizes.singletons)
        self.mass = self.sizes * self.copies
        self.samples = float(sizes.samples)
        self.control = control
        self.log_strength = math.log(control.parameter / 2)
        if log_strength is not None:
            self.log_strength = log_strength
        self.bounded = control.fixes_norms

    def terms(self, unknown: Vector) -> _Terms:
        """Evaluate the formulas at (log v, β, y, log ν_0)."""
        m, log_strength = len(self.sizes), unknown[-1]
        log_slack, beta, product = unknown[:m], unknown[m : 2 * m], unknown[2 * m : 3 * m]
        # v, B and ν_0 leave the range of doubles where norms are large, their ratios do not
        log_unit = 0.0 if self.bounded else log_strength
        log_size, peak = np.log(self.sizes), log_slack.max()
        slack = np.exp(log_slack - (peak if np.isfinite(peak) else 0.0))
        pull = np.exp(log_size + product - beta - math.log(2) - log_strength)
        slack_square = np.exp(2 * log_slack - log_unit)
        pull_square = self.singletons * pull**2 * np.exp(log_strength - log_unit)
        centre = log_slack - log_size + beta / 2
        log_ratio = math.log(self.singletons) - log_strength
        other = product - beta / 2 + log_ratio / 2 - math.log(2)
        first, second = np.add.outer(centre, centre), np.add.outer(other, other)
        difference = np.subtract.outer(beta, beta)
        pair = np.logaddexp(first, second) - log_cosh_half(difference)
        others = np.tile(self.copies, (m, 1)) - np.eye(m)
        strength = np.exp(log_strength)
        own, on_itself = self._own(beta, slack_square + pull_square, strength)
        return _Terms(
            slack=slack,
            pull=pull,
            slack_square=slack_square,
            pull_square=pull_square,
            single=self.singletons * np.exp(product - beta - log_unit),
            beta=beta,
            product=product,
            strength=strength,
            log_strength=float(log_strength),
            others=others,
            pair=pair,
            slack_share=1 / (1 + np.exp(second - first)),
            tangent=np.tanh(difference / 2),
            row=others * np.exp(log_size[None, :] + pair - beta[:, None] - log_unit),
            own=own,
            on_itself=on_itself,
            corner=-float(self.copies @ (pull * product)),
        )

    def _own(self, beta: Vector, diagonal: Vector, strength: float) -> tuple[Vector, Vector]:
        """Return own and the softmax weight of a class on itself."""
        if self.bounded:
            own = np.full_like(beta, self.control.parameter)
            return own, (self.sizes - 1) * np.exp(own - beta)
        on_itself = 1 - strength + strength * diagonal / self.sizes
        return np.log(on_itself) + beta - np.log(self.sizes - 1), on_itself

    def residual(self, terms: _Terms) -> Vector:
        """Return the residuals of (E1) in logarithms, (E2), (E3) and (E4), shape (3m + 1,)."""
        t, total = terms, float(self.copies @ terms.slack)
        sums = t.row.sum(axis=1) + t.single
        if self.bounded:
            first = np.log(t.on_itself + sums)
        else:
            first = np.log((t.slack_square + t.pull_square) / self.sizes + sums)
        second = (t.own * t.slack + (t.others * t.pair) @ t.slack) / total
        pulled = t.own * t.pull + (t.others * t.pair) @ t.pull
        return np.concatenate([first, second, t.product + pulled, [self._last(terms)]])

    def _last(self, terms: _Terms) -> float:
        if self.control.is_penalty:
            return terms.log_strength - self.log_strength
        if not self.bounded:
            trace = float(self.mass @ terms.own) + self.singletons * terms.corner
            return trace / (self.samples * self.control.parameter) - 1
        return terms.corner / self.control.parameter - 1

    def jacobian(self, terms: _Terms) -> Matrix:
        """Return the derivative of the residual, shape (3m + 1, 3m + 1)."""
        t, m = terms, len(self.sizes)
        identity, total = np.eye(m), float(self.copies @ terms.slack)
        weight = t.others * t.slack[None, :] / total
        pulling = t.others * t.pull[None, :]
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
                + t.others * t.pair * pull_moves[None, :]
                + np.diag(own_moves[column] * t.pull + t.own * pull_moves)
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
        scale = t.strength / (self.sizes * t.on_itself)
        return [
            2 * t.slack_square * scale,
            1 - 2 * t.pull_square * scale,
            2 * t.pull_square * scale,
            -(self.sizes + t.pull_square) * scale,
        ]

    def _row_derivatives(self, terms: _Terms) -> list[Vector]:
        """Return the factor of ∂row in (E1), then its terms by the class's own unknowns."""
        t = terms
        single, sums, zero = t.single, t.row.sum(axis=1), np.zeros_like(t.beta)
        if self.bounded:
            factor = 1 / (t.on_itself + sums + single)
            by_beta = -t.on_itself - sums - single
            return [factor, zero, factor * by_beta, factor * single, zero]
        diagonal, pull = t.slack_square / self.sizes, t.pull_square / self.sizes
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
        pulled = t.own * t.pull + (t.others * t.pair) @ t.pull
        result[2 * m : 3 * m, -1] = (
            (pulling * pair_moves).sum(axis=1) + own_moves[3] * t.pull - pulled
        )

    def _last_row(self, terms: _Terms, result: Matrix, own_moves: list[Vector]) -> None:
        """Fill in the derivatives of (E4)."""
        t, m = terms, len(self.sizes)
        if self.control.is_penalty:
            result[-1, -1] = 1.0
            return
        scale = self.control.parameter
        corner = [
            np.zeros(m),
            self.copies * t.pull * t.product,
            -self.copies * t.pull * (t.product + 1),
        ]
        if not self.bounded:
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

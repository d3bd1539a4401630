"""Cross-entropy with nonnegative features, as behind a ReLU: class by class, up to a closed form.

Features of different classes are orthogonal, so that a class has a row z of logits to itself:

    minimise  a [log Σ_j exp(Δ_j z_j + t_j) − Δ_c z_c − t_c] + μ √r ‖√v z‖,

whose softmax row p has ‖a (p − e_c) Δ/√(rv)‖ = μ unless z = 0 is optimal, where that is at most μ.
Without adjustments, 1 − p_c = q, p_j = q/(k−1) and z_c − z_j = log((k−1)(1−q)/q) with
q = μ √(rv(k−1)/k)/(aΔ); z = 0 from q = (k−1)/k on. With adjustments z = a Δ (e_c − p)/(ν v), and p
is found by two monotone equations in ν and q. A bound ‖Y‖ ≤ ρ is one more, in μ.
That orthogonal features are optimal is what `screlax.problem.copositive` proves, case by case.
Source: KKT conditions; with equal sizes these are Zhu et al. 2021 (arXiv 2105.02375) behind a ReLU.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from ...errors import SolverCapabilityError
from ...gram.logits import CellMatrix, LogitGram
from ...gram.rounding import UNIT
from ...problem.logits import LogitProgram
from ...types import Matrix, Vector
from .monotone import rising_roots

_DEEPEST = 320.0
"""Of log μ below that where logits are zero: squares of such probabilities are still numbers."""

_SURELY = 1e-12
"""Added to log μ."""


class ClassRows:
    """The problems above, one for each orbit, all solved at once."""

    def __init__(self, program: LogitProgram) -> None:
        self.program = program
        self.is_plain = all(
            np.ptp(numbers) == 0
            for numbers in (program.slope, program.offset, program.classifier_mass)
        )

    @cached_property
    def reach(self) -> Vector:
        """The μ from which on a class has zero logits, shape (m,)."""
        zero = self.program.zero()
        return self._lengths(self.program.slack(self.program.rows(zero)))

    def _lengths(self, slack: CellMatrix) -> Vector:
        """Return ‖a (p − e) Δ/√(rv)‖ of every row."""
        program = self.program
        squares = program.sum_of_others(slack.pair**2 / program.classifier_mass)
        squares += slack.own**2 / program.classifier_mass
        return np.asarray(np.sqrt(squares / program.feature_mass))

    def at(self, weight: float) -> CellMatrix:
        """Return the logits with μ = `weight`."""
        moves = self.reach > weight
        logits = self._plain(weight, moves) if self.is_plain else self._adjusted(weight, moves)
        own = np.where(moves, logits.own, 0.0)
        pair = np.where(moves[:, None], logits.pair, 0.0)
        return CellMatrix.of(own, pair, self.program.copies)

    def _plain(self, weight: float, moves: NDArray[np.bool_]) -> CellMatrix:
        """Return the closed form; rows that do not move are of no account."""
        program, k = self.program, self.program.classes
        slope = program.slope[0]
        mass = np.sqrt(program.feature_mass * program.classifier_mass)
        anchors = np.where(moves, program.anchors, 1.0)
        q = np.where(moves, weight * mass * math.sqrt((k - 1) / k) / (anchors * slope), 0.5)
        margin = np.log((k - 1) * (1 - q) / q) / slope
        other = np.repeat(-margin[:, None] / k, program.size, axis=1)
        return CellMatrix(margin * (k - 1) / k, other)

    def _adjusted(self, weight: float, moves: NDArray[np.bool_]) -> CellMatrix:
        """Return logits for any adjustments, by the root ν of the length of the gradient."""
        program = self.program
        where = np.flatnonzero(moves)
        target = math.log(weight) + np.log(program.feature_mass[where]) / 2
        own, pair = np.zeros(program.size), np.zeros((program.size, program.size))
        own[where], pair[where] = _AdjustedRows(program, where).logits(target)
        return CellMatrix(own, pair)


class _AdjustedRows:
    """Softmax rows p = softmax(κ (e_c − p) + t), κ = a Δ²/(ν v), of some orbits, given log ν."""

    def __init__(self, program: LogitProgram, where: NDArray[np.int64]) -> None:
        self.count = (program.copies - np.eye(program.size))[where]  # other classes, by orbit
        self.anchors, self.slope = program.anchors[where], program.slope
        self.offset, self.own_offset = program.offset, program.offset[where]
        self.rate = program.slope**2 / program.classifier_mass
        self.own = np.arange(len(where)), where
        self.unit = np.log(self.anchors)[:, None] + np.log(self.rate)
        self.log_share = np.full(len(where), -1.0)
        self.classes = program.classes

    def logits(self, target: Vector) -> tuple[Vector, Matrix]:
        """Return the rows whose ‖a (p − e) Δ/√v‖ have these logarithms."""
        near = target - self.unit[self.own] / 2 - np.log(self.anchors) / 2
        self.log_share = np.minimum(near, math.log(1 - 1 / self.classes))
        q = np.exp(self.log_share)
        margin = np.log1p((self.classes - 1) * (1 - q) / q)
        start = self.unit[self.own] + self.log_share - np.log(margin)
        log_nu = rising_roots(lambda log_nu: self._beyond(log_nu, target), start)
        _, drawn, q, stiffness = self._solved(log_nu)
        return stiffness * q / self.slope[self.own[1]], -drawn / self.slope

    def _shares(self, log_nu: Vector, log_q: Vector) -> tuple[Matrix, Matrix, Vector]:
        """Return log p_j and κ_j p_j of other classes and κ_c, where 1 − p_c = q is given."""
        log_stiffness = self.unit - log_nu[:, None]
        stiffness, q = np.exp(log_stiffness[self.own]), np.exp(log_q)
        level = stiffness * q + self.own_offset - np.log1p(-q)
        bare = log_stiffness + self.offset - level[:, None]
        drawn = special.wrightomega(bare)  # ω + log ω is what it is of
        log_drawn = np.where(drawn > 1, np.log(np.maximum(drawn, 1)), bare - drawn)
        return log_drawn - log_stiffness, drawn, stiffness

    def _solved(self, log_nu: Vector) -> tuple[Matrix, Matrix, Vector, Vector]:
        """Return p_j, κ_j p_j, q and κ_c at ν."""

        def excess(log_q: Vector) -> tuple[Vector, Vector]:
            """Log q less that of the sum of the others: it rises as fast as log q at least."""
            log_p, drawn, stiffness = self._shares(log_nu, log_q)
            top, q = log_p.max(axis=1), np.exp(log_q)
            p = self.count * np.exp(log_p - top[:, None])
            total = p.sum(axis=1)
            moved = (p / (1 + drawn)).sum(axis=1) / total
            return log_q - np.log(total) - top, 1 + moved * (stiffness * q + q / (1 - q))

        self.log_share = rising_roots(excess, self.log_share, highest=-UNIT)
        log_p, drawn, stiffness = self._shares(log_nu, self.log_share)
        return np.exp(log_p), drawn, np.exp(self.log_share), stiffness

    def _beyond(self, log_nu: Vector, target: Vector) -> tuple[Vector, Vector]:
        """Return log ‖a (p − e) Δ/√v‖ less a target, with its slope by log ν."""
        p, drawn, q, stiffness = self._solved(log_nu)
        others, own = self.count * self.rate * p**2, q**2 * self.rate[self.own[1]]
        total = others.sum(axis=1) + own
        moved = (self.count * p / (1 + drawn)).sum(axis=1)
        growth = q - moved + moved * stiffness * q  # that of log q
        growth /= q + moved * stiffness * q + moved * q / (1 - q)
        level = stiffness * q * (growth - 1) + q / (1 - q) * growth
        each = 1 - (1 + level[:, None]) / (1 + drawn)
        slope = ((others * each).sum(axis=1) + own * growth) / total
        return np.log(self.anchors) + np.log(total) / 2 - target, slope


def orthogonal_logits(program: LogitProgram) -> tuple[LogitGram, int, str]:
    """Return logits behind nonnegative features, the number of steps, and how they were found.

    Raises
    ------
    SolverCapabilityError
        With fixed norms or a bias: the rows of the classifier, or the bias, tie the classes.
    """
    reason = why_not_orthogonal(program)
    if reason:
        raise SolverCapabilityError(reason)
    rows = ClassRows(program)
    message = "closed form: orthogonal features" if rows.is_plain else "class by class"
    if program.norm.is_penalty:
        return program.gram(rows.at(program.norm.amount)), 0, message
    bound, steps = program.norm.amount, 0

    def excess(log_weight: float) -> float:
        nonlocal steps
        steps += 1
        return program.gram(rows.at(math.exp(log_weight))).nuclear_norm - bound

    high = math.log(rows.reach.max()) + _SURELY  # where all are zero, whatever rounding did
    low, deepest = high - 1.0, _DEEPEST * (2 if rows.is_plain else 1)
    while excess(low) < 0:
        if high - low >= deepest:
            return _stretched(program, rows.at(math.exp(low))), steps, message
        low = high - min(2 * (high - low), deepest)
    root = optimize.brentq(excess, low, high, xtol=1e-15, rtol=1e-15)
    return program.gram(rows.at(math.exp(root))), steps, message


def _stretched(program: LogitProgram, logits: CellMatrix) -> LogitGram:
    """Return logits whose loss is as good as zero, stretched to the bound."""
    gram = program.gram(logits)
    factor = program.norm.amount / gram.nuclear_norm
    return program.gram(CellMatrix(factor * logits.own, factor * logits.pair))


def why_not_orthogonal(program: LogitProgram) -> str:
    """Return why the problem does not fall apart into classes, or nothing."""
    if program.norm.fixes_rows:
        return (
            "with nonnegative features Normalized does not fall apart into classes: the norms of "
            "the classifier's rows tie them; choose WeightDecay or LayerPeeled"
        )
    if program.has_bias:
        return (
            "with nonnegative features a bias ties the classes, which are solved one by one; "
            "take CrossEntropy(bias=False)"
        )
    return ""

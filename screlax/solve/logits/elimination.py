"""The loss of cross-entropy as a function of orbit sums alone: spreads within orbits eliminated.

With Y = √r Z √v, the variables are B, the action of Y on orbit sums (`CellMatrix.shared`), and the
spreads s_g ≥ 0 of Y within orbits, each of price μ (κ_g − 1). A spread occurs in one row only, and
so it is minimised row by row. With σ_g = a_g Δ_g/√(r_g v_g) it is zero where σ_g ≤ μ; elsewhere

    p_own − p_in = q_g = 1 − μ/σ_g,   p_in the probability of another class of the orbit,

is one equation in the logit gap δ between the two, convex and decreasing, for Newton's method:

    log[(1 + q(κ−1)) + q e^{O − β + δ/κ}] = log(1 − q) + δ,

with O the log-sum of all other orbits, β the exponent of the orbit's mean. Multiplicities κ ≥ 1 may
be any real numbers, as those of a quadrature rule are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...gram.logits import CellMatrix
from ...gram.rounding import UNIT
from ...problem.logits import LogitProgram
from ...types import Matrix, Vector

_NEWTON_STEPS = 100


@dataclass(frozen=True, eq=False)
class RowPoint:
    """What value, gradient and Hessian share at orbit sums B.

    Attributes
    ----------
    sums : ndarray, shape (m, m)
        B.
    shares : ndarray, shape (m, m)
        Probability of all classes of an orbit together.
    others : ndarray, shape (m,)
        That of all other orbits: 1 − the diagonal of `shares`, with its digits.
    gaps : ndarray, shape (m,)
        δ.
    losses : ndarray, shape (m,)
        Loss of a sample.
    yielding : ndarray, shape (m,)
        C: moving with the spread takes C (e − p)(e − p)ᵀ off the Hessian of a row's softmax.
    """

    sums: Matrix
    shares: Matrix
    others: Vector
    gaps: Vector
    losses: Vector
    yielding: Vector


class EliminatedRows:
    """Σ_g κ_g (a_g loss_g) + μ Σ (κ_g − 1) s_g, minimised by s, as a function of B.

    Parameters
    ----------
    program : LogitProgram
        Without bias; `copies` may be real.
    weight : float
        μ > 0, the price of the nuclear norm.
    """

    def __init__(self, program: LogitProgram, weight: float) -> None:
        self.program, self.weight = program, weight
        self.copies = program.copies
        self.mass = program.copies * program.anchors
        root = np.sqrt(program.copies)
        left, right = program.roots
        self.slopes = program.slope / (np.outer(left * root, right * root))
        self.strength = np.diagonal(self.slopes) * self.copies
        self.steepest = program.anchors * self.strength
        self.kernel = root * right / program.slope
        self.splits = self.steepest > weight
        """Orbits whose classes differ, if there are several."""
        steepest = np.where(self.splits, self.steepest, 1.0)
        self.share_apart = np.where(self.splits, 1 - weight / steepest, 0.0)
        self._solved = self.splits & (self.copies > 1)
        self._log_others = np.log(np.maximum(self.copies - 1, 1e-300))

    @property
    def scale(self) -> float:
        """The objective at zero logits, which is its largest sensible value."""
        return float(self.mass.sum() * np.log(self.copies.sum()))

    def at(self, sums: Matrix) -> RowPoint:
        """Return all about the rows at B."""
        copies = self.copies
        exponents = self.slopes * sums + self.program.offset
        mean = np.diagonal(exponents).copy()
        exponents += np.log(copies)
        np.fill_diagonal(exponents, -np.inf)
        top = np.maximum(exponents.max(axis=1), -1e300)
        terms = np.exp(exponents - top[:, None])
        with np.errstate(divide="ignore"):
            outside = top + np.log(terms.sum(axis=1))
        gaps = self.gaps(outside - mean)
        own, inside = mean + gaps * (copies - 1) / copies, mean - gaps / copies
        among = np.where(copies > 1, self._log_others - gaps, -np.inf)
        losses = np.logaddexp(0.0, np.logaddexp(outside - own, among))
        total = own + losses
        shares = terms * np.exp(top - total)[:, None]
        np.fill_diagonal(shares, np.exp(-losses) + (copies - 1) * np.exp(inside - total))
        others = np.exp(outside - total)
        return RowPoint(sums, shares, others, gaps, losses, self._yielding(inside - total))

    def gaps(self, outside: Vector) -> Vector:
        """Return δ of all orbits from O − β; zero where classes are alone or merge."""
        found, on = np.zeros(len(outside)), self._solved
        rest = self.weight / self.steepest[on]
        found[on] = logit_gap(self.copies[on], self.share_apart[on], rest, outside[on])
        return found

    def gradient(self, point: RowPoint) -> Matrix:
        """Return the derivative by B."""
        slope = point.shares.copy()
        np.fill_diagonal(slope, -point.others)
        return np.asarray(self.mass[:, None] * self.slopes * slope)

    def hessian(self, point: RowPoint, direction: Matrix) -> Matrix:
        """Return the second derivative by B, applied to a direction."""
        moves = self.slopes * direction
        mean = np.einsum("ij,ij->i", point.shares, moves)
        yielded = point.yielding * (np.diagonal(moves) - mean)
        change = point.shares * (moves + (yielded - mean)[:, None])
        np.fill_diagonal(change, 0.0)
        np.fill_diagonal(change, -change.sum(axis=1))
        return np.asarray(self.mass[:, None] * self.slopes * change)

    def diagonal(self, point: RowPoint) -> Matrix:
        """Return the diagonal of the Hessian."""
        shares, yielding = point.shares, point.yielding[:, None]
        bend = shares * (1 - shares) - yielding * shares**2
        own = np.diagonal(shares) * point.others - point.yielding * point.others**2
        np.fill_diagonal(bend, own)
        return np.maximum(self.mass[:, None] * self.slopes**2 * bend, 0.0)

    def value(self, point: RowPoint) -> float:
        """Return the objective, without the price of B."""
        return float(self.mass @ point.losses + self._price @ point.gaps)

    def change(self, point: RowPoint, other: RowPoint) -> float:
        """Return the objective at another point less that at this one, row by row."""
        losses = self.mass @ (other.losses - point.losses)
        return float(losses + self._price @ (other.gaps - point.gaps))

    def noise(self, point: RowPoint) -> float:
        """Return the rounding in `change`, about."""
        depth = np.abs(self.slopes * point.sums).max(axis=1)
        return 8 * UNIT * self.value(point) + UNIT * float(self.mass @ (point.others * depth))

    def logits(self, point: RowPoint) -> CellMatrix:
        """Return the logits."""
        spread = point.gaps / self.strength
        found = CellMatrix.from_shared(point.sums, spread, self.copies)
        left, right = self.program.roots
        return CellMatrix(found.own / (left * right), found.pair / np.outer(left, right))

    @property
    def _price(self) -> Vector:
        """Of a logit gap."""
        return np.asarray(self.weight * np.maximum(self.copies - 1, 0) / self.strength)

    def _yielding(self, log_inside: Vector) -> Vector:
        """Return C from the log-probability of another class of the orbit."""
        copies, apart = self.copies - 1, self.share_apart
        bend = copies * apart * (1 - apart) + self.copies * np.exp(log_inside)
        return np.where(self._solved, copies * apart**2 / np.where(bend > 0, bend, 1.0), 0.0)


def logit_gap(copies: Vector, apart: Vector, rest: Vector, outside: Vector) -> Vector:
    """Return δ of the equation above; q = `apart`, 1 − q = `rest`, O − β = `outside`.

    The left side is at least either of its terms, which is where Newton's steps begin: below the
    root, from where they only rise.
    """
    inside, beyond, level = np.log1p(apart * (copies - 1)), np.log(apart) + outside, np.log(rest)
    gap = np.maximum(inside - level, (beyond - level) * copies / (copies - 1))
    for _ in range(_NEWTON_STEPS):
        term = beyond + gap / copies
        total = np.logaddexp(inside, term)
        step = (total - level - gap) / (1 - np.exp(term - total) / copies)
        gap = gap + step
        if (np.abs(step) <= 4 * UNIT * np.abs(gap)).all():
            break
    return np.asarray(gap)

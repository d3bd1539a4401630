"""The convex relaxation on a partition: objective, gradient, and the dual slack.

One description serves all three levels. In cell coordinates X = G/τ (so the temperature is one)
the loss of a row, an anchored sample or class or orbit g that stands for ω_g anchors, is

    ω_g [ log( u_g e^{own_g} + Σ_h V_gh e^{pair_gh} ) − t_g own_g − Σ_h T_gh pair_gh ]

    level     u (own weight)   V (pair weight)              t   T
    samples   0                1 off the diagonal           0   1/(n_c−1) on positives
    classes   n_c − 1          n_c' off the diagonal        1   0
    orbits    s_g − 1          κ_h s_h, (κ_g−1)s_g within   1   0

Positive semidefiniteness of the points' Gram matrix splits into that of the m×m matrix
√(κ_g κ_h) pair_gh + diag(δ), and δ ≥ 0 where a cell has several points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..gram.levels import CellGram, Level, Matrix, Vector, samples_to_classes
from ..optional import require_level_memory
from .class_sizes import ClassSizes
from .constraints.base import Control
from .ufm import UFM

_LARGE = 30.0
"""Entries this far above a row's mean positive make its loss large; then a shift is needed."""


@dataclass(frozen=True, eq=False)
class RowWeights:
    """One number for each entry of each row's softmax: on itself (`own`) and on cells (`pair`).

    As softmax rows they are the dual variables P: nonnegative, own_g + Σ_h pair_gh = 1, and zero
    where the loss has no such entry.
    """

    own: Vector
    pair: Matrix

    def mixed(self, other: RowWeights, share: float) -> RowWeights:
        """Return (1−share)·self + share·other."""
        return RowWeights(
            (1 - share) * self.own + share * other.own,
            (1 - share) * self.pair + share * other.pair,
        )


@dataclass(frozen=True, eq=False)
class Relaxation:
    """The semidefinite relaxation of a `UFM` at one level, in units where the temperature is one.

    Attributes
    ----------
    level : Level
        What a cell is.
    control : Control
        Ridge(λτ), Ball(ρ/τ), Sphere(ρ/τ) or Budget(ρ/τ): the control on G/τ.
    anchors : ndarray, shape (m,)
        ω_g, the number of anchors that row g stands for; zero for singletons.
    weight : RowWeights
        u and V of the formula above: how many samples each exponential stands for.
    target : RowWeights
        t and T of the formula above: the mean over the positives.
    points : ndarray, shape (m,)
        κ_g, how many points (samples, or class means) cell g has.
    mass : ndarray, shape (m,)
        How many samples cell g has; tr G = Σ_g mass_g own_g.
    """

    level: Level
    control: Control
    anchors: Vector
    weight: RowWeights
    target: RowWeights
    points: Vector
    mass: Vector

    @property
    def size(self) -> int:
        """Number of cells m."""
        return len(self.mass)

    @property
    def samples(self) -> float:
        """Number of samples n."""
        return float(self.mass.sum())

    def loss(self, gram: CellGram) -> float:
        """Return the loss, summed over anchors, at a Gram matrix G/τ.

        A row is log(1 + x) with x = Σ (weight − target) e^d + Σ target (e^d − 1) and d an entry
        less the row's mean positive, so that a loss near zero keeps its digits.
        """
        mean = self.target.own * gram.own + (self.target.pair * gram.pair).sum(axis=1)
        own, pair = gram.own - mean, gram.pair - mean[:, None]
        top = np.maximum(
            np.where(self.weight.own > 0, own, -np.inf),
            np.where(self.weight.pair > 0, pair, -np.inf).max(axis=1),
        )
        with np.errstate(over="ignore", invalid="ignore"):
            excess = _excess(self.weight.own, self.target.own, own)
            excess = excess + _excess(self.weight.pair, self.target.pair, pair).sum(axis=1)
            near = np.log1p(excess)
        rows = np.where(top < _LARGE, near, self._log_normalizer(gram) - mean)
        return float(self.anchors @ np.where(self.anchors > 0, rows, 0.0))

    def trace(self, gram: CellGram) -> float:
        """Return the trace of the n×n Gram matrix."""
        return float(self.mass @ gram.own)

    def value(self, gram: CellGram) -> float:
        """Return the objective: the loss plus, for ridge, (λ/2) tr G."""
        return self.loss(gram) + float(self.ridge_multipliers() @ gram.own)

    def softmax(self, gram: CellGram) -> RowWeights:
        """Return the softmax rows of the loss at a Gram matrix G/τ."""
        shift = self._log_normalizer(gram)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            own = np.exp(np.log(self.weight.own) + gram.own - shift)
            pair = np.exp(np.log(self.weight.pair) + gram.pair - shift[:, None])
            total = own + pair.sum(axis=1)  # one, up to the rounding of large entries
            own, pair = own / total, pair / total[:, None]
        anchored = self.anchors > 0
        return RowWeights(np.where(anchored, own, 0.0), np.where(anchored[:, None], pair, 0.0))

    def gradient(self, gram: CellGram) -> CellGram:
        """Return the gradient of the objective as the pair (∂own, ∂pair), ∂pair symmetric.

        The derivative along a symmetric direction D is ∂own·D.own + Σ_gh ∂pair_gh D.pair_gh.
        """
        slack = self.slack(self.softmax(gram), self.ridge_multipliers())
        return CellGram(slack.own, slack.pair)

    def curvature(self, softmax: RowWeights, direction: CellGram) -> CellGram:
        """Return the Hessian of the loss applied to a direction, in the form of `gradient`.

        Row by row the softmax moves by p (d − ⟨p, d⟩).

        Parameters
        ----------
        softmax : RowWeights
            The softmax rows at the point.
        direction : CellGram
            A change of (own, pair), pair symmetric.
        """
        mean = softmax.own * direction.own + (softmax.pair * direction.pair).sum(axis=1)
        own = self.anchors * softmax.own * (direction.own - mean)
        pair = self.anchors[:, None] * softmax.pair * (direction.pair - mean[:, None])
        return CellGram(own, (pair + pair.T) / 2)

    def change(self, softmax: RowWeights, step: CellGram) -> float:
        """Return how much the objective changes along a small step, without cancellation.

        The change of a row is log(1 + Σ p (e^d − 1)), d the change of an entry less that of the
        row's mean positive; subtracting two values would lose every change below 1e-16 of them.
        Steps of entries up to about one; beyond, subtract values.
        """
        mean = self.target.own * step.own + (self.target.pair * step.pair).sum(axis=1)
        own, pair = np.expm1(step.own - mean), np.expm1(step.pair - mean[:, None])
        rows = np.log1p(softmax.own * own + (softmax.pair * pair).sum(axis=1))
        rows = np.where(self.anchors > 0, rows, 0.0)
        return float(self.anchors @ rows + self.ridge_multipliers() @ step.own)

    def ridge_multipliers(self) -> Vector:
        """Return the weight of own_g in the objective itself: (λ/2) mass_g for ridge, else zero."""
        return self.control.penalty(self.mass)

    def slack(self, rows: RowWeights, multipliers: Vector) -> CellGram:
        """Return the coefficients of (own, pair) in the Lagrangian: the dual slack S in cells.

        S = sym(W) − targets + R with W_gh = ω_g p_gh and R the multipliers on the diagonal
        (Behnia and Thrampoulidis 2024, KKT conditions of the relaxation).
        """
        weighted = self.anchors[:, None] * (rows.pair - self.target.pair)
        # rows sum to one: p_own − t is minus the rest, which keeps its digits where p_own is near t
        own = np.where(self.weight.own > 0, -weighted.sum(axis=1), 0.0) + multipliers
        return CellGram(own, (weighted + weighted.T) / 2)

    def _log_normalizer(self, gram: CellGram) -> Vector:
        """Return log Σ weight·exp(entry) for every row, shifted so that it cannot overflow."""
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            own = np.log(self.weight.own) + gram.own
            pair = np.log(self.weight.pair) + gram.pair
            top = np.maximum(own, pair.max(axis=1))
            total = np.exp(own - top) + np.exp(pair - top[:, None]).sum(axis=1)
            return np.where(self.anchors > 0, top + np.log(total), 0.0)


def _excess(weight: Vector | Matrix, target: Vector | Matrix, entry: Vector | Matrix) -> Matrix:
    """Return (weight − target) e^entry + target (e^entry − 1), zero where there is no weight."""
    value = (weight - target) * np.exp(entry) + target * np.expm1(entry)
    return np.where(weight > 0, value, 0.0)


def level_size(problem: UFM, level: Level) -> int:
    """Return the number of cells of a problem at a level: n, k or m."""
    sizes = problem.class_sizes
    return {
        Level.SAMPLES: sizes.samples,
        Level.CLASSES: sizes.classes,
        Level.ORBITS: sizes.orbits,
    }[level]


def build_relaxation(problem: UFM, level: Level) -> Relaxation:
    """Pose the relaxation of a problem at a level.

    Raises
    ------
    ProblemTooLargeError
        If the level's matrices would not fit in memory; names the level to use instead.
    """
    sizes = problem.class_sizes
    require_level_memory(level, level_size(problem, level), sizes.orbits)
    build = _sample_rows if level is Level.SAMPLES else _class_rows
    anchors, weight, target, points, mass = build(sizes, level)
    control = problem.control_at_unit_temperature
    return Relaxation(level, control, anchors, weight, target, points, mass)


_Parts = tuple[Vector, RowWeights, RowWeights, Vector, Vector]


def _sample_rows(sizes: ClassSizes, level: Level) -> _Parts:
    """Rows of the n×n program: weights one off the diagonal, targets the mean of the positives."""
    label = samples_to_classes(sizes).cell_of_point
    size = np.asarray(sizes, dtype=float)[label]
    n = len(label)
    others = 1.0 - np.eye(n)
    positives = (label[:, None] == label[None, :]) * others
    target = positives / np.maximum(size - 1, 1)[:, None]
    ones, zeros = np.ones(n), np.zeros(n)
    anchors = (size > 1).astype(float)
    return anchors, RowWeights(zeros, others), RowWeights(zeros, target), ones, ones


def _class_rows(sizes: ClassSizes, level: Level) -> _Parts:
    """Rows of the k×k or the m×m program; a class is an orbit with one class."""
    if level is Level.CLASSES:
        size = np.asarray(sizes, dtype=float)
        points = np.ones(len(size))
    else:
        size = sizes.distinct.astype(float)
        points = sizes.multiplicities.astype(float)
    mass = points * size
    pair = np.tile(mass, (len(size), 1))
    np.fill_diagonal(pair, mass - size)
    anchors = np.where(size > 1, mass, 0.0)
    target = RowWeights((size > 1).astype(float), np.zeros_like(pair))
    return anchors, RowWeights(size - 1, pair), target, points, mass

"""What an excess over the optimum is made of: differences within classes, angles, and norms.

With y ≥ 0 the multipliers of the control at the optimum M*, a penalty's own weight included, and L
the objective plus the multipliers' terms, embeddings H with class means' Gram matrix M̄ and mean
squared distances v_c from them (at unit temperature) exceed the optimum by

    f(H) − f* = [f(H) − f(M̄) + Σ_c y_c v_c] + [L(M̄) − L(M*)] + Σ_c y_c (ρ − mean ‖h‖²)

where a bound ρ has a price, else without the multipliers. All three are at least zero: the first by
Jensen's inequality over exchanges within a class, the second because M* minimises L (for SC it is
Σ n_c KL(p*_c ‖ p_c) + ⟨S*, M̄⟩, S* the dual slack), the third because H is feasible. Of the second
two savings at the same directions are taken off: class means as long as their embeddings, which is
counted with differences within classes, and then better norms, counted with norms. What is left are
the angles.
Source: Lagrangian duality of the relaxation in Behnia and Thrampoulidis 2024; the split is
screlax's own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from ..gram.cells import CellGram, Level
from ..problem.levels import lift_from_orbits
from ..problem.program import Program, build_program
from ..problem.ufm import UFM
from ..proof.repair import products_by_cell
from ..short_repr import short_repr
from ..solution.solution import Solution
from ..types import Vector
from .objective import Evaluation, evaluated_gram
from .parts import PROVED, Parts

_STEPS = 40
"""Evaluations of the descent on norms: any norms that it finds prove their part."""

_FARTHEST = 0.7
"""Largest logarithm of a norm over that of the optimum: a factor of two."""


@short_repr
@dataclass(frozen=True)
class GapSplit(Parts):
    """The parts of a `LossGap.gap`, each proved to be at least zero but for rounding.

    Attributes
    ----------
    spread : float
        What embeddings cost that differ from their class mean; zero where class means were
        evaluated. NaN, like the others, where the parts are not known.
    angles : float
        What the directions of the class means cost.
    norms : float
        What their norms cost, or those of the embeddings where the optimum is at a bound on them.
    how : str
        How the parts were found, or why they are not known.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> solution = screlax.solve_relaxation([20, 5, 5], screlax.Sphere(1.0), temperature=0.5)
    >>> labels = np.repeat([0, 1, 2], [20, 5, 5])
    >>> noise = 0.1 * np.random.default_rng(0).standard_normal((30, 8))
    >>> comparison = screlax.compare(solution.prototypes(8)[labels] + noise, labels, solution)
    >>> split = comparison.split
    >>> split.spread > split.angles > 0, abs(split.norms) < 1e-12
    (True, True)
    >>> bool(np.isclose(split.spread + split.angles + split.norms, comparison.loss.gap))
    True
    """

    spread: float
    angles: float
    norms: float
    how: str

    @property
    def parts(self) -> dict[str, float]:
        """The parts by what they are, in words."""
        return {
            "differences within classes": self.spread,
            "angles between class means": self.angles,
            "norms": self.norms,
        }


def split_of(evaluation: Evaluation, solution: Solution, gap: float) -> GapSplit:
    """Split a proved gap of embeddings to an optimum."""
    problem = solution.problem
    if problem.constraints:
        return _unknown("constraints of the problem's own bind angles and norms together")
    if not solution.collapses:
        return _unknown("the optimum leaves the samples of a class apart")
    if evaluation.is_of_samples and not problem.loss.collapses:
        return _unknown(
            f"under loss {problem.loss} differences within classes may be of use; "
            "loss='class-means' splits into angles and norms"
        )
    lagrangian = _Lagrangian(solution)
    means, squares = evaluation.gram, evaluation.squares
    of_means, unused = lagrangian.above_optimum(means), lagrangian.unused(squares)
    as_long = min(of_means, lagrangian.above_optimum(_with_norms(means, squares)))
    angles = min(as_long, lagrangian.above_optimum(lagrangian.better_norms(means)))
    rest, norms = gap - of_means - unused, unused + as_long - angles
    if evaluation.is_of_samples:
        return GapSplit(rest + of_means - as_long, angles, norms, PROVED)
    return GapSplit(0.0, angles + rest, norms, PROVED)  # the rest is rounding


def _unknown(reason: str) -> GapSplit:
    return GapSplit(math.nan, math.nan, math.nan, reason)


class _Lagrangian:
    """Objective and multipliers' terms of the control, over class means."""

    def __init__(self, solution: Solution) -> None:
        self.problem: UFM = solution.problem
        self.program: Program = build_program(self.problem, Level.CLASSES)
        unit = solution.point_gram.dense().scaled(1 / self.problem.temperature)
        self.best = lift_from_orbits(self.problem.points, Level.CLASSES, unit)
        slope = self.program.loss.gradient(self.program.loss.expand(self.best))
        along = products_by_cell(slope, self.best)
        control, cells = self.program.control, self.program.cells
        multipliers = control.multipliers(along, self.best.own, cells)
        self.price = multipliers - self.program.penalty
        self.objective = evaluated_gram(self.problem, self.program, self.best)

    def above_optimum(self, gram: CellGram) -> float:
        """Return L(M) − L(M*)."""
        apart = evaluated_gram(self.problem, self.program, gram).less(self.objective)
        return apart + float(self.price @ (gram.own - self.best.own))

    def unused(self, squares: Vector) -> float:
        """Return Σ y_c (ρ − mean ‖h‖²), zero without a bound."""
        return float(self.price @ (self.program.control.limits(self.program.cells) - squares))

    def better_norms(self, gram: CellGram) -> CellGram:
        """Return a Gram matrix of the same directions at better norms, or worse ones.

        Those of the optimum where all are at the bound; else by descent from there.
        """
        start = _with_norms(gram, self.best.own)
        if self.program.control.fixes_norms:
            return start
        anchors = self.program.loss.anchor_count

        def value_and_slope(logs: Vector) -> tuple[float, Vector]:
            moved = _rescaled(start, np.exp(logs))
            slope = self.program.gradient(moved)
            along = products_by_cell(CellGram(slope.own + self.price, slope.pair), moved)
            value = self.program.value(moved) + float(self.price @ moved.own)
            return value / anchors, 2 * along / anchors

        found = optimize.minimize(
            value_and_slope,
            np.zeros(len(gram.own)),
            jac=True,
            method="L-BFGS-B",
            bounds=[(-_FARTHEST, _FARTHEST)] * len(gram.own),
            options={"maxfun": _STEPS, "ftol": 0.0, "gtol": 1e-12},
        )
        return _rescaled(start, np.exp(found.x))


def _with_norms(gram: CellGram, squares: Vector) -> CellGram:
    """Return a Gram matrix with every point at a squared norm, zero where it has no direction."""
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.sqrt(squares / gram.own)
    return _rescaled(gram, np.where(gram.own > 0, scale, 1.0))


def _rescaled(gram: CellGram, scale: Vector) -> CellGram:
    """Return a Gram matrix with every point multiplied by a number."""
    return CellGram(scale**2 * gram.own, scale[:, None] * gram.pair * scale)

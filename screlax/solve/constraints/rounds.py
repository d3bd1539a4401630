"""The method of multipliers for linear constraints, over the factored problem.

Constraints go into an augmented Lagrangian (`LinearPenalty`, and `EntryPenalty` for nonnegative
features), convex in the Gram matrix, so that its factored form has no spurious minima: Burer–
Monteiro solves it, from where the last round ended. Every round is certified, with its
multipliers, at a matrix that is feasible; stiffness grows until that proves the optimum.
Source: Nocedal and Wright, Numerical Optimization, algorithm 17.4; Burer and Monteiro 2003.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ...gram.cells import CellGram
from ...problem.losses.gram_loss import GramLoss
from ...problem.program import Program
from ...proof.dense import certify
from ...proof.dual import DualPoint
from ...types import Matrix, Vector
from ..entry_penalty import EntryPenalty
from ..factored import CellObjective, factored_start
from ..lifted import Lifted
from ..trust_region import minimize
from .feasible import made_feasible
from .penalty import LinearPenalty

_ROUNDS = 40
_STIFFER, _MUCH_STIFFER, _FASTER = 8.0, 64.0, 10.0
"""By how much stiffness grows in a round that does not shrink an excess so many times; the second
where it does not even halve it."""

_ACCURACY, _FIRST_ACCURACY, _OF_EXCESS = 1e-13, 1e-7, 1e-4
"""Gradient norm to reach in a round, as `factored.solve_factored` has it; first and at most; and
by the excess of the constraints in the last one."""

_PROVED = 1e-12
"""Certified relative gap to stop at, of few cells."""

_FEW, _SHARE = 40, 0.1
"""With more cells than that, this share of the tolerance is enough."""

_ROUNDING = 1e-15
"""Excess, relative to what a constraint sums, that nothing shrinks."""

_PATIENCE, _LESS_PATIENCE = 5, 2
"""Rounds without a smaller gap or excess after which none is to be expected; and where the gap is
that share of the tolerance already, without a smaller gap."""


@dataclass(frozen=True, eq=False)
class Round:
    """Where a round of the method ended.

    Attributes
    ----------
    gram : CellGram
        Feasible, if there was a way to make it so.
    dual : DualPoint
        The multipliers.
    gap : float
        Certified relative gap of the two.
    excess : float
        Of the constraints, relative to what they sum, before that.
    iterations : int
        Of Burer–Monteiro, in all rounds so far.
    reason : str
        Why the last of them ended.
    """

    gram: CellGram
    dual: DualPoint
    gap: float
    excess: float
    iterations: int
    reason: str


@dataclass(frozen=True, eq=False)
class _Multipliers:
    """z and σ of the linear constraints; Y and its stiffness where features are nonnegative."""

    linear: Vector
    stiffness: Vector
    entries: Matrix | None
    entry_stiffness: Matrix | None

    def penalised(self, program: Program) -> tuple[GramLoss, LinearPenalty]:
        """Return the augmented loss, and the part of it for linear constraints."""
        assert program.linear is not None
        inner = LinearPenalty(program.loss, program.linear, self.linear, self.stiffness)
        if self.entries is None or self.entry_stiffness is None:
            return inner, inner
        return EntryPenalty(inner, self.entries, self.entry_stiffness), inner

    def stiffer(self, excess: Vector, before: Vector) -> _Multipliers:
        """Return the same with more stiffness where an excess did not shrink enough.

        That of the entries comes last, after those of the constraints.
        """
        slow = excess > np.maximum(before / _FASTER, _ROUNDING)
        factor = np.where(excess > before / 2, _MUCH_STIFFER, _STIFFER)
        factor = np.where(slow, factor, 1.0)
        entry = self.entry_stiffness
        return replace(
            self,
            stiffness=factor[:-1] * self.stiffness,
            entry_stiffness=None if entry is None else factor[-1] * entry,
        )


def rounds_of_multipliers(
    program: Program,
    start: CellGram,
    inside: CellGram | None,
    tol: float,
    deadline: float = math.inf,
) -> Round:
    """Minimise under linear constraints; return the best round.

    Parameters
    ----------
    program : Program
        With linear constraints, at any level.
    start : CellGram
        Where to begin.
    inside : CellGram, optional
        Strictly inside, to make solutions feasible with.
    tol : float
        Certified relative gap that is wanted.
    deadline : float
        Value of `time.perf_counter()` after which to stop.
    """
    enough = _PROVED if program.size <= _FEW else max(_PROVED, _SHARE * tol)
    ends: list[Round] = []
    for accuracy in (_FIRST_ACCURACY, _ACCURACY):  # the second is slower, and misses less
        done: list[Round] = []
        for one in _rounds(program, start, inside, accuracy, deadline):
            done.append(one)
            if len(done) == _ROUNDS or _is_done(done, enough, tol, deadline):
                break
        best = min(done, key=lambda one: (one.gap, one.excess))
        ends.append(replace(best, iterations=done[-1].iterations))
        if best.gap <= tol or time.perf_counter() > deadline:
            break
    best = min(ends, key=lambda one: (one.gap, one.excess))
    return replace(best, iterations=sum(one.iterations for one in ends))


def _is_done(done: list[Round], enough: float, tol: float, deadline: float) -> bool:
    """Whether the last rounds prove enough, or do not get on, or time is up."""
    gaps, excesses = [one.gap for one in done], [one.excess for one in done]
    best = max(gaps.index(min(gaps)), excesses.index(min(excesses)))
    stalls = len(done) - 1 - best >= _PATIENCE
    if min(gaps) <= _SHARE * tol:
        stalls |= len(done) - 1 - gaps.index(min(gaps)) >= _LESS_PATIENCE
    return gaps[-1] <= enough or stalls or time.perf_counter() > deadline


def _rounds(
    program: Program, start: CellGram, inside: CellGram | None, first: float, deadline: float
) -> Iterator[Round]:
    """Yield rounds without end, each with the multipliers that the last one left.

    `first` is the accuracy of the first one; later ones are as accurate as the excess asks for.
    """
    assert program.linear is not None
    point: Matrix | None
    multipliers, iterations = first_multipliers(program, start), 0
    before = np.full(len(program.linear) + 1, math.inf)
    point, seed, closest = None, 0, math.inf
    while True:
        loss, inner = multipliers.penalised(program)
        objective = CellObjective(replace(program, loss=loss), width=program.size)
        problem = Lifted(objective, objective.columns)
        if point is None:  # at first, and at a saddle, which nothing leaves without noise
            point, seed = factored_start(problem, start, seed), seed + 1
        accuracy = min(max(_ACCURACY, _OF_EXCESS * float(before.max())), first)
        tolerance = accuracy * objective.anchors / (float(np.linalg.norm(point)) or 1.0)
        run = minimize(problem, point, gradient_tolerance=tolerance, deadline=deadline)
        point, iterations = run.point, iterations + run.iterations
        gram = objective.gram(problem.rows(point))
        multipliers = _updated(multipliers, loss, inner, gram)
        dual = DualPoint(None, None, multipliers.entries, multipliers.linear)
        feasible = made_feasible(program, gram, inside)
        gap = certify(program, feasible, [dual]).certificate.relative_gap
        excess = _excess(program, gram)
        yield Round(feasible, dual, gap, float(excess.max()), iterations, run.reason)
        if not gap <= closest / _FASTER:
            point, start = None, gram
        closest = min(gap, closest)
        multipliers, before = multipliers.stiffer(excess, before), excess


def _excess(program: Program, gram: CellGram) -> Vector:
    """Return the excess of every constraint relative to what it sums, and of the entries' bound."""
    assert program.linear is not None
    linear = np.abs(program.linear.excess(gram)) / program.linear.sizes(gram)
    below = -float(gram.pair.min()) / float(gram.own.max()) if program.is_nonnegative else 0.0
    return np.append(linear, max(below, 0.0))


def _updated(
    multipliers: _Multipliers, loss: GramLoss, inner: LinearPenalty, gram: CellGram
) -> _Multipliers:
    entries = loss.updated(gram) if isinstance(loss, EntryPenalty) else None
    return replace(multipliers, linear=inner.updated(gram), entries=entries)


def first_multipliers(program: Program, start: CellGram) -> _Multipliers:
    """Return z = 0 and stiffness by the loss's curvature along each constraint.

    Along D_i, the least change that moves constraint i by one: then penalty and loss curve alike;
    and by its slope along D_i where the curvature is small: z has to reach that in a few rounds.
    """
    bounds, mass = program.linear, program.cells.mass
    assert bounds is not None
    scaled, norms = bounds.per_mass(mass), bounds.squared_norms(mass)
    at, slope = program.loss.expand(start), program.gradient(start)
    typical, size = bounds.sizes(start), program.size
    stiffness = np.empty(len(bounds))
    for i in range(len(bounds)):
        move = np.asarray(scaled[[i]].todense()).ravel() / norms[i]
        pair = move[size:].reshape(size, size)
        np.fill_diagonal(pair, np.where(program.cells.points == 1, move[:size], pair.diagonal()))
        step = CellGram(move[:size], pair)
        curved = program.loss.curvature(at, step)
        bent = float(curved.own @ step.own + np.vdot(curved.pair, step.pair))
        along = abs(float(slope.own @ step.own + np.vdot(slope.pair, step.pair)))
        stiffness[i] = max(10 * bent, along / typical[i], 1e-12 * program.loss.anchor_count)
    entries, entry_stiffness = None, None
    if program.is_nonnegative:
        entry_stiffness = np.where(program.cells.has_pairs, np.outer(mass, mass) / mass.sum(), 0.0)
        entries = np.zeros_like(entry_stiffness)
    return _Multipliers(np.zeros(len(bounds)), stiffness, entries, entry_stiffness)

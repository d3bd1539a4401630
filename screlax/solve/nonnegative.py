"""Nonnegative features by the method of multipliers over the factored problem.

minimise loss(X) + penalty over X ⪰ 0, X ≥ 0 within the control. The entries' bound goes into an
augmented Lagrangian (`entry_penalty`), which is convex in X, so that its factored form has no
spurious minima: Burer–Monteiro solves it, from where the last one ended. The multipliers Y of the
last round are the certificate's. Stiffness grows until the entries' bound holds to rounding.
Source: Nocedal and Wright, Numerical Optimization, algorithm 17.4; Burer 2010 (Mathematical
Programming Computation 2) for doubly nonnegative programs by such a method.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

import numpy as np

from ..gram.cells import CellGram
from ..problem.program import Program
from ..proof.dense import certify
from ..proof.dual import DualPoint
from ..types import Matrix
from .entry_penalty import EntryPenalty
from .factored import CellObjective, factored_start
from .lifted import Lifted
from .trust_region import minimize

_ROUNDS = 40
_STIFFER, _FASTER = 8.0, 10.0
"""By how much stiffness grows in a round that does not shrink the gap so many times."""

_ACCURACY = 1e-13
"""Gradient norm to reach in a round, as `factored.solve_factored` has it."""

_PROVED = 1e-12
"""Certified relative gap to stop at."""

_PATIENCE = 6
"""Rounds without a better gap after which there is none to be expected."""


@dataclass(frozen=True, eq=False)
class NonnegativeRun:
    """Where the method of multipliers ended.

    Attributes
    ----------
    gram : CellGram
    entries : ndarray, shape (m, m)
        Y.
    gap : float
        Certified relative gap of the two.
    iterations : int
        Of Burer–Monteiro, in all rounds.
    reason : str
        Why the last of them ended.
    """

    gram: CellGram
    entries: Matrix
    gap: float
    iterations: int
    reason: str


def solve_nonnegative(
    relaxation: Program, start: CellGram | None = None, deadline: float = math.inf
) -> NonnegativeRun:
    """Minimise over doubly nonnegative matrices.

    Parameters
    ----------
    relaxation : Program
        With `is_nonnegative`, at any level.
    start : CellGram, optional
        Where to begin; by default at separate points.
    deadline : float
        Value of `time.perf_counter()` after which to stop.
    """
    start = start or CellGram(np.ones(relaxation.size), np.eye(relaxation.size))
    entries, stiffness = _first_multipliers(relaxation, start)
    rounds: list[NonnegativeRun] = []
    point: Matrix | None = None
    while len(rounds) < _ROUNDS and not _is_done(rounds, deadline):
        penalty = EntryPenalty(relaxation.loss, entries, stiffness)
        objective = CellObjective(replace(relaxation, loss=penalty), width=relaxation.size)
        problem = Lifted(objective, objective.columns)
        if point is None:  # the first round, or a saddle, which nothing leaves without noise
            point = factored_start(problem, start, len(rounds))
        scale = float(np.linalg.norm(point)) or 1.0
        tolerance = _ACCURACY * objective.anchors / scale
        run = minimize(problem, point, gradient_tolerance=tolerance, deadline=deadline)
        gram = objective.gram(problem.rows(run.point))
        point, start = (run.point, start) if run.iterations else (None, gram)
        entries = penalty.updated(gram)
        proof = certify(relaxation, gram, [DualPoint(None, None, entries)])
        gap, done = proof.certificate.relative_gap, sum(r.iterations for r in rounds[-1:])
        if rounds and gap > rounds[-1].gap / _FASTER:
            stiffness = _STIFFER * stiffness
        rounds.append(NonnegativeRun(gram, entries, gap, done + run.iterations, run.reason))
    best = min(rounds, key=lambda run: run.gap)
    return replace(best, iterations=rounds[-1].iterations)


def _is_done(rounds: list[NonnegativeRun], deadline: float) -> bool:
    """Whether the last rounds prove enough, or do not get on, or time is up."""
    if not rounds:
        return False
    gaps = [run.gap for run in rounds]
    stalls = len(gaps) - 1 - int(np.argmin(gaps)) >= _PATIENCE
    return gaps[-1] <= _PROVED or stalls or time.perf_counter() > deadline


def _first_multipliers(relaxation: Program, start: CellGram) -> tuple[Matrix, Matrix]:
    """Return Y and stiffness: the positive part of the slope where the start is zero.

    Stiffness has the scale of the loss's curvature, or of its slope by entry where those are small:
    Y has to fall by it times an entry in a few rounds.
    """
    mass, slope = relaxation.cells.mass, relaxation.gradient(start).pair
    bounded = relaxation.cells.has_pairs
    typical = float(start.own.mean())
    stiffness = np.outer(mass, mass) / mass.sum() / min(typical or 1.0, 1.0)
    entries = np.where(bounded & (start.pair <= 0), np.maximum(slope, 0.0), 0.0)
    return entries, np.where(bounded, stiffness, 0.0)

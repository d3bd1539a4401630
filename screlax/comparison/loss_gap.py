"""The objective of the relaxation at given embeddings, against its certified lower bound."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from ..errors import InvalidInputError, SolverFailedError
from ..gram.cells import Cells, Level
from ..optional import require_memory
from ..problem.levels import cells_at
from ..problem.ufm import UFM
from ..samples.heights import heights_of_samples
from ..solution.solution import Solution
from ..types import Matrix
from .blocks import normalized
from .statistics import ClassStatistics

_ROUNDING = 64 * np.finfo(float).eps
"""Relative error of a height, in units of one plus the largest logit."""

_MISTRUST = 1e-9
"""Relative amount by which a height may be below the optimum's before the proof is doubted."""

LARGEST_EXACT = 20_000
"""Samples up to which `loss="auto"` evaluates the loss of all pairs: about a second."""


@dataclass(frozen=True)
class LossGap:
    """How far the objective at the embeddings is from the best possible one.

    No loss is below the floor Σ n_c log(n_c − 1) over classes of two samples or more. Where it
    comes close, most of the objective is that constant, and what embeddings decide is the height
    above it. Heights are computed as such, not by subtraction, and are right to some rounding
    units however small they are; what differences within a class contribute, to the rounding of
    the rescaled embeddings.

    Attributes
    ----------
    level : {"samples", "class means"}
        Of what the objective was evaluated: all embeddings, or their class means in the place of
        every sample, with the class sizes of the problem.
    value : float
        The objective, summed over anchors, of feasible embeddings: see `violation`.
    lower : float
        The certified lower bound for embeddings of any dimension.
    floor : float
        Σ n_c log(n_c − 1).
    height, optimal_height : float
        value − floor, and the proved lower bound on it.
    gap : float
        Proved: the objective is at most this much above the optimum. The difference of the
        heights and a bound on their rounding errors, hence positive also at the optimum.
    relative_gap : float
        gap/value: the share of the objective that better embeddings might save.
    relative_to_optimum : float
        gap/lower: the objective exceeds the optimum by at most this many times the optimum.
    relative_to_height : float
        gap/optimal_height: the same of the heights. Infinite where nothing above the floor is
        proved of the optimum.
    violation : float
        By how much, relative to the bound ρ, the squared norms given had to change to satisfy the
        control; zero for ridge.
    reason : str
        Why this level.
    """

    level: str
    value: float
    lower: float
    floor: float
    height: float
    optimal_height: float
    gap: float
    relative_gap: float
    relative_to_optimum: float
    relative_to_height: float
    violation: float
    reason: str


def loss_gap(
    embeddings: Matrix,
    number: np.ndarray,
    statistics: ClassStatistics,
    solution: Solution,
    how: str,
    normalize: bool,
) -> LossGap | None:
    """Evaluate the objective as `how` says, of embeddings (n, d) and their class statistics."""
    if how == "none":
        return None
    same = np.array_equal(statistics.counts, np.asarray(solution.problem.class_sizes))
    reason = "as asked" if how == "class-means" else ""
    if how == "auto" and not same:
        reason = "the class counts differ from those of the problem"
    elif how == "auto" and len(number) > LARGEST_EXACT:
        reason = f"more than {LARGEST_EXACT:,} samples; loss='samples' takes all pairs"
    if reason:
        return _of_means(statistics, solution, reason)
    if not same:
        raise InvalidInputError(
            f"{len(number):,} embeddings with other class counts than the problem's "
            f"{solution.problem.samples:,} samples have the objective of another problem; use "
            "loss='class-means'"
        )
    require_memory(3 * 8 * embeddings.size, "the embeddings in double precision")
    rows = np.array(embeddings, dtype=np.float64)
    if normalize:
        rows = normalized(rows)
    return _of_samples(rows, number, solution)


def _of_samples(rows: Matrix, number: np.ndarray, solution: Solution) -> LossGap:
    problem = solution.problem
    size = np.asarray(problem.class_sizes, dtype=float)[number]
    ones = np.ones(len(rows))
    feasible, violation = make_feasible(rows, problem, Cells(ones, ones, size))
    heights, spread = heights_of_samples(feasible, number, problem.temperature)
    squares = np.einsum("ij,ij->i", feasible, feasible)
    height = float(heights.sum()) + _penalty(problem, float(squares.sum()))
    found = _Height(height, spread, float(squares.max()))
    return _gap("samples", found, solution, violation, "all pairs of samples")


def _of_means(statistics: ClassStatistics, solution: Solution, reason: str) -> LossGap:
    problem = solution.problem
    cells = cells_at(problem.class_sizes, Level.CLASSES)
    feasible, violation = make_feasible(np.array(statistics.means), problem, cells)
    gram = feasible @ feasible.T
    return _gap("class means", _height(problem, gram), solution, violation, reason)


@dataclass(frozen=True)
class _Height:
    """An objective above the floor, its part due to spread within classes, the largest ‖h‖²."""

    value: float
    spread: float
    largest: float

    def rounding(self, problem: UFM) -> float:
        """Bound its rounding errors: of the exponents, of the spread, and what underflows.

        A difference d within a class counts as d²/2 and is off by the rounding of the embeddings.
        """
        unit = _ROUNDING * (1 + self.largest / problem.temperature)
        errors = unit * self.value + problem.anchors * np.finfo(float).tiny
        if self.spread > 0:
            errors += unit * (math.sqrt(self.spread * problem.anchors) + unit * problem.anchors)
        return errors


def _height(problem: UFM, gram: Matrix) -> _Height:
    """Return the objective above the floor at class means, from differences of inner products.

    Σ n_c log(1 + Σ_{c'≠c} n_c' e^{(M_cc' − M_cc)/τ}/(n_c − 1)), and the penalty.
    """
    sizes = np.asarray(problem.class_sizes, dtype=float)
    anchored = sizes > 1
    entries = gram[anchored] - np.diag(gram)[anchored, None]
    entries /= problem.temperature
    entries += np.log(sizes)
    entries[np.arange(len(entries)), np.flatnonzero(anchored)] = -np.inf
    excess = special.logsumexp(entries, axis=1) - np.log(sizes[anchored] - 1)
    loss = float(sizes[anchored] @ np.logaddexp(0.0, excess))
    height = loss + _penalty(problem, float(sizes @ np.diag(gram)))
    return _Height(height, 0.0, float(np.diag(gram).max()))


def _penalty(problem: UFM, trace: float) -> float:
    """Return (λ/2) tr G for ridge, else zero."""
    return problem.control.parameter / 2 * trace if problem.control.is_penalty else 0.0


def _gap(level: str, found: _Height, solution: Solution, violation: float, reason: str) -> LossGap:
    """Compare the height with that of the optimum, which loses its proved gap."""
    problem, height = solution.problem, found.value
    if not math.isfinite(height):
        raise InvalidInputError(
            f"the objective at the embeddings is {height}: inner products over the temperature are "
            "beyond double precision; rescale the embeddings"
        )
    sizes = np.asarray(problem.class_sizes, dtype=float)
    floor = float(special.xlogy(sizes[sizes > 1], sizes[sizes > 1] - 1).sum())
    best, rounding = _height(problem, solution.class_gram), found.rounding(problem)
    # no height is negative
    optimal_height = max(best.value - best.rounding(problem) - solution.certificate.gap, 0.0)
    difference = height - optimal_height
    if difference < -(_MISTRUST * best.value + rounding):
        raise SolverFailedError(
            f"the objective {floor + height} is below the lower bound {solution.lower} of the "
            "solution, which therefore proves nothing; see solution.recheck()"
        )
    gap, value = max(difference, 0.0) + rounding, floor + height
    return LossGap(
        level=level,
        value=value,
        lower=solution.lower,
        floor=floor,
        height=height,
        optimal_height=optimal_height,
        gap=gap,
        relative_gap=_ratio(gap, value),
        relative_to_optimum=_ratio(gap, solution.lower),
        relative_to_height=_ratio(gap, optimal_height),
        violation=violation,
        reason=reason,
    )


def _ratio(gap: float, of: float) -> float:
    """Return gap/of, infinite where nothing is proved of it."""
    return gap / of if of > 0 else math.inf


def make_feasible(rows: Matrix, problem: UFM, cells: Cells) -> tuple[Matrix, float]:
    """Scale embeddings, in place, to the nearest ones in their direction that the control allows.

    Returns them, and the largest change of a squared norm (or of their mean) relative to ρ.
    """
    squares = np.einsum("ij,ij->i", rows, rows)
    violation = max(problem.control.violation(squares, cells), 0.0)
    scale = problem.control.scale(squares, cells)
    lost = np.isinf(scale)
    if lost.any():
        rows[lost, 0] = 1.0  # a zero embedding has no direction: any is feasible
        scale = problem.control.scale(np.einsum("ij,ij->i", rows, rows), cells)
    rows *= scale[:, None]
    return rows, violation

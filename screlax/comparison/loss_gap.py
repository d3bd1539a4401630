"""The objective of the relaxation at given embeddings, against its certified lower bound."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ..errors import InvalidInputError, SolverFailedError
from ..gram.cells import CellGram, Cells, Level
from ..optional import require_memory
from ..problem.levels import cells_at, lift_from_orbits
from ..problem.program import Program, build_program
from ..problem.ufm import UFM
from ..proof.certificate import relative_gap
from ..samples.contrastive import contrastive_loss
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

LARGEST_DENSE = 3000
"""Samples up to which other losses than SC are evaluated by n×n matrices, with their heights; by
`loss="auto"` all those that have no faster way."""


@dataclass(frozen=True)
class LossGap:
    """How far the objective of the problem at the embeddings is from the best possible one.

    No value is below the floor, `UFM.infimum`: for SC Σ n_c log(n_c − 1) over classes of two
    samples or more. Where it comes close, most of the objective is that constant, and what
    embeddings decide is the height above it. Heights are computed as such, not by subtraction, and
    are right to some rounding units however small they are; what differences within a class
    contribute, to the rounding of the rescaled embeddings.

    Attributes
    ----------
    of : str
        The loss, in words.
    level : {"samples", "class means"}
        Of what the objective was evaluated: all embeddings, or their class means in the place of
        every embedding of the problem.
    value : float
        The objective, summed over anchors, of feasible embeddings: see `violation`.
    lower : float
        The certified lower bound for embeddings of any dimension.
    floor : float
        `UFM.infimum`; −inf where no number is known.
    height, optimal_height : float
        value − floor, and the proved lower bound on it; +inf without a floor.
    gap : float
        Proved: the objective is at most this much above the optimum. The difference of the
        heights and a bound on their rounding errors, hence positive also at the optimum.
    relative_to_spread : float
        The same by value and spread of the objective, gap/(|value| + value − floor) or, without a
        floor, gap/|value|: the relative gap of certificates, which also holds where values may be
        zero or negative.
    relative_gap : float
        gap/value: the share of the objective that better embeddings might save. This and the next
        are infinite where the floor is below zero: then such shares say nothing.
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

    of: str
    level: str
    value: float
    lower: float
    floor: float
    height: float
    optimal_height: float
    gap: float
    relative_to_spread: float
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
    together: int = 1,
) -> LossGap | None:
    """Evaluate the objective as `how` says, of embeddings (n, d) and their class statistics.

    So many rows one after the other are known to be views `together` of one sample.
    """
    if how == "none":
        return None
    problem = solution.problem
    missing = _why_not_samples(problem, statistics, together)
    reason = "as asked" if how == "class-means" else ""
    if how == "auto":
        most = LARGEST_EXACT if _has_kernels(problem) else LARGEST_DENSE
        many = f"more than {most:,} samples; loss='samples' takes all pairs"
        reason = missing or (many if len(number) > most else "")
    if problem.points.classes > problem.classes:
        if how == "auto":
            return None
        raise InvalidInputError(
            f"{len(number):,} embeddings of samples have no objective under loss {problem.loss}, "
            "whose prototypes are variables of their own; use loss='none'"
        )
    evaluated = statistics.means if reason else embeddings
    if problem.features.are_nonnegative and not (evaluated >= 0).all():
        if how == "auto":
            return None
        raise InvalidInputError(
            "the embeddings of this problem are nonnegative and some of these are below zero, so "
            "that they have no objective of it; use loss='none', or a solution of real features"
        )
    if reason:
        return _of_means(statistics, solution, reason)
    if missing:
        raise InvalidInputError(
            f"{len(number):,} embeddings have no objective by samples of a problem with "
            f"{problem.points.samples:,}: {missing}; use loss='class-means'"
        )
    require_memory(3 * 8 * embeddings.size, "the embeddings in double precision")
    rows = np.array(embeddings, dtype=np.float64)
    if normalize:
        rows = normalized(rows)
    return _of_samples(rows, number, solution)


def _why_not_samples(problem: UFM, statistics: ClassStatistics, together: int) -> str:
    """Say why embeddings with these counts are not all embeddings of a problem, or nothing."""
    if problem.batches is not None:
        return "the expected loss of batches is one of class means"
    if np.array_equal(statistics.counts, np.asarray(problem.points)):
        if problem.loss.collapses or together == problem.loss.view_count:
            return ""
        return "nothing says which are views of one sample; give shape (n, views, d)"
    if np.array_equal(statistics.counts, np.asarray(problem.class_sizes)):
        return "samples without all their views and prototypes are not those of the problem"
    return "the class counts differ from those of the problem"


@dataclass(frozen=True)
class _Evaluated:
    """An objective above a base, the infimum or zero, and a bound on its rounding error."""

    base: float
    above: float
    rounding: float


def _of_samples(rows: Matrix, number: np.ndarray, solution: Solution) -> LossGap:
    problem = solution.problem
    order = np.argsort(number, kind="stable")
    rows, number = rows[order], number[order]
    feasible, violation = make_feasible(rows, problem, cells_at(problem.points, Level.SAMPLES))
    if problem.loss.is_supcon_of_points:
        heights, spread = heights_of_samples(feasible, number, problem.temperature)
        squares = np.einsum("ij,ij->i", feasible, feasible)
        height = float(heights.sum()) + _penalty(problem, float(squares.sum()))
        found = _of_height(problem, height, spread, float(squares.max()))
    elif _has_kernels(problem) and len(rows) > LARGEST_DENSE:
        found = _by_kernels(problem, feasible, number)
    else:
        program = build_program(problem, Level.SAMPLES)
        found = _evaluated(problem, program, CellGram.from_matrix(feasible @ feasible.T))
    return _gap("samples", found, solution, violation, "all pairs of samples")


def _has_kernels(problem: UFM) -> bool:
    """Whether `contrastive_loss` knows the loss, of the embeddings of samples alone."""
    views = problem.loss.view_count * np.asarray(problem.class_sizes)
    loss = problem.loss
    if loss.is_supcon_of_points:
        return True
    if not (loss.has_samples and np.array_equal(problem.points, views)):
        return False
    return loss.prototypes(problem.classes, None) is None


def _by_kernels(problem: UFM, rows: Matrix, number: np.ndarray) -> _Evaluated:
    """Return the objective of embeddings in class order without an n×n matrix."""
    views, squares = problem.loss.view_count, np.einsum("ij,ij->i", rows, rows)
    value = contrastive_loss(
        rows.reshape(-1, views, rows.shape[1]) if views > 1 else rows,
        number[::views],
        loss=problem.loss.by_class(problem.class_sizes),
        temperature=problem.temperature,
        reduction="sum",
    )
    return _of_value(problem, float(value) + _penalty(problem, squares.sum()), squares.max())


def _of_means(statistics: ClassStatistics, solution: Solution, reason: str) -> LossGap:
    problem = solution.problem
    program = build_program(problem, Level.CLASSES)
    feasible, violation = make_feasible(np.array(statistics.means), problem, program.cells)
    found = _evaluated(problem, program, CellGram.from_matrix(feasible @ feasible.T))
    return _gap("class means", found, solution, violation, reason)


def _optimum(solution: Solution) -> _Evaluated:
    """Return the objective of the solution, of its class means where all embeddings have them."""
    problem = solution.problem
    level = Level.CLASSES if problem.loss.collapses else Level.INSTANCES
    gram = lift_from_orbits(problem.points, level, solution.point_gram.dense())
    return _evaluated(problem, build_program(problem, level), gram)


def _evaluated(problem: UFM, program: Program, gram: CellGram) -> _Evaluated:
    """Return the objective of a Gram matrix, by its height where the loss knows it."""
    unit = gram.scaled(1 / problem.temperature)
    largest = float(gram.own.max())
    penalty = float(program.penalty @ unit.own)
    height, spread = program.loss.height(unit)
    if math.isfinite(height):
        found = _of_height(problem, height + penalty, spread, largest)
        return replace(found, rounding=found.rounding + program.loss.unit * height)
    return _of_value(problem, program.loss.value(unit) + penalty, largest)


def _of_value(problem: UFM, value: float, largest: float) -> _Evaluated:
    """Bound the rounding errors of an objective, of squared norms up to `largest`."""
    size = abs(value) + problem.anchors * (1 + largest / problem.temperature)
    return _Evaluated(0.0, float(value), _ROUNDING * float(size))


def _of_height(problem: UFM, height: float, spread: float, largest: float) -> _Evaluated:
    """Bound the rounding errors of a height: of the exponents, of the spread, of what underflows.

    `spread` is its part due to differences d within classes; each counts as d²/2 and is off by the
    rounding of the embeddings, of squared norms up to `largest`.
    """
    unit = _ROUNDING * (1 + largest / problem.temperature)
    errors = unit * height + problem.anchors * np.finfo(float).tiny
    if spread > 0:
        errors += unit * (math.sqrt(spread * problem.anchors) + unit * problem.anchors)
    return _Evaluated(problem.infimum, height, errors)


def _penalty(problem: UFM, trace: float) -> float:
    """Return (λ/2) tr G for ridge, else zero."""
    return problem.control.parameter / 2 * trace if problem.control.is_penalty else 0.0


def _gap(
    level: str, found: _Evaluated, solution: Solution, violation: float, reason: str
) -> LossGap:
    """Compare the objective with that of the optimum, which loses its proved gap."""
    problem, floor = solution.problem, solution.problem.infimum
    if not math.isfinite(found.above):
        raise InvalidInputError(
            f"the objective at the embeddings is {found.above}: inner products over the "
            "temperature are beyond double precision; rescale the embeddings"
        )
    best = _optimum(solution)
    optimal = best.above - best.rounding - solution.certificate.gap
    if best.base == floor:
        optimal = max(optimal, 0.0)  # no height is negative
    optimal = float(optimal + best.base - found.base)
    difference, value = float(found.above - optimal), float(found.base + found.above)
    if difference < -(_MISTRUST * abs(best.above) + found.rounding + best.rounding):
        raise SolverFailedError(
            f"the objective {value} is below the lower bound {solution.lower} of the "
            "solution, which therefore proves nothing; see solution.recheck()"
        )
    gap = max(difference, 0.0) + found.rounding
    shares, has_height = floor >= 0, found.base == floor
    return LossGap(
        of=str(problem.loss),
        level=level,
        value=value,
        lower=solution.lower,
        floor=floor,
        height=found.above if has_height else value - floor,
        optimal_height=optimal if has_height else solution.lower - floor,
        gap=gap,
        relative_to_spread=relative_gap(gap, value, floor),
        relative_gap=_ratio(gap, value if shares else 0.0),
        relative_to_optimum=_ratio(gap, solution.lower if shares else 0.0),
        relative_to_height=_ratio(gap, optimal) if has_height else math.inf,
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

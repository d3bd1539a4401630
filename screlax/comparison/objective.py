"""The objective of the relaxation at given embeddings, against its certified lower bound."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..errors import InvalidInputError, SolverFailedError
from ..geometry import ClassStatistics
from ..gram.levels import CellGram, Level, Matrix
from ..io.blocks import normalized
from ..optional import require_memory
from ..problem.constraints.feasible import feasible_scale
from ..problem.constraints.norms import Budget, Ridge, Sphere
from ..problem.program import build_relaxation
from ..problem.ufm import UFM
from ..samples import supcon_loss
from ..solution.solution import Solution

_ROUNDING = 1e-9
"""Relative amount by which a value may be below a lower bound."""

LARGEST_EXACT = 20_000
"""Samples up to which `loss="auto"` evaluates the loss of all pairs: about a second."""


@dataclass(frozen=True)
class LossGap:
    """How far the objective at the embeddings is from the best possible one.

    Attributes
    ----------
    level : {"samples", "class means"}
        Of what the objective was evaluated: all embeddings, or their class means in the place of
        every sample, with the class sizes of the problem.
    value : float
        The objective, summed over anchors, of feasible embeddings: see `violation`.
    lower : float
        The certified lower bound for embeddings of any dimension.
    relative_gap : float
        (value − lower)/value, proved; zero where both are zero.
    violation : float
        By how much, relative to the bound ρ, the squared norms given had to change to satisfy the
        control; zero for ridge.
    reason : str
        Why this level.
    """

    level: str
    value: float
    lower: float
    relative_gap: float
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
    """Evaluate the objective as `how` says: auto, samples, class-means or none.

    Parameters
    ----------
    embeddings : ndarray, shape (n, d)
    number : ndarray of int, shape (n,)
        Class number of each sample.
    statistics : ClassStatistics
        Of these embeddings, classes in the order of the problem.
    solution : Solution
    how : str
    normalize : bool
        Whether each embedding is divided by its norm first, as in the statistics.
    """
    if how == "none":
        return None
    sizes = np.asarray(solution.problem.class_sizes)
    same = np.array_equal(statistics.counts, sizes)
    if how == "auto" and not same:
        return _of_means(statistics, solution, "the class counts differ from those of the problem")
    if how == "auto" and len(number) > LARGEST_EXACT:
        reason = f"more than {LARGEST_EXACT:,} samples; loss='samples' takes all pairs"
        return _of_means(statistics, solution, reason)
    if how == "class-means":
        return _of_means(statistics, solution, "as asked")
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
    feasible, violation = make_feasible(rows, problem)
    value = supcon_loss(
        feasible, number, temperature=problem.temperature, reduction="sum", n_jobs=None
    )
    if isinstance(problem.control, Ridge):
        value += problem.control.strength / 2 * float(np.einsum("ij,ij->", feasible, feasible))
    return _gap("samples", float(value), solution, violation, "all pairs of samples")


def _of_means(statistics: ClassStatistics, solution: Solution, reason: str) -> LossGap:
    problem = solution.problem
    weights = np.asarray(problem.class_sizes, dtype=float)
    feasible, violation = make_feasible(np.array(statistics.means), problem, weights)
    relaxation = build_relaxation(problem, Level.CLASSES)
    gram = feasible @ feasible.T
    value = relaxation.value(CellGram.from_matrix(gram / problem.temperature))
    return _gap("class means", float(value), solution, violation, reason)


def _gap(level: str, value: float, solution: Solution, violation: float, reason: str) -> LossGap:
    lower = solution.lower
    if not math.isfinite(value):
        raise InvalidInputError(
            f"the objective at the embeddings is {value}: inner products over the temperature are "
            "beyond double precision; rescale the embeddings"
        )
    gap = (value - lower) / value if value > 0 else 0.0
    if gap < -_ROUNDING:
        raise SolverFailedError(
            f"the objective {value} is below the lower bound {lower} of the solution, which "
            "therefore proves nothing; see solution.recheck()"
        )
    return LossGap(level, value, lower, gap, violation, reason)


def make_feasible(
    rows: Matrix, problem: UFM, weights: np.ndarray | None = None
) -> tuple[Matrix, float]:
    """Scale embeddings, in place, to the nearest ones in their direction that the control allows.

    Parameters
    ----------
    rows : ndarray, shape (n, d)
    problem : UFM
    weights : ndarray, shape (n,), optional
        How many samples each row stands for; matters for `Budget` only.

    Returns
    -------
    rows : ndarray
    violation : float
        Largest change of a squared norm (for `Budget` of their mean) relative to ρ.
    """
    control = problem.control
    if isinstance(control, Ridge):
        return rows, 0.0
    given = np.einsum("ij,ij->i", rows, rows)
    if isinstance(control, Sphere) and not given.all():
        rows[given == 0, 0] = 1.0  # a zero embedding has no direction: any is feasible
    squares = np.einsum("ij,ij->i", rows, rows)
    scale = feasible_scale(control, squares, weights)
    rows *= scale[:, None]
    if isinstance(control, Budget):
        mean = float(np.average(squares, weights=weights))
        return rows, max(mean / control.parameter - 1.0, 0.0)
    change = np.abs(squares * scale**2 - given) / control.parameter
    return rows, float(change.max())

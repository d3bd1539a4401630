"""The objective of a problem at given embeddings: of all of them, or of their class means."""

from __future__ import annotations

import numpy as np

from ..errors import InvalidInputError
from ..gram.cells import CellGram, Level
from ..optional import require_memory
from ..problem.levels import cells_at
from ..problem.program import build_program
from ..problem.ufm import UFM
from ..samples.contrastive import contrastive_loss
from ..samples.heights import heights_of_samples
from ..types import Matrix, Vector
from .blocks import normalized
from .chunked_evaluation import of_chunks
from .objective import (
    Evaluation,
    Objective,
    evaluated_gram,
    make_feasible,
    of_height,
    of_value,
    penalty_of,
)
from .row_facts import RowFacts
from .rows import Rows
from .statistics import ClassStatistics

LARGEST_EXACT = 20_000
"""Samples up to which `loss="auto"` evaluates the loss of all pairs: about a second."""

LARGEST_DENSE = 3000
"""Samples up to which other losses than SC are evaluated by n×n matrices, with their heights; by
`loss="auto"` all those that have no faster way."""

_BLOCK = 4096
"""Rows whose differences from their means are taken at a time."""


def evaluate(
    rows: Rows,
    number: np.ndarray,
    statistics: ClassStatistics,
    facts: RowFacts,
    problem: UFM,
    how: str,
    normalize: bool,
    together: int = 1,
) -> Evaluation | None:
    """Evaluate the objective as `how` says, of embeddings and what is known of them.

    So many rows one after the other are known to be views `together` of one sample. None where
    there is no objective and none is insisted on.
    """
    if how == "none":
        return None
    missing = _why_not_samples(problem, statistics, together, in_chunks=rows.source is not None)
    reason = _why_means(problem, len(number), how, missing)
    signs = bool((statistics.means >= 0).all()) if reason else facts.are_nonnegative
    refusal = _why_nothing(problem, len(number), signs)
    if refusal and how == "auto":
        return None
    if refusal:
        raise InvalidInputError(refusal)
    if reason:
        return _of_means(statistics, problem, reason)
    if missing:
        raise InvalidInputError(
            f"{len(number):,} embeddings have no objective by samples of a problem with "
            f"{problem.points.samples:,}: {missing}; use loss='class-means'"
        )
    if rows.source is not None:
        return of_chunks(rows.source, number, problem, normalize=normalize)
    assert rows.array is not None
    require_memory(3 * 8 * rows.array.size, "the embeddings in double precision")
    array = np.array(rows.array, dtype=np.float64)
    return _of_samples(normalized(array) if normalize else array, number, problem)


def _why_means(problem: UFM, count: int, how: str, missing: str) -> str:
    """Say why class means are taken in the place of all embeddings, or nothing."""
    if how != "auto":
        return "as asked" if how == "class-means" else ""
    most = LARGEST_EXACT if _has_kernels(problem) else LARGEST_DENSE
    many = f"more than {most:,} samples; loss='samples' takes all pairs"
    return missing or (many if count > most else "")


def _why_nothing(problem: UFM, count: int, are_nonnegative: bool) -> str:
    """Say why the problem has no objective at embeddings, or nothing."""
    if problem.points.classes > problem.classes:
        return (
            f"{count:,} embeddings of samples have no objective under loss {problem.loss}, "
            "whose prototypes are variables of their own; use loss='none'"
        )
    if problem.features.are_nonnegative and not are_nonnegative:
        return (
            "the embeddings of this problem are nonnegative and some of these are below zero, so "
            "that they have no objective of it; use loss='none', or a solution of real features"
        )
    return ""


def _why_not_samples(
    problem: UFM, statistics: ClassStatistics, together: int, *, in_chunks: bool
) -> str:
    """Say why embeddings with these counts are not all embeddings of a problem, or nothing."""
    known = problem.loss.is_supcon_of_points or problem.loss.view_count == 1
    if in_chunks and not (known and _has_kernels(problem)):
        return f"of embeddings in chunks loss {problem.loss} is evaluated at class means alone"
    if problem.batches is not None:
        return "the expected loss of batches is one of class means"
    if np.array_equal(statistics.counts, np.asarray(problem.points)):
        if problem.loss.collapses or together == problem.loss.view_count:
            return ""
        return "nothing says which are views of one sample; give shape (n, views, d)"
    if np.array_equal(statistics.counts, np.asarray(problem.class_sizes)):
        return "samples without all their views and prototypes are not those of the problem"
    return "the class counts differ from those of the problem"


def _of_samples(rows: Matrix, number: np.ndarray, problem: UFM) -> Evaluation:
    order = np.argsort(number, kind="stable")
    rows, number = rows[order], number[order]
    feasible, violation = make_feasible(rows, problem, cells_at(problem.points, Level.SAMPLES))
    squares = np.einsum("ij,ij->i", feasible, feasible)
    if problem.loss.is_supcon_of_points:
        heights, spread = heights_of_samples(feasible, number, problem.temperature)
        height = float(heights.sum()) + penalty_of(problem, float(squares.sum()))
        found = of_height(problem, height, spread, float(squares.max()))
    elif _has_kernels(problem) and len(rows) > LARGEST_DENSE:
        found = _by_kernels(problem, feasible, number)
    else:
        program = build_program(problem, Level.SAMPLES)
        unit = CellGram.from_matrix(feasible @ feasible.T).scaled(1 / problem.temperature)
        found = evaluated_gram(problem, program, unit)
    sizes, means = np.bincount(number), _class_means(feasible, number)
    scatter, tau = _scatter(feasible, number, means), problem.temperature
    return Evaluation(
        level="samples",
        reason="all pairs of samples",
        objective=found,
        violation=violation,
        gram=CellGram.from_matrix(means @ means.T).scaled(1 / tau),
        squares=np.bincount(number, weights=squares) / (tau * sizes),
        scatter=scatter / (tau * sizes),
    )


def _class_means(rows: Matrix, number: np.ndarray) -> Matrix:
    """Return the means of rows in class order, shape (k, d)."""
    first = np.flatnonzero(np.diff(number, prepend=-1))
    sums = np.add.reduceat(rows, first)
    return np.asarray(sums / np.bincount(number)[:, None])


def _scatter(rows: Matrix, number: np.ndarray, means: Matrix) -> Vector:
    """Return Σ ‖h_i − h̄_c‖² of every class, by differences, shape (k,)."""
    apart = np.empty(len(rows))
    for first in range(0, len(rows), _BLOCK):
        part = slice(first, first + _BLOCK)
        difference = rows[part] - means[number[part]]
        np.einsum("ij,ij->i", difference, difference, out=apart[part])
    return np.asarray(np.bincount(number, weights=apart), dtype=float)


def _has_kernels(problem: UFM) -> bool:
    """Whether `contrastive_loss` knows the loss, of the embeddings of samples alone."""
    views = problem.loss.view_count * np.asarray(problem.class_sizes)
    loss = problem.loss
    if loss.is_supcon_of_points:
        return True
    if not (loss.has_samples and np.array_equal(problem.points, views)):
        return False
    return loss.prototypes(problem.classes, None) is None


def _by_kernels(problem: UFM, rows: Matrix, number: np.ndarray) -> Objective:
    """Return the objective of embeddings in class order without an n×n matrix."""
    views, squares = problem.loss.view_count, np.einsum("ij,ij->i", rows, rows)
    value = contrastive_loss(
        rows.reshape(-1, views, rows.shape[1]) if views > 1 else rows,
        number[::views],
        loss=problem.loss.by_class(problem.class_sizes),
        temperature=problem.temperature,
        reduction="sum",
    )
    return of_value(problem, float(value) + penalty_of(problem, squares.sum()), squares.max())


def _of_means(statistics: ClassStatistics, problem: UFM, reason: str) -> Evaluation:
    program = build_program(problem, Level.CLASSES)
    feasible, violation = make_feasible(np.array(statistics.means), problem, program.cells)
    gram = CellGram.from_matrix(feasible @ feasible.T).scaled(1 / problem.temperature)
    found, zeros = evaluated_gram(problem, program, gram), np.zeros(len(gram.own))
    return Evaluation("class means", reason, found, violation, gram, gram.own, zeros)

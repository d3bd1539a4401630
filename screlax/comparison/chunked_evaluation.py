"""The objective at all embeddings in chunks.

They are brought within the control by the tasks that read them, and loss and heights are those of
all pairs, block by block. The caller holds some numbers for each embedding: squared norms, scales,
losses.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..gram.cells import CellGram, Level
from ..problem.levels import cells_at
from ..problem.ufm import UFM
from ..samples.chunked import contrastive_loss_chunked
from ..samples.chunked_heights import heights_in_chunks
from ..samples.sources import Source, with_rows
from ..types import Matrix, Vector
from .blocks import normalized
from .objective import Evaluation, Objective, of_height, of_value, penalty_of
from .rows import ChunkedRows, Numbers


def of_chunks(source: Source, number: Numbers, problem: UFM, *, normalize: bool) -> Evaluation:
    """Evaluate the objective of all samples."""
    feasible, squares, violation = _feasible(source, number, problem, normalize)
    statistics = ChunkedRows(feasible).statistics(
        number, problem.classes, within=False, normalize=False
    )
    penalty = penalty_of(problem, float(squares.sum()))
    means, sizes, tau = statistics.means, statistics.counts, problem.temperature
    return Evaluation(
        level="samples",
        reason="all pairs of samples",
        objective=_objective(feasible, number, problem, penalty, float(squares.max())),
        violation=violation,
        gram=CellGram.from_matrix(means @ means.T).scaled(1 / tau),
        squares=np.bincount(number, weights=squares) / (tau * sizes),
        scatter=statistics.within_traces / (tau * sizes),
    )


def _objective(
    source: Source, number: Numbers, problem: UFM, penalty: float, largest: float
) -> Objective:
    """Return loss and penalty: by heights where these are known."""
    if problem.loss.is_supcon_of_points:
        heights, spread = heights_in_chunks(source, number, problem.temperature)
        return of_height(problem, float(heights.sum()) + penalty, spread, largest)
    loss = problem.loss.by_class(problem.class_sizes)
    options: dict[str, Any] = {"temperature": problem.temperature, "reduction": "sum"}
    value = contrastive_loss_chunked(source, number, loss=loss, **options)
    return of_value(problem, float(value) + penalty, largest)


def _feasible(
    source: Source, number: Numbers, problem: UFM, normalize: bool
) -> tuple[Source, Vector, float]:
    """Return embeddings as `make_feasible` would, their squared norms, and the violation."""
    squares = ChunkedRows(source).read(_Squares(normalize), number, _after, len(number))
    order, control = np.argsort(number, kind="stable"), problem.embedding_control
    cells, inverse = cells_at(problem.points, Level.SAMPLES), np.argsort(order)
    violation = max(control.violation(squares[order], cells), 0.0)
    scale = control.scale(squares[order], cells)[inverse]
    lost = np.isinf(scale)
    if lost.any():
        squares[lost] = 1.0  # a zero embedding has no direction: any is feasible
        scale = control.scale(squares[order], cells)[inverse]
    brought = with_rows(source, _Bringing(normalize), scale, lost)
    return brought, squares * scale**2, violation


class _Bringing:
    """Brings some rows within the control."""

    def __init__(self, normalize: bool) -> None:
        self._normalize = normalize

    def __call__(self, rows: Any, scale: Vector, lost: Any) -> Matrix:
        """Return rows in double precision."""
        rows = _double(rows, self._normalize)
        rows[lost, 0] = 1.0
        return np.asarray(rows * scale[:, None])


class _Squares:
    """Finds the squared norm of every row, in double precision."""

    def __init__(self, normalize: bool) -> None:
        self._normalize = normalize

    def __call__(self, rows: Any, number: Numbers, start: int) -> Vector:
        """Return them, shape (rows,)."""
        rows = _double(rows, self._normalize)
        return np.asarray(np.einsum("ij,ij->i", rows, rows))


def _double(rows: Any, normalize: bool) -> Matrix:
    """Return a copy of rows in double precision, as the comparison takes them."""
    copied = np.array(rows, dtype=np.float64)
    return normalized(copied) if normalize else copied


def _after(one: Vector, other: Vector) -> Vector:
    return np.concatenate([one, other])

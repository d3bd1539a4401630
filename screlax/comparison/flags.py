"""What a comparison has to be told of embeddings before its numbers are believed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..gram.cells import Cells
from ..problem.ufm import UFM
from ..short_repr import short_repr
from ..types import Matrix, Vector
from .blocks import blocks

_OFF = 1e-3
"""Relative amount by which squared norms may miss the control without a word."""


@short_repr
@dataclass(frozen=True)
class Flag:
    """Something that embeddings and the problem of an optimum do not agree in.

    Attributes
    ----------
    name : str
        "nonnegative", "zero rows", "dimension", "views", "temperature", "norms" or "class counts".
    sentence : str
        What was found.
    numbers : mapping of str to float
        What the sentence says in numbers.

    Examples
    --------
    >>> import screlax
    >>> solution = screlax.solve_relaxation([20, 5], screlax.Sphere(1.0))
    >>> labels = [0] * 20 + [1] * 5
    >>> flags = screlax.compare(3 * solution.prototypes()[labels], labels, solution).flags
    >>> print(flags[0].name, flags[0].numbers["largest"])
    norms 9.0
    """

    name: str
    sentence: str
    numbers: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class RowFacts:
    """What a pass over the rows tells of them.

    Attributes
    ----------
    squares : ndarray, shape (n,)
        Squared norms.
    are_nonnegative : bool
        Whether no entry is below zero.
    """

    squares: Vector
    are_nonnegative: bool


def row_facts(rows: NDArray[Any], means: Matrix, *, normalize: bool) -> RowFacts:
    """Read all rows once, in blocks; their class means say whether all can be nonnegative."""
    squares, nonnegative = np.empty(len(rows)), bool((means >= 0).all())
    for first, block in blocks(rows, slice(0, len(rows)), normalize=normalize):
        np.einsum("ij,ij->i", block, block, out=squares[first : first + len(block)])
        nonnegative = nonnegative and bool(block.min() >= 0)
    return RowFacts(squares, nonnegative)


def flags_of_rows(
    problem: UFM, counts: NDArray[np.int64], facts: RowFacts, together: int
) -> Iterator[Flag]:
    """Yield what norms, counts and views show; so many rows `together` are views of one sample."""
    yield from _of_norms(problem, facts.squares)
    yield from flags_of_zeros(facts.squares)
    yield from _of_views(problem, counts, together)
    yield from flags_of_counts(problem, counts // together)


def _of_norms(problem: UFM, squares: Vector) -> Iterator[Flag]:
    beyond = problem.embedding_control.violation(squares, Cells.of_samples(np.ones(len(squares))))
    if not beyond > _OFF:
        return
    low, high, mean = (float(of) for of in (squares.min(), squares.max(), squares.mean()))
    yield Flag(
        "norms",
        f"Squared norms are from {low:.4g} to {high:.4g}, {mean:.4g} on average, and the control "
        f"asks for {problem.control.rule}: the objective is of rescaled embeddings (normalize=True "
        "divides by the norm; or compare with the optimum of another control).",
        {"smallest": low, "largest": high, "mean": mean, "beyond": float(beyond)},
    )


def flags_of_zeros(squares: Vector) -> Iterator[Flag]:
    """Yield how many rows are zero."""
    zero = int(np.count_nonzero(squares == 0))
    if zero:
        yield Flag(
            "zero rows",
            f"{zero:,} of {len(squares):,} embeddings are zero in every entry, as a dead ReLU "
            "leaves them: they have no direction, and count as they are in the class means.",
            {"rows": zero, "share": zero / len(squares)},
        )


def flags_of_counts(problem: UFM, counts: NDArray[np.int64]) -> Iterator[Flag]:
    """Yield how counts differ from those of the problem."""
    sizes = np.asarray(problem.class_sizes)
    if any(np.array_equal(counts, known) for known in (sizes, np.asarray(problem.points))):
        return
    share, wanted = counts / counts.sum(), sizes / sizes.sum()
    away = float(np.abs(share - wanted).max())
    yield Flag(
        "class counts",
        f"The embeddings are {counts.sum():,} and the problem has {sizes.sum():,} samples, with "
        f"shares of classes that differ by up to {away:.2g}: the objective is that of the "
        "problem's counts, at class means.",
        {"embeddings": int(counts.sum()), "samples": int(sizes.sum()), "largest_difference": away},
    )


def _of_views(problem: UFM, counts: NDArray[np.int64], together: int) -> Iterator[Flag]:
    views, numbers = (
        problem.loss.view_count,
        {"given": together, "of_loss": problem.loss.view_count},
    )
    if together not in (1, views):
        yield Flag(
            "views",
            f"The embeddings have {together} views of each sample and the loss has {views}: every "
            f"view is taken as an embedding of its class. Solve for a loss with views={together} "
            "if that was trained.",
            numbers,
        )
    elif together < views and np.array_equal(counts, np.asarray(problem.class_sizes)):
        yield Flag(
            "views",
            f"The loss has {views} views of each sample and here is one embedding of each: the "
            "objective is that of the class means in the place of all views.",
            numbers,
        )

"""What a comparison has to be told of embeddings before its numbers are believed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..problem.ufm import UFM
from ..short_repr import short_repr
from .drawn_batches import why_not_drawn
from .row_facts import RowFacts
from .statistics import ClassStatistics

_OFF = 1e-3
"""Relative amount by which squared norms may miss the control without a word."""


@short_repr
@dataclass(frozen=True)
class Flag:
    """Something that embeddings and the problem of an optimum do not agree in.

    Attributes
    ----------
    name : str
        "nonnegative", "zero rows", "dimension", "views", "temperature", "norms", "class counts" or
        "chunks".
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


def flags_of_rows(
    problem: UFM, counts: NDArray[np.int64], facts: RowFacts, together: int
) -> Iterator[Flag]:
    """Yield what norms, counts and views show; so many rows `together` are views of one sample."""
    yield from _of_norms(problem, facts)
    yield from flags_of_zeros(facts)
    yield from _of_views(problem, counts, together)
    yield from flags_of_counts(problem, counts // together)


def _of_norms(problem: UFM, facts: RowFacts) -> Iterator[Flag]:
    beyond = problem.embedding_control.violation(*facts.typical)
    if not beyond > _OFF:
        return
    low, high, mean = facts.least, facts.largest, facts.mean
    yield Flag(
        "norms",
        f"Squared norms are from {low:.4g} to {high:.4g}, {mean:.4g} on average, and the control "
        f"asks for {problem.control.rule}: the objective{_and_constraints(problem)} is of rescaled "
        "embeddings (normalize divides by the norm; or compare with the optimum of another "
        "control).",
        {"smallest": low, "largest": high, "mean": mean, "beyond": float(beyond)},
    )


def _and_constraints(problem: UFM) -> str:
    return ", where constraints leave one," if problem.constraints else ""


def flags_of_zeros(facts: RowFacts) -> Iterator[Flag]:
    """Yield how many rows are zero."""
    if facts.zeros:
        yield Flag(
            "zero rows",
            f"{facts.zeros:,} of {facts.rows:,} embeddings are zero in every entry, as a dead ReLU "
            "leaves them: they have no direction, and count as they are in the class means.",
            {"rows": facts.zeros, "share": facts.zeros / facts.rows},
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


def flags_of_chunks(problem: UFM, statistics: ClassStatistics, together: int) -> Iterator[Flag]:
    """Yield what is left out of embeddings in chunks: batches drawn of them."""
    if not why_not_drawn(problem, statistics, together):
        yield Flag(
            "chunks",
            "The embeddings are in chunks, of which no batches are drawn: the expected loss is "
            "that of class means, without what differences within classes add to it.",
            {"samples": statistics.samples},
        )

"""What a comparison with a cross-entropy optimum has to be told of features and classifier."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..solution.solution import Solution
from ..types import Matrix
from .flags import Flag
from .logits_pair import LogitPair
from .logits_reader import Brought

_OFF = 1e-3
"""Relative amount by which norms may miss the control without a word."""

_UNBALANCED = 1.25
"""Factor between the costs of features and classifier from which something is said."""

_OFFSET = 0.1
"""Share of squared norms in a common offset, beyond that of the optimum, to be told of."""


def flags_of_pair(brought: Brought, solution: Solution, *, given: bool) -> Iterator[Flag]:
    """Yield what control, lengths, offset and dimension show."""
    if not given:
        yield Flag(
            "classifier",
            "No classifier was given: logits and objective are with the one that is best for the "
            "class means under this control, not that of a network.",
            {},
        )
    yield from _of_norms(brought, solution)
    if given and brought.pair.program.norm.is_penalty:
        yield from _of_balance(brought, solution)
    yield from _of_offset(brought.pair, solution)
    yield from _of_dimension(brought.pair, solution)


def _of_norms(brought: Brought, solution: Solution) -> Iterator[Flag]:
    if brought.violation > _OFF:
        yield Flag(
            "norms",
            f"Norms of features and classifier are off by up to {brought.violation:.3g} of what "
            f"{solution.problem.control} asks for: the objective is of rescaled ones.",
            {"beyond": brought.violation},
        )


def _of_balance(brought: Brought, solution: Solution) -> Iterator[Flag]:
    ratio = brought.balance
    if not 1 / _UNBALANCED <= ratio <= _UNBALANCED:
        yield Flag(
            "balance",
            f"The penalty of the features is {ratio:.3g} times that of the classifier, and at "
            "every stationary point both are equal: other decays were trained with, or not to "
            "the end.",
            {"ratio": ratio},
        )


def _of_offset(pair: LogitPair, solution: Solution) -> Iterator[Flag]:
    """Yield how much of the features' squared norm is in the mean of the class means."""
    best = solution.class_gram
    here = _share(pair.means @ pair.means.T)
    there = _share(best)
    if here > there + _OFFSET:
        yield Flag(
            "offset",
            f"The mean of the class means holds {here:.0%} of their squared norm, {there:.0%} at "
            "the optimum: features are not centred, as behind a ReLU or a layer with a bias.",
            {"share": here, "optimal_share": there},
        )


def _share(gram: Matrix) -> float:
    trace = float(np.trace(gram))
    return float(gram.sum()) / (len(gram) * trace) if trace > 0 else 0.0


def _of_dimension(pair: LogitPair, solution: Solution) -> Iterator[Flag]:
    """Yield what it costs that features have fewer dimensions than the optimum."""
    dim, rank = pair.means.shape[1], solution.rank
    if dim >= rank or solution.problem.features.are_nonnegative:
        return
    lost = solution.embeddings(dim, truncate=True).value_lost
    assert lost is not None
    cost = lost + solution.gap
    yield Flag(
        "dimension",
        f"The features have dimension {dim} and the optimum has rank {rank}: others of that "
        f"dimension, found by leaving out directions of the optimum, are proved to be within "
        f"{cost:.3g} of it ({cost / solution.value:.2g} of its value), and more dimensions gain no "
        "more than that over them.",
        {"dimension": dim, "rank": rank, "cost": cost, "relative_cost": cost / solution.value},
    )

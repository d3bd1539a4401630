"""Cross-entropy natively: zero where that is optimal, else Newton at nodes or over all orbits."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from ...errors import SolverCapabilityError
from ...gram.cells import Level
from ...gram.logits import LogitGram
from ...optional import require_memory
from ...problem.logits import LogitProgram, largest_singular_value, logit_program
from ...problem.ufm import UFM
from ...proof.logit_terms import product
from ..base import Candidate
from .biased import biased_at_nodes, biased_of_orbits
from .bound import Guess, at_norm
from .fixed_norms import fixed_norm_logits
from .orthogonal import orthogonal_logits
from .penalty import NODES, Optimum, at_nodes, of_orbits

CLOSE = 1e-10
"""Relative duality gap up to which a point interpolated from nodes is taken."""


def solve_logits(problem: UFM, level: Level, time_limit: float | None = None) -> Candidate:
    """Return logits by orbit for a problem with cross-entropy.

    A time limit in seconds is for programs of many orbits whose norms are not fixed: where it is
    reached the best logits so far are returned.

    Raises
    ------
    SolverCapabilityError
        If there is no method for it.
    """
    start = time.perf_counter()
    program = logit_program(problem)
    require_memory(8 * 40 * program.size**2, f"logits of {program.size:,} distinct class sizes")
    deadline = math.inf if time_limit is None else start + time_limit
    gram, steps, message = method_of(program, deadline)(program)
    return Candidate(gram, (), steps, message, {"solve": time.perf_counter() - start})


def method_of(
    program: LogitProgram, deadline: float = math.inf
) -> Callable[[LogitProgram], tuple[LogitGram, int, str]]:
    """Return what finds logits, steps and a message."""
    if program.is_nonnegative:
        return orthogonal_logits
    if program.has_bias and program.norm.fixes_rows:
        raise SolverCapabilityError(
            "Normalized is not solved with a bias; take CrossEntropy(bias=False)"
        )
    return (
        fixed_norm_logits if program.norm.fixes_rows else partial(solve_nuclear, deadline=deadline)
    )


def solve_nuclear(program: LogitProgram, deadline: float = math.inf) -> tuple[LogitGram, int, str]:
    """Return logits of a program with penalty or bound, Newton steps, and how they were found.

    A free bias takes up additive adjustments: their sum is what is solved for.
    """
    if program.has_bias and program.offset.any():
        gram, steps, message = solve_nuclear(replace(program, offset=0 * program.offset), deadline)
        bias = gram.bias - program.offset
        mean = program.copies @ bias / program.classes
        return replace(gram, bias=bias - mean), steps, message
    most = largest_singular_value(program, program.rows(program.zero()))
    if program.norm.is_penalty and most <= program.norm.amount:
        return program.zero(), 0, "closed form: zero"
    for found, nodes in _optima(program, most, deadline):
        gram = found.gram(program)
        if nodes == 0 or time.perf_counter() > deadline or _distance(program, gram, found) <= CLOSE:
            break
    return gram, found.steps, f"truncated Newton, {nodes} nodes" if nodes else "truncated Newton"


def _distance(program: LogitProgram, gram: LogitGram, found: Optimum) -> float:
    """Return the duality gap of logits and scaled rows, relative to the value, about."""
    rows, amount = program.rows(gram), program.norm.amount
    sigma = largest_singular_value(program, rows)
    value, inner = program.loss(gram), product(program, rows, gram)
    if not program.norm.is_penalty:
        return (amount * sigma + inner) / value
    price = amount * found.norm
    return (abs(price + inner) + max(sigma / amount - 1, 0.0) * price) / (value + price)


def _optima(program: LogitProgram, most: float, deadline: float) -> Iterator[tuple[Optimum, int]]:
    """Yield optima of ever more nodes, and how many, then that of all orbits, without a number.

    Each starts at the last.
    """
    last: Optimum | None = None
    guess: Guess | None = None
    by_orbits = biased_of_orbits if program.has_bias else partial(of_orbits, deadline=deadline)
    for nodes in NODES:
        found, guess = _at_nodes(program, most, nodes, last, guess)
        if found is not None:
            last = found
            yield found.lifted(program), len(found.rows.copies)
    if program.norm.is_penalty:
        found = by_orbits(program, program.norm.amount, last)
    else:
        solve = partial(by_orbits, program)
        found, _ = at_norm(solve, program.norm.amount, most, guess, last, deadline)
    yield found, 0


def _at_nodes(
    program: LogitProgram, most: float, nodes: int, near: Optimum | None, guess: Guess | None
) -> tuple[Optimum | None, Guess | None]:
    """Return the optimum at a rule's nodes; where the norm is bounded, of a rule for each price."""
    by_nodes = biased_at_nodes if program.has_bias else at_nodes
    if program.norm.is_penalty:
        return by_nodes(program, program.norm.amount, nodes, near), None

    def solve(weight: float, near: Optimum | None, tolerance: float) -> Optimum:
        found = by_nodes(program, weight, nodes, near, tolerance)
        if found is None:
            raise _NoRuleError
        return found

    bound = program.norm.amount
    try:
        found, guess = at_norm(solve, bound, most, guess, near)
        missing = bound - found.lifted(program).norm  # the rule's norm is not quite that of all
        return at_norm(solve, found.norm + missing, most, guess, found)
    except _NoRuleError:
        return None, guess


class _NoRuleError(Exception):
    """There are too few classes for so many nodes."""

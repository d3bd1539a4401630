"""The objective of the relaxation at given embeddings, against its certified lower bound."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import InvalidInputError, SolverFailedError
from ..proof.certificate import relative_gap
from ..short_repr import short_repr
from ..solution.solution import Solution
from .objective import Evaluation, Objective, objective_of

_MISTRUST = 1e-9
"""Relative amount by which a height may be below the optimum's before the proof is doubted."""


@short_repr
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
        gap/optimal_height: the same of the heights; of a loss whose heights are differences from
        the floor, of the optimal height less their rounding errors. Infinite where nothing above
        the floor is proved of the optimum.
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


def gap_of(evaluation: Evaluation, solution: Solution, worth: float = 0.0) -> LossGap:
    """Compare an objective with that of the optimum, which loses its proved gap.

    And what it is `worth` that constraints of the problem's own are satisfied to rounding.
    """
    floor, found, best = solution.problem.infimum, evaluation.objective, objective_of(solution)
    optimal = best.above - best.rounding - solution.certificate.gap - worth
    if best.base == floor:
        optimal = max(optimal, 0.0)  # no height is negative
    optimal = float(optimal + best.base - found.base)
    doubt = _MISTRUST * abs(best.above) + best.rounding
    how = {"level": evaluation.level, "reason": evaluation.reason}
    return gap_above(solution, found, optimal, doubt, violation=evaluation.violation, **how)


def gap_above(
    solution: Solution,
    found: Objective,
    optimal: float,
    doubt: float = 0.0,
    *,
    level: str,
    reason: str,
    violation: float,
) -> LossGap:
    """Compare an objective with a proved bound on the optimum's height above the same base.

    Below it by more than rounding errors and a `doubt`, nothing is believed.
    """
    floor = solution.problem.infimum
    if not math.isfinite(found.above):
        raise InvalidInputError(
            f"the objective at the embeddings is {found.above}: inner products over the "
            "temperature are beyond double precision; rescale the embeddings"
        )
    difference, value = float(found.above - optimal), float(found.base + found.above)
    if difference < -(doubt + found.rounding):
        raise SolverFailedError(
            f"the objective {value} is below the lower bound {solution.lower} of the "
            "solution, which therefore proves nothing; see solution.recheck()"
        )
    gap = max(difference, 0.0) + float(found.rounding)
    shares, has_height = floor >= 0, found.base == floor
    above = optimal
    if not has_height:  # by subtraction, whose rounding errors are those of the objective
        above = solution.lower - floor - float(found.rounding) if math.isfinite(floor) else 0.0
    return LossGap(
        of=str(solution.problem.loss),
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
        relative_to_height=_ratio(gap, above),
        violation=violation,
        reason=reason,
    )


def _ratio(gap: float, of: float) -> float:
    """Return gap/of, infinite where nothing is proved of it."""
    return gap / of if of > 0 else math.inf

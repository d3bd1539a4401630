"""Problems with singletons: Newton from the solution without them, then from a descent."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from ...equations.singletons import SingletonEquations, SingletonState
from ...equations.slack_vector import SlackVectorEquations
from ...gram.cells import CellGram
from ...gram.curve import SlackVectorGram
from ...problem.class_sizes import ClassSizes
from ...problem.losses.supcon import SupCon
from ...problem.program import Program
from ...problem.ufm import UFM
from ...proof.singletons import SingletonProof
from ...proof.structured import prove
from ..factored import solve_factored
from ..slack_vector.solver import solve_slack_vector
from .continuation import continued
from .newton import MAX_STEPS, SingletonRoot, singleton_newton
from .start import one_anchored_class, start_beside, start_near, start_tilted

_PROVED = 1e-9
_ROUGH = 1e-7
"""Accuracy of a descent that Newton on the singleton equations can start from."""

_TILTED_STEPS = 15
"""A tilted simplex is near the solution, after 3 to 10 steps, or not at all."""

SingletonCandidate = tuple[SingletonState | CellGram, int, str]
"""What may be optimal, the iterations to it, and the method."""


def singleton_candidates(
    problem: UFM,
    equations: SingletonEquations,
    relaxation: Callable[[], Program],
    deadline: float,
) -> Iterator[SingletonCandidate]:
    """Yield states and Gram matrices that may be optimal, cheapest first.

    Parameters
    ----------
    problem : UFM
        With singletons.
    equations : SingletonEquations
        Its equations.
    relaxation : callable
        Returns the problem at orbit level, for a descent.
    deadline : float
        Value of `time.perf_counter()` after which to stop descending.
    """
    near: SlackVectorGram | None = None
    if equations.copies.sum() > 1:
        for start, steps, limit in _starts(problem, equations):
            for root in _roots(equations, start, limit):
                yield root.state, steps + root.steps, "singleton Newton"
        far = continued(equations, lambda easier: _direct(problem, easier))
        if far is not None:
            yield far.state, far.steps, "singleton Newton, continued from small norms"
        near, _, _ = _without_singletons(problem, equations)
    elif not equations.bounded:
        yield one_anchored_class(equations), 0, "singleton Newton"
    program = relaxation()
    guess = CellGram(np.ones(program.size), np.eye(program.size))
    if near is not None:
        guess = _with_singletons_apart(near, program)
    rough, run = solve_factored(program, guess, accuracy=_ROUGH, deadline=deadline)
    with np.errstate(all="ignore"):
        start = start_near(equations, program, rough)
    for root in _roots(equations, start):
        iterations = run.iterations + root.steps
        yield root.state, iterations, "Burer–Monteiro, then singleton Newton"
    fine, final = solve_factored(program, rough, deadline=deadline)
    yield fine, run.iterations + final.iterations, f"Burer–Monteiro: {final.reason}"


def _starts(
    problem: UFM, equations: SingletonEquations
) -> Iterator[tuple[SingletonState, int, int]]:
    """Yield where to start, the steps it took to get there, and those that Newton may take."""
    if equations.bounded:
        yield start_tilted(equations), 0, _TILTED_STEPS
    gram, strength, steps = _without_singletons(problem, equations)
    if gram is not None:
        with np.errstate(all="ignore"):
            start = start_beside(equations, gram, strength)
        yield start, steps, MAX_STEPS


def _without_singletons(
    problem: UFM, equations: SingletonEquations
) -> tuple[SlackVectorGram | None, float, int]:
    """Solve for the anchored classes alone: Gram matrix, log ν_0 and Newton steps."""
    points = problem.points
    anchored = ClassSizes(points.distinct[:-1].copy(), points.multiplicities[:-1].copy())
    control, copies = equations.control, anchored.multiplicities.astype(float)
    terms = SupCon().terms(anchored)
    alone = SlackVectorEquations(terms, copies, control, np.array([control.parameter]))
    result = solve_slack_vector(alone)
    gram = prove(alone, result.state).gram(alone.copies)
    strength = float(result.state.log_strength[0]) - math.log(2) + math.log(equations.single_mass)
    return gram if gram.is_finite() else None, strength, result.steps


def _roots(
    equations: SingletonEquations, start: SingletonState, limit: int = MAX_STEPS
) -> Iterator[SingletonRoot]:
    """Yield roots near a start; where v is a possibility, also that without it."""
    root = singleton_newton(equations, start, limit)
    if root.converged:
        yield root
    if start.log_slack is not None and (root.state.log_slack is not None or not root.converged):
        for state in (root.state, start):
            other = singleton_newton(equations, state.without_slack())
            if other.converged:
                yield other
                return


def _direct(problem: UFM, equations: SingletonEquations) -> SingletonRoot | None:
    """Return the optimum under another control where a direct start leads to it."""
    for start, _, limit in _starts(problem, equations):
        for root in _roots(equations, start, limit):
            if SingletonProof(equations, root.state, problem.infimum).certificate.proves(_PROVED):
                return root
    return None


def _with_singletons_apart(gram: SlackVectorGram, relaxation: Program) -> CellGram:
    """Add the singletons at right angles to everything, with a typical norm."""
    dense, control = gram.dense(), relaxation.control
    own = np.append(dense.own, 0.0 if control.is_penalty else control.parameter)
    pair = np.diag(own)
    pair[:-1, :-1] = dense.pair
    return CellGram(own, pair)

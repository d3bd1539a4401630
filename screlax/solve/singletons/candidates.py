"""Problems with singletons: Newton from the solution without them, then from a descent."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from ...equations.singletons import SingletonEquations, SingletonState
from ...equations.slack_vector import SlackVectorEquations
from ...gram.cells import CellGram
from ...gram.curve import SlackVectorGram
from ...problem.program import Program
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
    equations: SingletonEquations,
    relaxation: Callable[[], Program],
    deadline: float,
) -> Iterator[SingletonCandidate]:
    """Yield states and Gram matrices that may be optimal, cheapest first.

    Parameters
    ----------
    equations : SingletonEquations
        Of a problem with singletons.
    relaxation : callable
        Returns the problem at orbit level, for a descent.
    deadline : float
        Value of `time.perf_counter()` after which to stop descending.
    """
    near: SlackVectorGram | None = None
    if equations.copies.sum() > 1:
        for start, steps, limit in _starts(equations):
            for root in _roots(equations, start, limit):
                yield root.state, steps + root.steps, "singleton Newton"
        far = continued(equations, _direct)
        if far is not None:
            yield far.state, far.steps, "singleton Newton, continued from small norms"
        near, _, _ = _without_singletons(equations)
    elif not equations.bounded:
        yield one_anchored_class(equations), 0, "singleton Newton"
    program = relaxation()
    guess = CellGram(np.ones(program.size), np.eye(program.size))
    if near is not None:
        guess = _with_singletons_apart(near, equations)
    rough, run = solve_factored(program, guess, accuracy=_ROUGH, deadline=deadline)
    with np.errstate(all="ignore"):
        start = start_near(equations, program, rough)
    for root in _roots(equations, start):
        iterations = run.iterations + root.steps
        yield root.state, iterations, "Burer–Monteiro, then singleton Newton"
    fine, final = solve_factored(program, rough, deadline=deadline)
    yield fine, run.iterations + final.iterations, f"Burer–Monteiro: {final.reason}"


def _starts(equations: SingletonEquations) -> Iterator[tuple[SingletonState, int, int]]:
    """Yield where to start, the steps it took to get there, and those that Newton may take."""
    if equations.bounded:
        yield start_tilted(equations), 0, _TILTED_STEPS
    gram, strength, steps = _without_singletons(equations)
    if gram is None:
        return
    try:
        with np.errstate(all="ignore"):
            start = start_beside(equations, gram, strength)
    except np.linalg.LinAlgError:
        return
    yield start, steps, MAX_STEPS


def _without_singletons(equations: SingletonEquations) -> tuple[SlackVectorGram | None, float, int]:
    """Solve for the anchored classes alone: Gram matrix, log ν_0 and Newton steps."""
    anchored = np.flatnonzero(equations.terms.anchors > 0)
    alone = SlackVectorEquations(
        equations.terms.take(anchored),
        equations.copies,
        equations.control,
        np.array([equations.control.parameter]),
    )
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


def _direct(equations: SingletonEquations) -> SingletonRoot | None:
    """Return the optimum under another control where a direct start leads to it."""
    root, is_proved = direct_root(equations)
    return root if is_proved else None


def direct_root(equations: SingletonEquations) -> tuple[SingletonRoot | None, bool]:
    """Return the first root that proves optimal, or else the first, and whether it does."""
    first = None
    for start, _, limit in _starts(equations):
        for root in _roots(equations, start, limit):
            if SingletonProof(equations, root.state).certificate.proves(_PROVED):
                return root, True
            first = first or root
    return first, False


def _with_singletons_apart(gram: SlackVectorGram, equations: SingletonEquations) -> CellGram:
    """Add the singletons at right angles to everything, with a typical norm."""
    dense, places, last = gram.dense(), equations.places, len(equations.copies)
    norm = 0.0 if equations.control.is_penalty else equations.control.parameter
    pair = np.zeros((last + 1, last + 1))
    pair[:last, :last], pair[last, last] = dense.pair, norm
    return CellGram(np.append(dense.own, norm)[places], pair[np.ix_(places, places)])

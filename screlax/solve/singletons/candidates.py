"""Problems with singleton classes: Newton from the solution without them, then from a descent."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...equations.singletons import SingletonEquations
from ...gram.curve import SlackVectorGram
from ...gram.levels import CellGram, Vector
from ...problem.class_sizes import ClassSizes
from ...problem.constraints.norms import Control, Ridge
from ...problem.program import Relaxation
from ...proof.structured import prove
from ..factored import solve_factored
from ..slack_vector.solver import equations_for, solve_slack_vector
from .newton import singleton_roots, start_beside, start_near

_ROUGH = 1e-7
"""Accuracy of a descent that Newton on the singleton equations can start from."""


def singleton_candidates(
    sizes: ClassSizes, control: Control, relaxation: Relaxation, deadline: float
) -> Iterator[tuple[CellGram, int, str]]:
    """Yield Gram matrices that may be optimal, cheapest first: matrix, iterations, method.

    Parameters
    ----------
    sizes : ClassSizes
        With singletons.
    control : Control
        At unit temperature.
    relaxation : Relaxation
        The problem at orbit level.
    deadline : float
        Value of `time.perf_counter()` after which to stop descending.
    """
    equations = SingletonEquations(sizes, control)
    near = _without_singletons(sizes, control)
    guess = CellGram(np.ones(sizes.orbits), np.eye(sizes.orbits))
    if near is not None:
        gram, strength, steps = near
        beside = _start_beside(equations, gram, strength)
        for root, more in singleton_roots(equations, beside):
            yield root, steps + more, "singleton Newton"
        guess = _with_singletons_apart(gram, control)
    rough, run = solve_factored(relaxation, guess, accuracy=_ROUGH, deadline=deadline)
    with np.errstate(all="ignore"):
        start = start_near(equations, relaxation, rough)
    for root, more in singleton_roots(equations, start):
        yield root, run.iterations + more, "Burer–Monteiro, then singleton Newton"
    fine, final = solve_factored(relaxation, rough, deadline=deadline)
    yield fine, run.iterations + final.iterations, f"Burer–Monteiro: {final.reason}"


def _start_beside(equations: SingletonEquations, gram: SlackVectorGram, strength: float) -> Vector:
    """Return the start beside the solution without singletons; NaN where that has broken down."""
    try:
        with np.errstate(all="ignore"):
            return start_beside(equations, gram, strength)
    except np.linalg.LinAlgError:
        return np.full(3 * len(equations.sizes) + 1, np.nan)


def _without_singletons(
    sizes: ClassSizes, control: Control
) -> tuple[SlackVectorGram, float, int] | None:
    """Solve for the anchored classes alone: Gram matrix, λ/2 and Newton steps."""
    if sizes.classes - sizes.singletons < 2:
        return None
    anchored = ClassSizes(sizes.distinct[:-1].copy(), sizes.multiplicities[:-1].copy())
    equations = equations_for(anchored, control)
    result = solve_slack_vector(equations)
    gram = prove(equations, result.state).gram(equations.copies)
    if not gram.is_finite():
        return None
    strength = float(np.exp(result.state.log_strength[0])) / 2
    if isinstance(control, Ridge):
        strength = control.strength / 2
    return gram, strength, result.steps


def _with_singletons_apart(gram: SlackVectorGram, control: Control) -> CellGram:
    """Add the singletons at right angles to everything, with a typical norm."""
    dense = gram.dense()
    count = len(dense.own)
    own = np.append(dense.own, control.parameter if not isinstance(control, Ridge) else 0.0)
    pair = np.zeros((count + 1, count + 1))
    pair[:-1, :-1] = dense.pair
    pair[-1, -1] = own[-1]
    return CellGram(own, pair)

"""Problems with singleton classes: Newton from the solution without them, then from a descent."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ...equations.singletons import SingletonEquations
from ...equations.slack_vector import equations_for
from ...gram.cells import CellGram
from ...gram.curve import SlackVectorGram
from ...problem.class_sizes import ClassSizes
from ...problem.constraints.norms import Control
from ...problem.program import Program
from ...proof.structured import prove
from ..factored import solve_factored
from ..slack_vector.solver import solve_slack_vector
from .continuation import continued
from .newton import Root, one_anchored_class, singleton_roots, start_beside, start_near

_ROUGH = 1e-7
"""Accuracy of a descent that Newton on the singleton equations can start from."""


def singleton_candidates(
    sizes: ClassSizes, relaxation: Program, deadline: float
) -> Iterator[tuple[CellGram, int, str]]:
    """Yield Gram matrices that may be optimal, cheapest first: matrix, iterations, method.

    Parameters
    ----------
    sizes : ClassSizes
        With singletons.
    relaxation : Program
        The problem at orbit level.
    deadline : float
        Value of `time.perf_counter()` after which to stop descending.
    """
    equations = SingletonEquations(sizes, relaxation.control)
    near = _without_singletons(sizes, relaxation.control)
    for root in _beside(equations, near):
        yield root.gram, root.steps, "singleton Newton"
    far = continued(sizes, relaxation, lambda easier: _roots(sizes, easier, deadline))
    if far is not None:
        yield far.gram, far.steps, "singleton Newton, continued from small norms"
    rough, iterations = _descended(equations, relaxation, near, deadline)
    for root in _near(equations, relaxation, rough):
        yield root.gram, iterations + root.steps, "Burer–Monteiro, then singleton Newton"
    fine, final = solve_factored(relaxation, rough, deadline=deadline)
    yield fine, iterations + final.iterations, f"Burer–Monteiro: {final.reason}"


_Near = tuple[SlackVectorGram, float, int]
"""Gram matrix of the anchored classes alone, log λ/2 and the Newton steps to it."""


def _beside(equations: SingletonEquations, near: _Near | None) -> Iterator[Root]:
    """Yield roots from the solution without singletons, or the only one there can be."""
    if equations.copies.sum() == 1 and not equations.bounded:
        unknown = one_anchored_class(equations)
        yield Root(equations.gram(equations.terms(unknown)), unknown, 0)
    if near is None:
        return
    gram, log_strength, steps = near
    try:
        with np.errstate(all="ignore"):
            start = start_beside(equations, gram, log_strength)
    except np.linalg.LinAlgError:
        return
    for root in singleton_roots(equations, start):
        yield root._replace(steps=steps + root.steps)


def _descended(
    equations: SingletonEquations, relaxation: Program, near: _Near | None, deadline: float
) -> tuple[CellGram, int]:
    """Return a rough solution by Burer–Monteiro, and its iterations."""
    guess = CellGram(np.ones(relaxation.size), np.eye(relaxation.size))
    if near is not None:
        guess = _with_singletons_apart(near[0], relaxation.control)
    rough, run = solve_factored(relaxation, guess, accuracy=_ROUGH, deadline=deadline)
    return rough, run.iterations


def _near(equations: SingletonEquations, relaxation: Program, gram: CellGram) -> Iterator[Root]:
    with np.errstate(all="ignore"):
        start = start_near(equations, relaxation, gram)
    yield from singleton_roots(equations, start)


def _roots(sizes: ClassSizes, relaxation: Program, deadline: float) -> Iterator[Root]:
    """Yield the roots found directly, without continuation."""
    equations = SingletonEquations(sizes, relaxation.control)
    near = _without_singletons(sizes, relaxation.control)
    yield from _beside(equations, near)
    rough, _ = _descended(equations, relaxation, near, deadline)
    yield from _near(equations, relaxation, rough)


def _without_singletons(sizes: ClassSizes, control: Control) -> _Near | None:
    """Solve for the anchored classes alone: Gram matrix, log λ/2 and Newton steps."""
    if sizes.classes - sizes.singletons < 2:
        return None
    anchored = ClassSizes(sizes.distinct[:-1].copy(), sizes.multiplicities[:-1].copy())
    equations = equations_for(anchored, control)
    result = solve_slack_vector(equations)
    gram = prove(equations, result.state).gram(equations.copies)
    if not gram.is_finite():
        return None
    return gram, float(result.state.log_strength[0]) - math.log(2), result.steps


def _with_singletons_apart(gram: SlackVectorGram, control: Control) -> CellGram:
    """Add the singletons at right angles to everything, with a typical norm."""
    dense = gram.dense()
    count = len(dense.own)
    own = np.append(dense.own, 0.0 if control.is_penalty else control.parameter)
    pair = np.zeros((count + 1, count + 1))
    pair[:-1, :-1] = dense.pair
    pair[-1, -1] = own[-1]
    return CellGram(own, pair)

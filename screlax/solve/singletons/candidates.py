"""Problems with singleton classes: Newton from the solution without them, then from a descent."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ...equations.singletons import SingletonEquations
from ...gram.curve import SlackVectorGram
from ...gram.levels import CellGram, Vector
from ...problem.class_sizes import ClassSizes
from ...problem.constraints.norms import Control
from ...problem.program import Relaxation
from ...proof.certificate import certify
from ...proof.structured import prove
from ..factored import solve_factored
from ..slack_vector.solver import equations_for, solve_slack_vector
from .newton import Root, newton_root, one_anchored_class, singleton_roots, start_beside, start_near

_ROUGH = 1e-7
"""Accuracy of a descent that Newton on the singleton equations can start from."""

_EASY = (8.0, 3.0, 1.0)
"""Places (ρ, or −log λ for ridge) at which a descent finds the geometry, most useful first."""

_MAX_CONTINUATION_STEPS = 60


def singleton_candidates(
    sizes: ClassSizes, relaxation: Relaxation, deadline: float
) -> Iterator[tuple[CellGram, int, str]]:
    """Yield Gram matrices that may be optimal, cheapest first: matrix, iterations, method.

    Parameters
    ----------
    sizes : ClassSizes
        With singletons.
    relaxation : Relaxation
        The problem at orbit level.
    deadline : float
        Value of `time.perf_counter()` after which to stop descending.
    """
    equations = SingletonEquations(sizes, relaxation.control)
    near = _without_singletons(sizes, relaxation.control)
    for root in _beside(equations, near):
        yield root.gram, root.steps, "singleton Newton"
    far = _continued(sizes, relaxation, deadline)
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
    equations: SingletonEquations, relaxation: Relaxation, near: _Near | None, deadline: float
) -> tuple[CellGram, int]:
    """Return a rough solution by Burer–Monteiro, and its iterations."""
    guess = CellGram(np.ones(relaxation.size), np.eye(relaxation.size))
    if near is not None:
        guess = _with_singletons_apart(near[0], relaxation.control)
    rough, run = solve_factored(relaxation, guess, accuracy=_ROUGH, deadline=deadline)
    return rough, run.iterations


def _near(equations: SingletonEquations, relaxation: Relaxation, gram: CellGram) -> Iterator[Root]:
    with np.errstate(all="ignore"):
        start = start_near(equations, relaxation, gram)
    yield from singleton_roots(equations, start)


def _continued(sizes: ClassSizes, relaxation: Relaxation, deadline: float) -> Root | None:
    """Return a root reached from smaller norms, where a descent still sees the geometry.

    Each step starts on the line through the last two roots, in ρ, or in log λ: far out, where
    margins decide, they lie on one.
    """
    control = relaxation.control
    target = _place(control)
    for easy in _EASY:
        if target < 2 * easy:
            continue
        there = replace(relaxation, control=_at_place(control, easy))
        for root in _roots(sizes, there, deadline):
            if certify(there, root.gram).certificate.proves(1e-9):
                far = _walked(sizes, control, easy, root)
                if far is not None:
                    return far
                break
    return None


def _roots(sizes: ClassSizes, relaxation: Relaxation, deadline: float) -> Iterator[Root]:
    """Yield the roots found directly, without continuation."""
    equations = SingletonEquations(sizes, relaxation.control)
    near = _without_singletons(sizes, relaxation.control)
    yield from _beside(equations, near)
    rough, _ = _descended(equations, relaxation, near, deadline)
    yield from _near(equations, relaxation, rough)


def _walked(sizes: ClassSizes, control: Control, place: float, root: Root) -> Root | None:
    """Follow a root from one place to that of the control."""
    target, stride, steps = _place(control), place / 4, root.steps
    before = last = (place, root.unknown)
    for _ in range(_MAX_CONTINUATION_STEPS):
        aim = min(target, last[0] + stride)
        equations = SingletonEquations(sizes, _at_place(control, aim))
        share = 0.0 if before is last else (aim - last[0]) / (last[0] - before[0])
        has_slack = bool(np.isfinite(last[1][0]))
        with np.errstate(all="ignore"):
            guess = last[1] + share * (last[1] - before[1])
            for form in (has_slack, not has_slack):
                found = newton_root(equations, _filled(guess, root.unknown), form)
                if found is not None:
                    break
        if found is None:
            stride /= 4
            continue
        steps += found.steps
        before, last, stride = last, (aim, found.unknown), stride * 2
        if aim == target:
            return found._replace(steps=steps)
    return None


def _filled(guess: Vector, other: Vector) -> Vector:
    """Return the guess with what it lacks (log v where it vanished) from another one."""
    return np.where(np.isfinite(guess), guess, other)


def _place(control: Control) -> float:
    """Return where a control lies on the way to large norms: ρ, or −log λ."""
    return -math.log(control.parameter) if control.is_penalty else float(control.parameter)


def _at_place(control: Control, place: float) -> Control:
    return control.with_parameter(math.exp(-place) if control.is_penalty else place)


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

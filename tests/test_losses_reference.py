"""Every loss × control × profile against an independent convex program, sample by sample.

The reference is written in cvxpy from the definitions of `every_loss`, all pairs of embeddings, and
solved by Clarabel; it shares no code with screlax. Up to twelve samples here, up to forty in
benchmarks/losses.py.
"""

from itertools import product

import numpy as np
import pytest
from every_loss import CONTROLS, MAKERS, TEMPERATURE, control_of, rows_of

from screlax import UFM, Ridge, solve_relaxation
from screlax.losses import SupCon

cvxpy = pytest.importorskip("cvxpy")
pytest.importorskip("clarabel", reason="clarabel is not installed")

PROFILES = {
    "balanced": (3, 3, 3),
    "step": (4, 4, 2, 2),
    "exponential": (6, 3, 2),
    "with singletons": (5, 3, 1, 1),
    "random": (2, 5, 1, 4),
}
CASES = list(product(MAKERS, CONTROLS, PROFILES))
FEW = {
    case
    for number, (name, kind) in enumerate(product(MAKERS, CONTROLS))
    for case in [(name, kind, list(PROFILES)[number % len(PROFILES)])]
}


def problem_of(name: str, kind: str, profile: str) -> UFM:
    sizes = PROFILES[profile]
    loss = MAKERS[name](len(sizes))
    if loss.view_count == 2:
        sizes = tuple(-(-size // 2) for size in sizes)
    control = control_of(name, kind)
    if "negatives" in name and kind == "ridge":
        above = UFM(sizes, control, TEMPERATURE, loss=loss)
        least, zero = above.bounded_threshold(), above.zero_threshold()
        control = Ridge((least + zero) / 2 if zero > 1.01 * least else 1.2 * zero)
    return UFM(sizes, control, TEMPERATURE, loss=loss)


def reference(name: str, problem: UFM) -> tuple[float, np.ndarray]:
    """Return the optimal value and the Gram matrix of all embeddings, from the definition."""
    count = np.asarray(problem.points)
    label = np.repeat(np.arange(len(count)), count)
    anchor, weight, target = rows_of(name, tuple(problem.class_sizes), label)
    size, control = len(label), problem.control
    gram = cvxpy.Variable((size, size), PSD=True)
    logits = cvxpy.vec(gram, order="C") / problem.temperature
    loss = -(anchor[:, None] * target).ravel() @ logits
    known = [np.flatnonzero(row) for row in weight]
    for terms in {len(known[i]) for i in np.flatnonzero(anchor)}:  # rows of as many at once
        rows = [i for i in np.flatnonzero(anchor) if len(known[i]) == terms]
        at = np.concatenate([i * size + known[i] for i in rows])
        entries = logits[at] + np.log(weight.ravel()[at])
        entries = cvxpy.reshape(entries, (len(rows), terms), order="C")
        loss += anchor[rows] @ cvxpy.log_sum_exp(entries, axis=1)
    bounds = {
        "ridge": [],
        "ball": [cvxpy.diag(gram) <= control.parameter],
        "sphere": [cvxpy.diag(gram) == control.parameter],
        "budget": [cvxpy.trace(gram) <= size * control.parameter],
    }[control.name]
    if control.name == "ridge":
        loss += control.parameter / 2 * cvxpy.trace(gram)
    program = cvxpy.Problem(cvxpy.Minimize(loss / anchor.sum()), bounds)
    program.solve(solver="CLARABEL")
    return float(program.value) * anchor.sum(), np.asarray(gram.value)


@pytest.mark.parametrize(
    ("name", "kind", "profile"),
    [
        pytest.param(*case, id="/".join(case), marks=() if case in FEW else pytest.mark.slow)
        for case in CASES
    ],
)
@pytest.mark.filterwarnings("ignore:Solution may be inaccurate")
def test_the_certified_interval_holds_the_reference(name, kind, profile):
    problem = problem_of(name, kind, profile)
    solution = solve_relaxation(problem)
    assert solution.relative_gap <= 1e-9
    value, gram = reference(name, problem)
    accuracy = 2e-7 * (abs(value) + problem.anchors)
    assert solution.lower - accuracy <= value <= solution.upper + accuracy
    # the sphere determines a Gram matrix: the value is that of its class means too
    label = np.repeat(np.arange(len(problem.points)), np.asarray(problem.points))
    means = np.array(
        [
            [gram[np.ix_(label == a, label == b)].mean() for b in range(problem.classes)]
            for a in range(problem.classes)
        ]
    )
    if kind == "sphere" and problem.loss.collapses:
        assert means == pytest.approx(solution.class_gram, abs=2e-2)


@pytest.mark.parametrize("kind", CONTROLS)
def test_singletons_that_something_told_apart_are_solved_as_one_orbit_is(kind):
    control = CONTROLS[kind]
    apart = UFM([5, 3, 1, 1], control, loss=SupCon(class_weights=[1, 2, 3, 4])).class_sizes
    assert list(apart.distinct) == [5, 3, 1, 1]
    found, known = (solve_relaxation(UFM(s, control, 0.5)) for s in (apart, [5, 3, 1, 1]))
    assert found.value == pytest.approx(known.value, rel=1e-9)

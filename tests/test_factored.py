"""The factored problem: derivatives and manifolds on every level, and runs that end too early."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from problems import Case, assert_optimal, cases_of, class_objective, every_case

from screlax import UFM, Ball, Budget, InaccurateWarning, Ridge, Sphere, solve_relaxation
from screlax.gram.cells import CellGram, Level
from screlax.gram.partition import Partition
from screlax.problem.levels import classes_to_orbits, lift_from_orbits
from screlax.problem.program import build_program
from screlax.proof.dense import certify
from screlax.solve.factored import CellObjective, factored_start, solve_factored
from screlax.solve.lifted import Lifted
from screlax.solve.trust_region import minimize

SIZES = (8, 8, 8, 5, 2, 2, 1, 1, 1)
CONTROLS = {"ridge": Ridge(0.4), "ball": Ball(1.3), "sphere": Sphere(2.0), "budget": Budget(0.9)}
every_control = pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS)
every_level = pytest.mark.parametrize("level", list(Level))
seeds = st.integers(0, 2**32 - 1)


def factored(control, level: Level, width: int = 6) -> Lifted:
    objective = CellObjective(build_program(UFM(SIZES, control), level), width)
    return Lifted(objective, objective.columns)


def random_step(problem: Lifted, rng: np.random.Generator) -> np.ndarray:
    """A direction in the ambient space; cells with one point have no spread u."""
    step = rng.standard_normal(problem.shape)
    step[:, : problem.columns] = problem.objective.masked(problem.rows(step))
    return problem.manifold.masked(step)


def tangent(problem: Lifted, point: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A tangent direction by the definition of each manifold."""
    step, control = random_step(problem, rng), problem.control
    if isinstance(control, Ball | Sphere):
        norms = (point**2).sum(axis=1, keepdims=True)
        return step - point * ((step * point).sum(axis=1, keepdims=True) / norms)
    if isinstance(control, Budget):
        return step - point * (np.vdot(step, point) / np.vdot(point, point))
    return step


def good_point(problem: Lifted, seed: int) -> tuple[np.ndarray, np.random.Generator]:
    """A point of generic position on the manifold."""
    rng = np.random.default_rng(seed)
    return problem.retract(np.zeros((1, 1)), random_step(problem, rng)), rng


def separate(cells: int) -> CellGram:
    """The Gram matrix of orthogonal classes, an uninformed start."""
    return CellGram(np.ones(cells), np.eye(cells))


def gram_of(problem: Lifted, point: np.ndarray) -> CellGram:
    return problem.objective.gram(problem.rows(point))


# ----------------------------------------------------------------- what a point stands for


def points_gram(problem: Lifted, point: np.ndarray) -> np.ndarray:
    """Gram matrix of all samples, or of all classes."""
    gram, level = gram_of(problem, point), problem.objective.relaxation.level
    if level is Level.INSTANCES:
        return Partition(np.repeat(np.arange(len(SIZES)), SIZES), collapse=False).lift(gram)
    if level is not Level.ORBITS:
        return gram.pair
    return classes_to_orbits(UFM(SIZES, Ridge(1.0)).class_sizes).lift(gram)


@every_level
@every_control
def test_every_point_is_a_feasible_gram_matrix(control, level):
    problem = factored(control, level)
    for seed in range(20):
        point, _ = good_point(problem, seed)
        gram = points_gram(problem, point)
        assert np.linalg.eigvalsh(gram)[0] >= -1e-12 * np.abs(gram).max()
        norms = np.diagonal(gram)
        if isinstance(control, Sphere):
            assert norms == pytest.approx(np.full(len(norms), control.parameter))
        elif isinstance(control, Ball):
            assert norms.max() <= control.parameter * (1 + 1e-12)
            assert norms.min() < 0.99 * control.parameter
        elif isinstance(control, Budget):
            mass = np.ones(len(norms)) if len(norms) == sum(SIZES) else np.array(SIZES)
            slack = point[0, -1] ** 2
            assert mass @ norms + slack == pytest.approx(sum(SIZES) * control.parameter)
            assert slack > 0


@pytest.mark.parametrize("level", [Level.ORBITS, Level.CLASSES])
@every_control
def test_the_value_is_that_of_the_class_program(control, level):
    problem = factored(control, level)
    point, _ = good_point(problem, 1)
    case = Case("", SIZES, control, 1.0, math.nan)
    expected = class_objective(case, points_gram(problem, point))
    assert problem.value(point) == pytest.approx(expected, rel=1e-12)


@every_level
@every_control
def test_start_is_near_the_gram_matrix_given(control, level):
    problem = factored(control, level, width=sum(SIZES))
    point, _ = good_point(problem, 2)
    gram = gram_of(problem, point)
    again = gram_of(problem, factored_start(problem, gram))
    scale = np.abs(gram.pair).max()
    assert np.abs(again.pair - gram.pair).max() <= 0.1 * scale
    assert np.abs(again.own - gram.own).max() <= 0.1 * scale


# ----------------------------------------------------------------- derivatives


def slope(steps: np.ndarray, errors: np.ndarray) -> float:
    return float(np.polyfit(np.log(steps), np.log(np.abs(errors)), 1)[0])


@every_level
@every_control
def test_taylor_slopes_of_gradient_and_hessian(control, level):
    problem = factored(control, level)
    point, rng = good_point(problem, 3)
    model = problem.local_model(point)
    direction = tangent(problem, point, rng)
    gradient = float(np.vdot(problem.gradient(model), direction))
    curvature = float(np.vdot(problem.hessian(model, direction), direction))
    steps = np.geomspace(1e-4, 1e-2, 7)
    rise = np.array([problem.value(problem.retract(point, t * direction)) for t in steps])
    rise -= problem.value(point)
    exact = np.array([problem.change(model, problem.retract(point, t * direction)) for t in steps])
    assert np.abs(rise - exact).max() <= 1e-11 * problem.value(point)
    assert slope(steps, exact - steps * gradient) == pytest.approx(2, abs=0.05)
    assert slope(steps, exact - steps * gradient - steps**2 / 2 * curvature) >= 2.9


@every_level
@every_control
def test_the_hessian_is_symmetric_and_stays_in_the_tangent_space(control, level):
    problem = factored(control, level)
    point, rng = good_point(problem, 4)
    model = problem.local_model(point)
    first, second = (tangent(problem, point, rng) for _ in range(2))
    across, back = problem.hessian(model, first), problem.hessian(model, second)
    assert np.vdot(across, second) == pytest.approx(np.vdot(first, back), rel=1e-10)
    for vector in (across, problem.gradient(model)):
        inside = (vector * point).sum(axis=1)
        if isinstance(control, Ball | Sphere):
            assert np.abs(inside).max() <= 1e-10 * np.abs(vector).max() * np.abs(point).max()
        elif isinstance(control, Budget):
            assert abs(inside.sum()) <= 1e-10 * np.abs(vector).max() * np.abs(point).max()
        np.testing.assert_array_equal(
            problem.objective.masked(problem.rows(vector)), problem.rows(vector)
        )


@given(st.sampled_from(sorted(CONTROLS)), st.sampled_from(list(Level)), seeds, st.floats(-3, 1.5))
def test_change_equals_the_difference_of_values(name, level, seed, exponent):
    problem = factored(CONTROLS[name], level)
    point, rng = good_point(problem, seed)
    other = problem.retract(point, 10**exponent * random_step(problem, rng))
    before, after = problem.value(point), problem.value(other)
    change = problem.change(problem.local_model(point), other)
    assert abs(change - (after - before)) <= 1e-12 * (before + after)


@every_control
def test_tiny_changes_keep_their_digits(control):
    """A step of 1e-12 changes the value in proportion to eight digits, far below its rounding."""
    problem = factored(control, Level.ORBITS)
    point, rng = good_point(problem, 5)
    model = problem.local_model(point)
    moved = point + 2.0**-40 * tangent(problem, point, rng)
    linear = float(np.vdot(model.euclidean, moved - point))
    assert abs(linear) <= 1e-11 * problem.value(point)
    assert problem.change(model, moved) == pytest.approx(linear, rel=1e-8, abs=0)


# ----------------------------------------------------------------- runs


@every_case(cases_of("step", "one-singleton", "unsorted", "one-anchored"))
def test_descents_from_an_uninformed_start_reach_a_gap_of_1e_10(case):
    solution = solve_relaxation(case.problem, solver="burer-monteiro")
    assert solution.relative_gap <= 1e-10
    assert solution.status == "optimal"
    assert_optimal(case, solution.class_gram)


@every_level
@every_control
def test_the_seed_does_not_matter(control, level):
    relaxation = build_program(UFM(SIZES, control), level)
    start = separate(relaxation.size)
    grams = [solve_factored(relaxation, start, seed=seed)[0] for seed in (1, 2)]
    assert np.abs(grams[0].pair - grams[1].pair).max() <= 1e-6
    for gram in grams:
        certificate = certify(relaxation, gram).certificate
        assert abs(certificate.relative_gap) <= 1e-10


@every_level
@every_control
def test_a_start_at_the_optimum_stays_there(control, level):
    problem = UFM(SIZES, control)
    best = solve_relaxation(problem)
    relaxation = build_program(problem, level)
    start = lift_from_orbits(problem.class_sizes, level, best.orbit_gram)
    gram, _ = solve_factored(relaxation, start)
    assert relaxation.value(gram) == pytest.approx(best.value, rel=1e-11)


@pytest.mark.parametrize("limit", [1, 2])
@every_level
@every_control
def test_truncated_runs_are_never_optimal(control, level, limit):
    problem = factored(control, level, width=sum(SIZES))
    relaxation = problem.objective.relaxation
    start = factored_start(problem, separate(relaxation.size))
    result = minimize(problem, start, gradient_tolerance=0.0, max_iterations=limit)
    assert result.iterations == limit
    assert result.reason == "iteration limit"
    certificate = certify(relaxation, gram_of(problem, result.point)).certificate
    assert not certificate.proves(1e-9)
    optimum = solve_relaxation(UFM(SIZES, control)).value
    assert certificate.lower <= optimum * (1 + 1e-10)
    assert certificate.upper >= optimum * (1 - 1e-10)


@every_control
def test_every_step_lowers_the_value(control):
    problem = factored(control, Level.ORBITS)
    start = factored_start(problem, separate(4))
    values = [problem.value(start)]
    for limit in range(1, 8):
        result = minimize(problem, start, gradient_tolerance=0.0, max_iterations=limit)
        values.append(problem.value(result.point))
    assert all(b <= a * (1 + 1e-14) for a, b in itertools.pairwise(values))
    assert values[-1] < values[0]


def test_limits_on_products_and_time_end_a_run():
    problem = factored(Ridge(0.4), Level.ORBITS)
    start = factored_start(problem, separate(4))
    few = minimize(problem, start, gradient_tolerance=0.0, max_products=1)
    assert few.reason == "product limit"
    late = minimize(problem, start, gradient_tolerance=0.0, deadline=0.0)
    assert late.reason == "time limit"
    assert late.iterations == 0
    there = minimize(problem, start, gradient_tolerance=math.inf)
    assert there.reason == "gradient small"


@every_control
def test_no_time_is_a_warning_and_not_optimal(control):
    with pytest.warns(InaccurateWarning, match=r"burer-monteiro.*time limit"):
        solution = solve_relaxation(
            SIZES, control=control, solver="burer-monteiro", time_limit=1e-9
        )
    assert solution.status == "inaccurate"


def test_change_survives_a_collapse_of_the_softmax():
    problem = factored(Ridge(0.1), Level.SAMPLES)
    point = 30 * random_step(problem, np.random.default_rng(2))
    other = -point[::-1].copy()
    difference = problem.value(other) - problem.value(point)
    assert problem.change(problem.local_model(point), other) == pytest.approx(difference, rel=1e-9)

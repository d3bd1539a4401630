"""Formulas of section 3 against a solver, the optimality conditions, and each other."""

import math

import numpy as np
import pytest
from problems import CASE, Case, assert_optimal, class_objective, every_case

from screlax import UFM, Ball, Budget, Ridge, Sphere, solve_relaxation
from screlax.errors import InvalidInputError

BALANCED = [case for case in CASE.values() if case.name.startswith("balanced")]
SHAPES = [(2, 3), (2, 50), (3, 3), (7, 3), (10, 5), (100, 20)]
every_shape = pytest.mark.parametrize(("k", "s"), SHAPES)
every_level = pytest.mark.parametrize("level", ["samples", "classes", "orbits"])


def simplex(k: int, norm: float) -> np.ndarray:
    return norm * (k * np.eye(k) - 1) / (k - 1)


@every_level
@every_case(BALANCED)
def test_balanced_formula_satisfies_the_optimality_conditions(case, level):
    solution = solve_relaxation(case.problem, solver="closed-form", level=level)
    assert_optimal(case, solution.class_gram, accuracy=1e-10)
    assert solution.relative_gap <= 1e-13
    assert solution.value == pytest.approx(case.optimum, rel=1e-11)
    assert (solution.solver, solution.level) == ("closed-form", level)


@every_case(BALANCED)
def test_balanced_formula_is_what_clarabel_finds(case):
    formula = solve_relaxation(case.problem, solver="closed-form").class_gram
    solved = solve_relaxation(case.problem, solver="Clarabel", level="classes", tol=1e-9)
    assert solved.class_gram == pytest.approx(formula, abs=1e-4)


@every_shape
@pytest.mark.parametrize("control", [Ball(1.5), Sphere(1.5), Budget(1.5)])
def test_bounded_balanced_problems_have_a_simplex_of_full_norm(k, s, control):
    solution = solve_relaxation([s] * k, control=control, temperature=0.4)
    assert solution.class_gram == pytest.approx(simplex(k, 1.5), rel=1e-13)
    assert solution.relative_gap <= 1e-13
    assert solution.rank == k - 1


@every_shape
@pytest.mark.parametrize("strength", [0.5, 1e-3, 1e-9])
@pytest.mark.parametrize("temperature", [0.1, 1.0, 3.0])
def test_balanced_ridge_norm_is_the_formula(k, s, strength, temperature):
    miss = strength * temperature * (k - 1) / (2 * k)
    norm = temperature * (k - 1) / k * math.log((1 - miss) / miss * (k - 1) * s / (s - 1))
    assert norm > 0
    solution = solve_relaxation([s] * k, control=Ridge(strength), temperature=temperature)
    assert solution.class_gram == pytest.approx(simplex(k, norm), rel=1e-12)
    assert solution.relative_gap <= 1e-13
    case = Case("", (s,) * k, Ridge(strength), temperature, solution.value)
    assert class_objective(case, solution.class_gram) == pytest.approx(solution.value, rel=1e-12)


@pytest.mark.parametrize(
    ("k", "strength", "temperature"), [(2, 1e-3, 0.1), (2, 1e-9, 0.1), (7, 1e-9, 1.0)]
)
def test_balanced_pairs_of_samples_are_certified_as_well(k, strength, temperature):
    solution = solve_relaxation([2] * k, control=Ridge(strength), temperature=temperature)
    assert solution.relative_gap <= 1e-13


PROFILES = [[4, 4, 4], [50, 3], [9, 7, 5, 4], [5, 3, 1, 1], [5, 1], [4, 1, 1, 1]]


@every_level
@pytest.mark.parametrize("sizes", PROFILES)
@pytest.mark.parametrize("temperature", [0.3, 1.0])
def test_solution_is_exactly_zero_at_and_above_the_threshold(sizes, level, temperature):
    threshold = UFM(sizes, Ridge(1.0), temperature).zero_threshold()
    for strength in (threshold, threshold * (1 + 1e-9), 10 * threshold):
        control = Ridge(strength)
        solution = solve_relaxation(sizes, control=control, temperature=temperature, level=level)
        assert not solution.class_gram.any()
        assert solution.relative_gap <= 1e-13
        assert solution.rank == 0
        anchors = sum(size for size in sizes if size > 1)
        assert solution.value == pytest.approx(anchors * math.log(sum(sizes) - 1), rel=1e-14)


@pytest.mark.parametrize("sizes", PROFILES)
def test_solution_is_not_zero_just_below_the_threshold(sizes):
    threshold = UFM(sizes, Ridge(1.0)).zero_threshold()
    problem = UFM(sizes, Ridge(0.9 * threshold))
    zero_value = problem.anchors * math.log(problem.samples - 1)
    solution = solve_relaxation(problem, solver="Clarabel", level="classes", tol=1e-9)
    assert solution.upper < zero_value * (1 - 1e-5)
    assert np.diagonal(solution.class_gram).max() > 1e-2
    barely = UFM(sizes, Ridge(threshold * (1 - 1e-6)))
    assert not barely.is_zero_optimal()


def test_balanced_formula_shrinks_to_zero_at_the_threshold():
    """Continuous in λ: the two formulas meet."""
    threshold = UFM([4, 4, 4], Ridge(1.0)).zero_threshold()
    solution = solve_relaxation([4, 4, 4], control=Ridge(threshold * (1 - 1e-9)))
    assert 0 < solution.class_gram[0, 0] < 1e-7
    assert solution.relative_gap <= 1e-13


@pytest.mark.parametrize("sizes", [[4, 3, 2], [4, 4, 1]])
@pytest.mark.parametrize("control", [Ridge(0.1), Ball(1.0), Sphere(1.0), Budget(1.0)])
def test_no_formula_is_an_error_with_the_reason(sizes, control):
    with pytest.raises(InvalidInputError, match="'closed-form' cannot take this problem: only"):
        solve_relaxation(sizes, control=control, solver="closed-form")


@pytest.mark.parametrize("problem", [UFM([4, 4], Sphere(1.0)), UFM([4, 3], Ridge(100.0))])
def test_auto_prefers_the_formula(problem):
    solution = solve_relaxation(problem)
    assert solution.solver == "closed-form"
    assert solution.solver_reason == "the problem has a closed form"
    assert solution.iterations == 0


@pytest.mark.parametrize("temperature", [0.05, 0.001])
def test_balanced_pairs_of_samples_at_low_temperature(temperature):
    solution = solve_relaxation([2, 2], control=Sphere(1.0), temperature=temperature)
    assert solution.status == "optimal"


def test_samples_that_do_not_fit_are_refused_before_they_are_listed():
    with pytest.raises(InvalidInputError, match="GB"):
        solve_relaxation([10**7, 10**7], control=Sphere(1.0), level="samples")

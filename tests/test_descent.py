"""Burer–Monteiro and the singleton equations: derivatives, manifolds, honest endings."""

from __future__ import annotations

import numpy as np
import pytest

from screlax import UFM, Ball, Budget, ClassSizes, Ridge, Sphere
from screlax.equations.singletons import SingletonEquations
from screlax.gram.levels import CellGram, Level
from screlax.problem.program import build_relaxation
from screlax.proof.certificate import certify
from screlax.solve.factored import BurerMonteiro, solve_burer_monteiro
from screlax.solve.trust_region import minimize

CONTROLS = [Ridge(0.1), Sphere(2.0), Ball(2.0), Budget(2.0)]
every_control = pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
every_level = pytest.mark.parametrize("level", list(Level))
SIZES = [9, 9, 5, 3, 3, 3, 1, 1]


def factored(control, level):
    relaxation = build_relaxation(UFM(SIZES, control), level)
    return BurerMonteiro(relaxation, width=4)


def random_matrix(problem: BurerMonteiro, rng: np.random.Generator) -> np.ndarray:
    """Return a random matrix of the right shape: no spread where a cell has one point."""
    relaxation = problem.relaxation
    matrix = rng.normal(size=(relaxation.size, problem.columns))
    matrix[relaxation.points == 1, problem.width] = 0.0
    return matrix


@every_level
@every_control
def test_gradient_and_hessian_by_taylor_slopes(control, level):
    problem, rng = factored(control, level), np.random.default_rng(0)
    point = problem.retract(random_matrix(problem, rng), 0.0)
    model = problem.local_model(point)
    direction = problem._project(point, random_matrix(problem, rng))
    slope = np.vdot(problem.gradient(model), direction)
    curvature = np.vdot(direction, problem.hessian(model, direction))
    steps = np.array([1e-2, 1e-3])
    rise = [problem.change(model, problem.retract(point, t * direction)) for t in steps]
    first = np.abs(rise - steps * slope)
    second = np.abs(rise - steps * slope - steps**2 * curvature / 2)
    assert np.log10(first[0] / first[1]) == pytest.approx(2, abs=0.1)
    assert np.log10(second[0] / second[1]) == pytest.approx(3, abs=0.2)


@every_control
def test_change_equals_the_difference_of_values(control):
    problem, rng = factored(control, Level.ORBITS), np.random.default_rng(1)
    point = problem.retract(random_matrix(problem, rng), 0.0)
    other = problem.retract(point, 0.3 * random_matrix(problem, rng))
    difference = problem.value(other) - problem.value(point)
    change = problem.change(problem.local_model(point), other)
    assert change == pytest.approx(difference, rel=1e-10)


def test_change_survives_a_collapse_of_the_softmax():
    problem, rng = factored(Ridge(0.1), Level.SAMPLES), np.random.default_rng(2)
    point = 30 * random_matrix(problem, rng)
    other = -point[::-1].copy()
    difference = problem.value(other) - problem.value(point)
    change = problem.change(problem.local_model(point), other)
    assert change == pytest.approx(difference, rel=1e-9)


@every_control
def test_retraction_satisfies_the_control(control):
    problem, rng = factored(control, Level.ORBITS), np.random.default_rng(3)
    point = problem.retract(random_matrix(problem, rng), random_matrix(problem, rng))
    gram, relaxation = problem.gram(point), problem.relaxation
    if isinstance(control, Sphere):
        np.testing.assert_allclose(gram.own, control.parameter)
    elif isinstance(control, Ball):
        assert (gram.own <= control.parameter * (1 + 1e-12)).all()
    elif isinstance(control, Budget):
        total = relaxation.samples * control.parameter
        assert relaxation.trace(gram) == pytest.approx(total)


@every_level
@every_control
def test_descent_ends_at_the_optimum_on_every_level(control, level):
    relaxation = build_relaxation(UFM(SIZES, control), level)
    start = CellGram(np.ones(relaxation.size), np.eye(relaxation.size))
    gram, run = solve_burer_monteiro(relaxation, start)
    assert abs(certify(relaxation, gram).certificate.relative_gap) <= 1e-10
    assert run.products > 0


def test_truncated_descent_is_not_optimal():
    problem = factored(Ridge(0.1), Level.ORBITS)
    start = problem.start(CellGram(np.ones(4), np.eye(4)), np.random.default_rng(0))
    run = minimize(problem, start, gradient_tolerance=0.0, max_iterations=2)
    assert run.reason == "iteration limit"
    certificate = certify(problem.relaxation, problem.gram(run.point)).certificate
    assert not certificate.proves(1e-9)


@every_control
def test_singleton_jacobian_against_differences(control):
    equations = SingletonEquations(ClassSizes.from_counts([20, 20, 9, 5, 1, 1, 1]), control)
    rng, m = np.random.default_rng(4), 3
    unknown = 0.3 * rng.normal(size=3 * m + 1)
    unknown += np.repeat([0.0, 4.0, -1.0, -2.0], [m, m, m, 1])
    terms = equations.terms(unknown)
    total = equations.copies @ terms.slack

    def scaled(point):
        moved = equations.terms(point)
        residual = equations.residual(moved)
        residual[m : 2 * m] *= (equations.copies @ moved.slack) / total  # 1/V is held fixed
        return residual

    step = 1e-6
    columns = [
        (scaled(unknown + step * e) - scaled(unknown - step * e)) / (2 * step)
        for e in np.eye(3 * m + 1)
    ]
    np.testing.assert_allclose(equations.jacobian(terms), np.array(columns).T, atol=1e-7)

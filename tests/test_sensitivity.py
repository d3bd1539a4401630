"""Derivatives by the implicit function theorem against central differences."""

import numpy as np
import pytest

from screlax import UFM, Ball, Budget, Ridge, Sphere, solve_relaxation
from screlax.equations.slack_vector import SlackVectorEquations
from screlax.errors import ProblemTooLargeError
from screlax.problem.losses.class_rows import ClassTerms
from screlax.proof.structured import prove
from screlax.solve.slack_vector.solver import solve_slack_vector

SIZES, COPIES = np.array([50.0, 20.0, 9.0, 4.0]), np.array([1.0, 3.0, 1.0, 2.0])
TEMPERATURE, STEP = 0.6, 1e-5
CONTROLS = [Ridge(0.2), Sphere(1.5), Ball(1.5), Budget(1.2)]
every_control = pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)


def solved(sizes, control, temperature):
    """Solve for real-valued sizes: value, squared norms and inner products."""
    unit = control.at_unit_temperature(temperature)
    terms = ClassTerms(sizes, sizes - 1, sizes, sizes)
    equations = SlackVectorEquations(terms, COPIES, unit, np.array([unit.parameter]))
    result = solve_slack_vector(equations)
    assert result.converged.all()
    proof = prove(equations, result.state)
    gram = proof.gram(COPIES).scaled(temperature)
    return proof.upper[0], gram.own, gram.pair


def slopes(at):
    """Return the central differences of a function that returns several arrays."""
    return [(up - down) / (2 * STEP) for up, down in zip(at(STEP), at(-STEP), strict=True)]


def sensitivity(control):
    counts = np.repeat(SIZES, COPIES.astype(int))
    problem = UFM(counts, control, TEMPERATURE)
    return solve_relaxation(problem, solver="slack-vector").sensitivity()


@every_control
def test_derivatives_by_the_parameter(control):
    found = sensitivity(control)
    value, own, pair = slopes(
        lambda h: solved(SIZES, control.with_parameter(control.parameter + h), TEMPERATURE)
    )
    assert found.value_by_parameter == pytest.approx(value, rel=1e-7)
    np.testing.assert_allclose(found.own_by_parameter, own, atol=1e-7)
    np.testing.assert_allclose(found.pair_by_parameter, pair, atol=1e-7)


@every_control
def test_derivatives_by_the_temperature(control):
    found = sensitivity(control)
    value, own, pair = slopes(lambda h: solved(SIZES, control, TEMPERATURE + h))
    assert found.value_by_temperature == pytest.approx(value, rel=1e-7)
    np.testing.assert_allclose(found.own_by_temperature, own, atol=1e-7)
    np.testing.assert_allclose(found.pair_by_temperature, pair, atol=1e-7)


@every_control
@pytest.mark.parametrize("orbit", range(4))
def test_derivatives_by_class_sizes(control, orbit):
    found = sensitivity(control)
    grown = np.eye(4)[orbit]
    value, own, pair = slopes(lambda h: solved(SIZES + h * grown, control, TEMPERATURE))
    assert COPIES[orbit] * found.value_by_size[orbit] == pytest.approx(value, rel=1e-7)
    np.testing.assert_allclose(found.own_by_size[:, orbit], own, atol=1e-7)
    np.testing.assert_allclose(found.pair_by_size(orbit), pair, atol=1e-7)


def test_value_by_size_predicts_one_more_sample():
    counts = np.array([4000, 1500, 600, 250, 90])
    control = Ridge(0.05)
    before = solve_relaxation(counts, control=control)
    more = solve_relaxation(counts + np.array([0, 0, 1, 0, 0]), control=control)
    slope = before.sensitivity().value_by_size[2]
    assert more.value - before.value == pytest.approx(slope, rel=1e-3)


def test_derivatives_by_too_many_sizes_are_refused():
    sizes = np.arange(2, 4000)
    problem = UFM.from_pairs(sizes, np.ones_like(sizes), Ridge(0.01))
    with pytest.raises(ProblemTooLargeError, match="3,998"):
        solve_relaxation(problem).sensitivity()

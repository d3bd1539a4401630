"""The relaxation as a cvxpy problem: the same optimum at every level, in the units of G."""

import cvxpy
import numpy as np
import pytest

import screlax
from screlax import UFM, Ball, Budget, Ridge, Sphere
from screlax.errors import InvalidInputError

CONTROLS = [Ridge(0.3), Ball(1.5), Sphere(2.0), Budget(0.8)]


@pytest.mark.parametrize("level", ["samples", "classes", "orbits"])
@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_value_variable_and_certificate_are_those_of_the_problem(control, level):
    problem = UFM([4, 2, 2, 1], control, 0.7)
    program, solution = screlax.cvxpy_program(problem, level), screlax.solve_relaxation(problem)
    program.problem.solve(solver="CLARABEL")
    assert program.problem.value == pytest.approx(solution.value, rel=1e-6)
    certificate = program.certify()
    assert certificate.level == level
    assert certificate.lower <= solution.upper
    assert certificate.upper >= solution.lower
    assert certificate.proves(1e-5)
    if level == "classes":
        np.testing.assert_allclose(program.gram.value, solution.class_gram, atol=2e-3)


def test_a_constraint_of_ones_own_can_be_added():
    problem = UFM([6, 3, 3], Sphere(1.0), 0.5)
    program = screlax.cvxpy_program(problem)
    added = [program.gram[0, 1] == 0.0]
    changed = cvxpy.Problem(program.problem.objective, program.problem.constraints + added)
    value = changed.solve(solver="CLARABEL")
    assert program.gram.value[0, 1] == pytest.approx(0.0, abs=1e-7)
    assert value > screlax.solve_relaxation(problem).value * 1.001
    assert program.certify().upper == pytest.approx(value, rel=1e-5)


def test_nothing_is_certified_before_it_is_solved():
    program = screlax.cvxpy_program(UFM([6, 3], Sphere(1.0)))
    with pytest.raises(InvalidInputError, match="call program"):
        program.certify()


def test_levels_are_named():
    with pytest.raises(InvalidInputError, match="level must be"):
        screlax.cvxpy_program(UFM([6, 3], Sphere(1.0)), "blocks")

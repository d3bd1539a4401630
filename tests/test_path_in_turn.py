"""Paths by a solver that is named: the same optima, each certified, SCS from its last point."""

import json
import warnings

import numpy as np
import pytest

from screlax import (
    UFM,
    Ball,
    Budget,
    InaccurateWarning,
    Ridge,
    Sphere,
    regularization_path,
    solve_relaxation,
)
from screlax.cli import main
from screlax.errors import InvalidInputError, SolverUnavailableError
from screlax.solve.solve import silent_solution

SIZES = (90, 40, 12, 12, 5)
PROBLEM = UFM(SIZES, Ridge(0.1), 0.8)
WANTED = [0.15, 0.17, 0.2, 0.16, 0.18]


def iterations(path) -> int:
    return sum(point.iterations for point in path)


@pytest.mark.parametrize("solver", ["SCS", "Clarabel", "burer-monteiro"])
@pytest.mark.parametrize("control", [Ridge(0.2), Ball(1.4), Sphere(1.1), Budget(0.9)], ids=str)
def test_every_point_is_certified_by_us_and_agrees_with_the_native_one(control, solver):
    problem, wanted = UFM(SIZES, control, 0.8), control.parameter * np.array([1.0, 0.4, 2.0])
    path = regularization_path(problem, wanted, solver=solver, tol=1e-5)
    native = regularization_path(problem, wanted)
    assert [point.problem for point in path] == [point.problem for point in native]
    for point, known in zip(path, native, strict=True):
        assert point.status == "optimal"
        assert point.solver.lower() == solver.lower()
        assert point.lower <= known.upper
        assert known.lower <= point.upper <= known.upper + 1.1e-5 * 2 * abs(known.upper)
        assert point.recheck().proves(1e-5)


def test_a_temperature_path_starts_from_the_last_temperature():
    path = regularization_path(PROBLEM, temperatures=[0.5, 0.6, 0.7], solver="SCS")
    cold = regularization_path(
        PROBLEM, temperatures=[0.5, 0.6, 0.7], solver="SCS", warm_start=False
    )
    assert [point.problem.temperature for point in path] == [0.5, 0.6, 0.7]
    assert path[2].iterations == cold[2].iterations  # the highest is the first
    assert path[0].iterations < cold[0].iterations


def test_a_start_from_the_last_point_saves_iterations():
    warm = regularization_path(PROBLEM, WANTED, solver="SCS")
    cold = regularization_path(PROBLEM, WANTED, solver="SCS", warm_start=False)
    assert all(point.status == "optimal" for point in warm + cold)
    assert [point.iterations for point in cold] == [
        solve_relaxation(point.problem, solver="SCS").iterations for point in cold
    ]
    assert iterations(warm) < 0.7 * iterations(cold)
    for first, second in zip(warm, cold, strict=True):
        assert first.lower <= second.upper
        assert second.lower <= first.upper


def test_a_point_again_takes_hardly_any_iterations():
    first, again = regularization_path(PROBLEM, [0.1, 0.1], solver="SCS")
    assert 4 * again.iterations < first.iterations
    assert again.status == "optimal"


def test_a_start_of_another_shape_or_with_nan_is_not_taken():
    alone = silent_solution(PROBLEM, solver="SCS")
    memory = {}
    silent_solution(UFM((9, 5), Ridge(0.1)), solver="SCS", memory=memory)
    assert silent_solution(PROBLEM, solver="SCS", memory=memory).iterations == alone.iterations
    assert silent_solution(PROBLEM, solver="SCS", memory=memory).iterations < alone.iterations
    memory["dual"]["y"][0] = np.nan
    assert silent_solution(PROBLEM, solver="SCS", memory=memory).iterations == alone.iterations


def test_the_form_decides_whose_start_it_is():
    memory = {}
    silent_solution(PROBLEM, solver="SCS", memory=memory)
    assert list(memory) == ["dual"]
    silent_solution(UFM(SIZES, Sphere(1.0), features="nonnegative"), solver="SCS", memory=memory)
    assert list(memory) == ["dual", "primal"]


def test_an_interior_point_method_leaves_nothing():
    memory = {}
    silent_solution(PROBLEM, solver="Clarabel", memory=memory)
    assert memory == {}


def test_options_reach_the_solver_and_every_inaccurate_point_warns():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        path = regularization_path(PROBLEM, [0.2, 0.1], solver="SCS", max_iters=7)
    assert [point.iterations for point in path] == [7, 7]
    assert [warning.category for warning in caught] == [InaccurateWarning] * 2


def test_the_tolerance_is_that_of_the_solver():
    (point,) = regularization_path(PROBLEM, [0.2], solver="Clarabel")
    assert point.tol == 1e-6
    (point,) = regularization_path(PROBLEM, [0.2])
    assert point.tol == 1e-9


def test_the_native_method_takes_no_options():
    with pytest.raises(InvalidInputError, match=r"takes no options of its own.*max_iters"):
        regularization_path(PROBLEM, [0.2], max_iters=7)


def test_an_unknown_solver_is_named():
    with pytest.raises(SolverUnavailableError, match="'banana' is unknown"):
        regularization_path(PROBLEM, [0.2], solver="banana")


def test_the_command_line_names_a_solver(capsys):
    arguments = ["path", "--profile", "exponential:5,90,5", "--ridge", "1", "--values", "0.2,0.1"]
    tables = []
    for extra in ([], ["--solver", "SCS"], ["--solver", "SCS", "--cold"]):
        assert main([*arguments, *extra, "--json"]) == 0
        tables.append(json.loads(capsys.readouterr().out))
    native, warm, cold = (table["value"] for table in tables)
    assert native[0] == pytest.approx(warm[0], rel=1e-6)
    assert warm[0] == cold[0]  # the same start
    assert warm[1] != cold[1]
    assert warm[1] == pytest.approx(cold[1], rel=1e-6)

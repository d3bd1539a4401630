"""The entry point: arguments, warnings, levels, and what importing costs."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from problems import CASE

import screlax
from screlax import (
    UFM,
    Ball,
    Budget,
    ClassSizes,
    InaccurateWarning,
    Ridge,
    ScrelaxError,
    Sphere,
    Status,
    solve_relaxation,
)
from screlax.cli.table import solution_table
from screlax.errors import InvalidInputError, SolverFailedError
from screlax.gram.cells import CellGram
from screlax.proof.certificate import ALL_ROUNDING
from screlax.solve.base import Candidate
from screlax.solve.registry import available_solvers

PROBLEM = UFM([9, 7, 4], Ridge(0.1), 0.5)


# ----------------------------------------------------------------- arguments


def test_control_and_temperature_belong_in_one_place():
    with pytest.raises(InvalidInputError, match=r"already has a control.*Ridge.*Ball"):
        solve_relaxation(PROBLEM, control=Ball(1.0))
    with pytest.raises(InvalidInputError, match=r"already has a temperature, 0\.5, and 0\.5"):
        solve_relaxation(PROBLEM, temperature=0.5)


def test_sizes_without_a_control_name_the_choices():
    with pytest.raises(InvalidInputError, match=r"choose a control.*Sphere\(1\.0\)"):
        solve_relaxation([9, 7, 4])


@pytest.mark.parametrize("tol", [0, -1e-6, np.nan, np.inf, "small", True, "1e-6", [1e-6], 1j])
def test_tolerance_must_be_a_positive_number(tol):
    with pytest.raises(InvalidInputError, match=r"tol must be (a number|positive and finite)"):
        solve_relaxation(PROBLEM, tol=tol)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"solver": "Clarabel"}, 1e-6),
        ({"solver": "native"}, 1e-9),
        ({"solver": "Clarabel", "tol": 1e-5}, 1e-5),
        ({"solver": "Clarabel", "tol": np.float32(0.5)}, 0.5),
        ({"control": Ridge(100.0)}, 1e-9),
    ],
)
def test_default_tolerance_is_what_the_solver_reaches(arguments, expected):
    control = arguments.pop("control", Ridge(0.1))
    solution = solve_relaxation([9, 7, 4], control=control, **arguments)
    assert solution.tol == expected
    assert type(solution.tol) is float
    assert solution.status is Status.OPTIMAL


@pytest.mark.parametrize("limit", [True, "3", [3]])
def test_time_limit_must_be_a_number(limit):
    with pytest.raises(
        InvalidInputError,
        match=r"time_limit.* must be (a number|positive and finite) seconds",
    ):
        solve_relaxation(PROBLEM, time_limit=limit)


@pytest.mark.parametrize("limit", [0, -1, np.nan, -np.inf])
def test_time_limit_must_be_positive(limit):
    with pytest.raises(
        InvalidInputError,
        match=r"time_limit.* must be (a number|positive and finite) seconds",
    ):
        solve_relaxation(PROBLEM, time_limit=limit)


@pytest.mark.parametrize("level", ["sample", "AUTO", "Orbits", "", None, 3])
def test_level_must_be_one_of_the_names(level):
    with pytest.raises(
        InvalidInputError, match="must be auto, samples, instances, classes, orbits"
    ):
        solve_relaxation(PROBLEM, level=level)


@pytest.mark.parametrize(
    "arguments",
    [
        {"time_limit": "soon"},
        {"solver": None},
        {"solver": "SCS", "time_limit": np.inf},
    ],
)
def test_arguments_of_the_wrong_kind_are_input_errors(arguments):
    with pytest.raises(InvalidInputError):
        solve_relaxation(PROBLEM, **arguments)


@pytest.mark.parametrize("options", [{"temprature": 0.1}, {"banana": 1}])
def test_unknown_options_are_an_error_with_a_closed_form_too(options):
    with pytest.raises(InvalidInputError, match=f"no options of its own.*{next(iter(options))}"):
        solve_relaxation([4, 4], control=Sphere(1.0), **options)


@pytest.mark.parametrize("given_as", [[4, 4], (4, 4), np.array([4, 4]), range(4, 6)])
def test_class_sizes_come_in_many_forms(given_as):
    solution = solve_relaxation(given_as, control=Ridge(100.0), temperature=2.0)
    assert solution.problem == UFM(given_as, Ridge(100.0), 2.0)


def test_class_sizes_object_and_problem_mean_the_same():
    sizes = ClassSizes.from_pairs([4], [3])
    first = solve_relaxation(sizes, control=Sphere(1.0))
    second = solve_relaxation(UFM(sizes, Sphere(1.0)))
    assert first.problem == second.problem
    assert first.problem.temperature == 1.0
    assert first.value == second.value


# ----------------------------------------------------------------- results


def test_levels_and_reasons_are_recorded():
    automatic = solve_relaxation(PROBLEM, solver="Clarabel", tol=1e-6)
    assert automatic.level == "orbits"
    assert "3 distinct sizes of 3 classes" in automatic.level_reason
    assert automatic.solver_reason == "requested"
    chosen = solve_relaxation(PROBLEM, solver="Clarabel", level="classes", tol=1e-6)
    assert (chosen.level, chosen.level_reason) == ("classes", "requested")
    assert chosen.certificate.level == "classes"


def test_timings_add_up():
    seconds = solve_relaxation(PROBLEM, solver="Clarabel", tol=1e-6).seconds
    assert list(seconds) == ["model", "solve", "certify", "total"]
    assert min(seconds.values()) >= 0
    parts = seconds["model"] + seconds["solve"] + seconds["certify"]
    assert parts <= seconds["total"] * (1 + 1e-9)


def test_whatever_auto_picks_is_certified():
    case = CASE["long-tailed/sphere"]
    solution = solve_relaxation(case.problem)
    assert solution.status is Status.OPTIMAL
    assert solution.solver_reason
    assert solution.value == pytest.approx(case.optimum, rel=1e-6)


def test_available_solvers():
    assert {"closed-form", "CLARABEL", "SCS"} <= set(available_solvers())


@pytest.mark.parametrize("name", ["CLARABEL", "clarabel", "Clarabel"])
def test_solver_names_in_any_case(name):
    assert solve_relaxation(PROBLEM, solver=name, tol=1e-6).solver == "CLARABEL"


@pytest.mark.parametrize("name", ["closed-form", "Closed-Form"])
def test_closed_form_in_any_case(name):
    assert solve_relaxation([4, 4], control=Sphere(1.0), solver=name).solver == "closed-form"


# ----------------------------------------------------------------- warnings


def test_one_warning_states_gap_and_tolerance():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        solution = solve_relaxation(PROBLEM, solver="Clarabel", tol=1e-6, max_iter=2)
    assert len(caught) == 1
    assert caught[0].category is InaccurateWarning
    assert caught[0].filename == __file__
    text = str(caught[0].message)
    assert f"certified relative gap {solution.relative_gap:.2e} exceeds tol 1e-06" in text
    assert "CLARABEL at level 'orbits'" in text
    assert solution.status is Status.INACCURATE


def test_a_larger_tolerance_silences_the_warning():
    solution = solve_relaxation(PROBLEM, solver="Clarabel", max_iter=2, tol=0.99)
    assert solution.status is Status.OPTIMAL
    assert solution.tol == 0.99


def test_warning_is_no_error_of_screlax():
    assert issubclass(InaccurateWarning, UserWarning)
    assert not issubclass(InaccurateWarning, ScrelaxError)


# ----------------------------------------------------------------- a solver is not believed


class _Liar:
    name = "liar"
    default_tol = 1e-9

    def __init__(self, gram: CellGram) -> None:
        self.gram = gram

    def why_not(self, _problem, _level):
        return None

    def solve(self, _problem, _level, _options):
        return Candidate(self.gram, message="optimal")


def solve_with(monkeypatch, gram: CellGram):
    monkeypatch.setattr("screlax.solve.solve.choose_method", lambda *_: (_Liar(gram), "a test"))
    return solve_relaxation(PROBLEM, level="classes")


def test_solver_that_claims_optimality_is_certified_like_any_other(monkeypatch):
    with pytest.warns(InaccurateWarning, match="liar at level 'classes' ended with 'optimal'"):
        solution = solve_with(monkeypatch, CellGram.from_matrix(np.eye(3)))
    assert solution.status == "inaccurate"
    assert solution.solver_message == "optimal"


@pytest.mark.parametrize("poison", [np.nan, np.inf])
@pytest.mark.parametrize("where", ["own", "pair"])
def test_gram_that_is_not_finite_is_a_failure(monkeypatch, where, poison):
    own, pair = np.ones(3), np.eye(3)
    (own if where == "own" else pair)[0] = poison
    with pytest.raises(SolverFailedError, match="NaN or infinite"):
        solve_with(monkeypatch, CellGram(own, pair))


# ----------------------------------------------------------------- importing


def test_importing_loads_no_heavy_package():
    code = (
        "import sys, screlax, screlax.cli; "
        "print([name for name in ('cvxpy', 'matplotlib', 'torch', 'clarabel', 'scs', 'jax') "
        "if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""


def test_public_names_exist_and_are_documented():
    assert len(set(screlax.__all__)) == len(screlax.__all__)
    for name in screlax.__all__:
        assert getattr(screlax, name).__doc__


def test_the_control_may_follow_the_sizes():
    first = solve_relaxation([9, 6, 3], Sphere(1.0), temperature=0.5)
    assert first.value == solve_relaxation([9, 6, 3], control=Sphere(1.0), temperature=0.5).value


# ----------------------------------------------------------------- what rounding leaves

BEYOND_DOUBLES = UFM.from_pairs([60, 50621006], [51863494, 97621], Budget(0.3561462780648572))


def test_a_gap_that_is_all_rounding_says_so():
    with pytest.warns(InaccurateWarning, match=r"< 4\.\de-09 exceeds tol 1e-09.*: what is left"):
        solution = solve_relaxation(BEYOND_DOUBLES)
    assert solution.certificate.is_rounding
    assert f"reason       {ALL_ROUNDING}" in solution_table(solution)


def test_a_solver_that_stops_early_does_not_blame_rounding():
    with pytest.warns(InaccurateWarning, match="try another solver") as caught:
        solution = solve_relaxation([9, 4, 2], control=Ridge(0.1), solver="SCS", max_iters=3)
    assert ALL_ROUNDING not in str(caught[0].message)
    assert "reason " not in solution_table(solution)


def test_no_reason_is_given_where_the_tolerance_is_reached():
    solution = solve_relaxation([9, 4, 2], control=Ridge(0.1))
    assert solution.certificate.is_rounding
    assert "reason " not in solution_table(solution)

"""Conic solvers against the table of optima and the optimality conditions, at every level."""

import os
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import cvxpy
import numpy as np
import pytest
from cvxpy.reductions.solvers.solving_chain import SolvingChain
from every_loss import LOSSES, TEMPERATURE, control_of, every_collapsing_loss, every_control
from every_loss import SIZES as SIZES_OF_LOSSES
from problems import CASE, CASES, assert_optimal, cases_of, class_objective, dual_slack, every_case

from screlax import UFM, InaccurateWarning, Ridge, ScrelaxError, Sphere, solve_relaxation
from screlax.descent.bound import relaxation_bound
from screlax.errors import (
    InvalidInputError,
    ProblemTooLargeError,
    SolverCapabilityError,
    SolverFailedError,
    SolverUnavailableError,
)
from screlax.gram.cells import Level
from screlax.problem.program import build_program
from screlax.proof.dense import certify
from screlax.solve.base import SolverOptions
from screlax.solve.conic import forms_of
from screlax.solve.conic_model import ConicModel
from screlax.solve.conic_solvers import conic_memory, installed_conic_solvers, solver_arguments
from screlax.solve.entropy_model import EntropyModel, PlainEntropyModel
from screlax.solve.settle import settle

SIZES = [9, 7, 5, 4]
LEVELS = ["samples", "classes", "orbits"]
SCS_CASES = cases_of("long-tailed", "one-anchored")


# ----------------------------------------------------------------- the right answer


@pytest.mark.parametrize("level", LEVELS)
@every_case(CASES)
def test_clarabel_finds_the_optimum_at_every_level(case, level):
    solution = solve_relaxation(case.problem, solver="Clarabel", level=level, tol=1e-7)
    assert solution.status == "optimal"
    assert solution.solver == "CLARABEL"
    assert solution.level == solution.certificate.level == level
    assert_optimal(case, solution.class_gram)
    assert solution.value == pytest.approx(class_objective(case, solution.class_gram), rel=1e-8)
    assert solution.lower <= case.optimum * (1 + 1e-9)
    assert solution.upper >= case.optimum * (1 - 1e-9)


@pytest.mark.parametrize("level", LEVELS)
@every_case(SCS_CASES)
def test_scs_finds_the_optimum_at_every_level(case, level):
    accuracy = {"eps_abs": 1e-6, "eps_rel": 1e-6}
    solution = solve_relaxation(case.problem, solver="scs", level=level, tol=1e-3, **accuracy)
    assert solution.solver == "SCS"
    assert_optimal(case, solution.class_gram, accuracy=2e-2)
    assert solution.lower <= case.optimum * (1 + 1e-9)
    assert case.optimum * (1 - 1e-9) <= solution.upper <= case.optimum * (1 + 1e-3)


@pytest.mark.parametrize("level", LEVELS)
def test_class_order_and_equal_classes_come_back_in_place(level):
    case = CASE["unsorted/ridge"]
    gram = solve_relaxation(case.problem, solver="Clarabel", level=level, tol=1e-8).class_gram
    assert gram[0, 0] == pytest.approx(gram[2, 2], rel=1e-12)
    assert gram[0, 1] == pytest.approx(gram[2, 1], rel=1e-12)
    ordered = solve_relaxation([9, 5, 2, 2], control=case.control, temperature=case.temperature)
    place = [2, 0, 3, 1]
    assert gram == pytest.approx(ordered.class_gram[np.ix_(place, place)], abs=1e-4)


@every_case(cases_of("step", "singletons"))
def test_the_solvers_dual_closes_the_gap(case):
    """Without it the gap would be limited by the accuracy of the Gram matrix."""
    solution = solve_relaxation(case.problem, solver="Clarabel", level="orbits", tol=1e-9)
    assert solution.orbit_dual is not None
    assert solution.relative_gap <= 1e-9


@every_case(cases_of("long-tailed", "singletons"))
def test_the_model_is_the_relaxation(case):
    """Value and multipliers of the cvxpy problem are those of the relaxation it poses."""
    relaxation = build_program(case.problem, Level.CLASSES)
    model = ConicModel(relaxation)
    model.problem.solve(solver="CLARABEL")
    assert model.problem.value * relaxation.loss.anchors.sum() == pytest.approx(
        case.optimum, rel=1e-5
    )
    gram, dual = model.found(), model.dual()
    assert relaxation.value(gram) == pytest.approx(case.optimum, rel=1e-5)
    softmax = relaxation.loss.expand(gram)
    total = dual.rows.own + dual.rows.pair.sum(axis=1)
    anchored = relaxation.loss.anchors > 0
    share = relaxation.loss.anchors / relaxation.loss.anchors.sum()
    assert total[anchored] == pytest.approx(share[anchored], rel=1e-4)
    assert not total[~anchored].any()
    if isinstance(case.control, Ridge):
        assert dual.multipliers is None
    else:
        expected = dual_slack(case, gram.pair * case.temperature)[1] * case.temperature
        assert dual.multipliers == pytest.approx(expected, rel=1e-3, abs=1e-4)
    assert np.abs(dual.rows.pair - share[:, None] * softmax.pair).max() < 1e-3


@pytest.mark.parametrize("level", [Level.SAMPLES, Level.CLASSES, Level.ORBITS])
@every_case(cases_of("step", "one-singleton", "singletons"))
def test_the_dual_form_is_the_dual(case, level):
    """Its value is the optimum, its multiplier the Gram matrix, its rows the softmax there."""
    program = build_program(case.problem, level)
    model = EntropyModel(program)
    model.problem.solve(solver="CLARABEL")
    loss = program.loss
    row, _, weight, _ = loss.entries()
    total = np.bincount(row, weight, len(loss.anchors))
    anchored = loss.anchors > 0
    constant = float(loss.anchors[anchored] @ np.log(total[anchored]))
    found = constant - loss.anchor_count * model.problem.value
    assert found == pytest.approx(case.optimum, rel=1e-6)
    gram, dual = model.found(), model.dual()
    assert program.value(gram) == pytest.approx(case.optimum, rel=1e-5)
    softmax = loss.expand(gram)
    assert np.abs(dual.rows.pair - softmax.pair).max() < 2e-3
    proof = certify(program, gram, [dual])
    assert proof.certificate.relative_gap < 1e-6


@every_collapsing_loss
@every_control
def test_the_dual_form_of_every_loss_agrees_with_the_primal_one(name, kind):
    problem = UFM(SIZES_OF_LOSSES, control_of(name, kind), TEMPERATURE, loss=LOSSES[name])
    program = build_program(problem, Level.ORBITS)
    assert forms_of(program, "SCS") == [EntropyModel, ConicModel]
    first = PlainEntropyModel if kind == "ridge" else EntropyModel
    assert forms_of(program, "CLARABEL") == [first, ConicModel]
    bounds = []
    for form in (EntropyModel, PlainEntropyModel, ConicModel):
        model = form(program)
        model.solve("CLARABEL", False, {})
        found = certify(program, model.found(), [model.dual()]).certificate
        bounds.append(found)
        assert found.gap < 1e-4 * (1 + abs(found.upper))
    assert max(bound.lower for bound in bounds) <= min(bound.upper for bound in bounds)


def test_a_stalled_solver_is_given_the_other_form():
    """Clarabel stalls on the dual form of this one."""
    problem = CASE["long-tailed/ridge"].problem
    assert solve_relaxation(problem, solver="Clarabel", level="samples").status == "optimal"


def test_nonnegative_features_have_the_primal_form_alone():
    nonnegative = UFM(SIZES, Ridge(0.1), features="nonnegative")
    assert forms_of(build_program(nonnegative, Level.ORBITS), "SCS") == [ConicModel]


# ----------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("solver", "options"), [("SCS", {"max_iters": 7}), ("Clarabel", {"max_iter": 3})]
)
def test_options_reach_the_solver(solver, options):
    with pytest.warns(InaccurateWarning):
        solution = solve_relaxation(SIZES, control=Ridge(0.1), solver=solver, **options)
    assert solution.iterations == next(iter(options.values()))


@pytest.mark.parametrize("solver", ["SCS", "Clarabel"])
@pytest.mark.parametrize("options", [{"banana": 1}, {"max_iter": "many", "max_iters": "many"}])
def test_options_the_solver_does_not_know_are_an_error(solver, options):
    with pytest.raises(InvalidInputError, match=f"{solver.upper()} does not take the options"):
        solve_relaxation(SIZES, control=Ridge(0.1), solver=solver, **options)


def test_explicit_options_win_over_the_tolerance():
    options = SolverOptions(1e-6, time_limit=9.0, extra={"tol_feas": 0.5, "time_limit": 3.0})
    arguments = solver_arguments("CLARABEL", options, 1e-8)
    assert arguments["tol_feas"] == 0.5
    assert arguments["time_limit"] == 3.0
    assert arguments["tol_gap_rel"] < 1e-6


@pytest.mark.parametrize("name", ["SCS", "CLARABEL", "MOSEK", "ANOTHER"])
def test_options_of_a_solver_pass_untouched(name):
    assert solver_arguments(name, SolverOptions(1e-6, extra={"x": 1}), 1e-8)["x"] == 1


def test_a_smaller_tolerance_is_asked_of_the_solver():
    program = build_program(UFM(SIZES, Ridge(0.1)), Level.ORBITS)
    for model in (ConicModel(program), EntropyModel(program)):
        for solver in ("SCS", "CLARABEL"):
            loose = model.accuracy(solver, 1e-4)
            assert 1e-12 <= model.accuracy(solver, 1e-7) < loose < 1e-4
            options = SolverOptions(1e-6)
            assert loose in solver_arguments(solver, options, loose).values()


@pytest.mark.parametrize("solver", ["SCS", "Clarabel"])
def test_time_limit_stops_the_solver_with_its_best_point(solver):
    problem = UFM(SIZES, Sphere(1.0), 0.5)
    with pytest.warns(InaccurateWarning, match="not proved optimal"):
        solution = solve_relaxation(problem, solver=solver, time_limit=1e-9)
    assert solution.status == "inaccurate"
    best = solve_relaxation(problem, solver="Clarabel", tol=1e-8)
    assert solution.lower <= best.upper
    assert solution.upper >= best.lower


def test_a_generous_time_limit_changes_nothing():
    problem = UFM(SIZES, Sphere(1.0), 0.5)
    limited = solve_relaxation(problem, solver="Clarabel", time_limit=60, tol=1e-7)
    assert limited.value == pytest.approx(
        solve_relaxation(problem, solver="Clarabel", tol=1e-7).value
    )


@pytest.mark.parametrize("solver", ["SCS", "Clarabel"])
def test_nothing_is_printed_unless_asked_for(solver, capfd):
    solve_relaxation(SIZES, control=Ridge(0.3), solver=solver, tol=1e-3)
    assert capfd.readouterr() == ("", "")


def test_solves_in_threads_leave_the_process_as_it_was(capfd):
    """Standard output, its descriptor and the warning filters belong to all threads."""
    before = os.fstat(1).st_ino, sys.stdout, list(warnings.filters)

    def solve(size):
        return solve_relaxation([size, 20, 5], control=Ridge(0.1), solver="SCS").status

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(solve, range(50, 74))) == {"optimal"}
    assert (os.fstat(1).st_ino, sys.stdout, list(warnings.filters)) == before
    os.write(1, b"written")
    assert capfd.readouterr() == ("written", "")


def test_no_bound_in_a_thread_changes_the_warning_filters(monkeypatch):
    """Whatever is solved on the way to a bound, inaccurate or not, filters are not touched."""
    before, seen = list(warnings.filters), []

    def inaccurate(*given, **options):
        seen.append(list(warnings.filters))
        return settle(*given, **options)

    monkeypatch.setattr("screlax.solve.solve.settle", inaccurate)
    assert relaxation_bound(UFM(SIZES, Ridge(0.1))) > 0
    assert seen == [before]


def test_verbose_lets_the_solver_print(capfd):
    solve_relaxation(SIZES, control=Ridge(0.3), solver="Clarabel", tol=1e-3, verbose=True)
    assert "Clarabel" in capfd.readouterr().out


def test_standard_output_still_works_after_a_quiet_run(capfd):
    solve_relaxation(SIZES, control=Ridge(0.3), solver="Clarabel", tol=1e-3)
    print("still here")
    assert capfd.readouterr().out == "still here\n"


def test_the_callers_warning_filters_are_left_alone():
    with pytest.warns(InaccurateWarning) as caught:
        solve_relaxation(SIZES, control=Ridge(0.1), solver="SCS", max_iters=3)
    assert [warning.category for warning in caught] == [InaccurateWarning]


# ----------------------------------------------------------------- solvers that cannot


def test_unknown_solver_names_the_usable_ones():
    with pytest.raises(SolverUnavailableError, match=r"'banana' is unknown.*CLARABEL.*SCS"):
        solve_relaxation(SIZES, control=Ridge(0.1), solver="banana")


@pytest.mark.parametrize(
    ("solver", "remedy"), [("Clarabel", r"pip install 'screlax\[clarabel\]'"), ("MOSEK", "licence")]
)
def test_missing_solver_says_what_to_install(solver, remedy, monkeypatch):
    monkeypatch.setattr(cvxpy, "installed_solvers", lambda: ["SCS"])
    with pytest.raises(SolverUnavailableError, match=f"'{solver}' is not installed.*SCS.*{remedy}"):
        solve_relaxation(SIZES, control=Ridge(0.1), solver=solver)


def test_solver_without_the_cones_is_named():
    assert "OSQP" in cvxpy.installed_solvers()
    with pytest.raises(SolverCapabilityError, match=r"'OSQP' is installed but does not take"):
        solve_relaxation(SIZES, control=Ridge(0.1), solver="OSQP")


def test_only_capable_solvers_are_listed():
    assert {"CLARABEL", "SCS"} <= set(installed_conic_solvers())
    assert "OSQP" not in installed_conic_solvers()


def test_a_solver_that_breaks_down_is_a_screlax_error(monkeypatch):
    def fail(*_args, **_kwargs):
        raise cvxpy.error.SolverError("numerical trouble")

    monkeypatch.setattr(SolvingChain, "solve_via_data", fail)
    with pytest.raises(ScrelaxError, match="CLARABEL failed: numerical trouble"):
        solve_relaxation(SIZES, control=Ridge(0.1), solver="Clarabel")


def test_a_solver_that_leaves_no_point_is_a_screlax_error(monkeypatch):
    monkeypatch.setattr(cvxpy.Problem, "unpack", lambda *_args: None)
    with pytest.raises(ScrelaxError, match="no finite point"):
        solve_relaxation(SIZES, control=Ridge(0.1), solver="Clarabel")


# ----------------------------------------------------------------- memory


def test_problem_that_does_not_fit_is_refused_with_an_estimate():
    with pytest.raises(ProblemTooLargeError, match=r"9,000 cells.*GB.*level='orbits' has 2 cells"):
        solve_relaxation([5000, 4000], control=Ridge(0.1), solver="Clarabel", level="samples")


def test_memory_is_checked_against_what_is_available(monkeypatch):
    monkeypatch.setattr("screlax.optional.available_memory", lambda: 1000)
    with pytest.raises(ProblemTooLargeError, match=r"4 cells, solver SCS"):
        solve_relaxation(SIZES, control=Ridge(0.1), solver="SCS", level="orbits")


def test_interior_point_needs_more_memory_than_first_order():
    assert conic_memory("CLARABEL", 300) > 10 * conic_memory("SCS", 300)
    assert conic_memory("SCS", 300) > conic_memory("SCS", 100)


# ----------------------------------------------------------------- defaults and failures


@pytest.mark.parametrize("control", [Ridge(0.3), Sphere(1.0)])
@pytest.mark.parametrize("solver", ["SCS", "Clarabel"])
def test_one_orbit(solver, control):
    solution = solve_relaxation([4, 4, 4], control=control, solver=solver)
    assert solution.status == "optimal"
    exact = solve_relaxation([4, 4, 4], control=control, solver="closed-form")
    assert solution.value == pytest.approx(exact.value, rel=1e-6)


@pytest.mark.parametrize("control", [Ridge(0.3), Sphere(1.0)])
def test_scs_reaches_the_default_tolerance(control):
    assert solve_relaxation(SIZES, control=control, solver="SCS").status == "optimal"


def test_scs_is_not_asked_for_the_impossible():
    program = build_program(UFM(SIZES, Ridge(0.1)), Level.ORBITS)
    for model in (ConicModel(program), EntropyModel(program)):
        assert model.accuracy("SCS", 1e-15) == 1e-12


def test_an_error_without_options_is_the_solvers(monkeypatch):
    def fail(*_args, **_kwargs):
        raise ValueError("bad workspace")

    monkeypatch.setattr(SolvingChain, "solve_via_data", fail)
    with pytest.raises(SolverFailedError, match="SCS failed: bad workspace"):
        solve_relaxation(SIZES, control=Ridge(0.1), solver="SCS")

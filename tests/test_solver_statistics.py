"""What a conic solver says of its runs: kept, stored, shown, and never believed."""

import json
from dataclasses import replace

import clarabel
import numpy as np
import pytest
import scs
from test_storage import tamper

from screlax import UFM, InaccurateWarning, Ridge, Solution, Sphere, solve_relaxation
from screlax.cli import main
from screlax.errors import FileFormatError
from screlax.solve import cvxpy_run
from screlax.solve.entropy_model import EntropyModel

SIZES = [9, 7, 5, 5]
VERSIONS = {"SCS": scs.__version__, "CLARABEL": clarabel.__version__}


@pytest.mark.parametrize("solver", VERSIONS)
def test_a_run_is_told_in_the_solvers_words(solver):
    solution = solve_relaxation(UFM(SIZES, Ridge(0.1)), solver=solver)
    (run,) = solution.solver_statistics
    assert (run.form, run.solver, run.version) == ("dual", solver, VERSIONS[solver])
    assert run.status.lower() == "solved"
    assert run.iterations == solution.iterations > 0
    assert 0 <= run.primal_residual < 1e-6
    assert 0 <= run.dual_residual < 1e-6
    assert 0 <= run.gap < 1e-6
    assert 0 < run.solve_seconds <= solution.seconds["solve"]
    # three orbits, the last of two classes: nine own entries and pairs of orbits, one pair within
    assert run.cones == {"z": 3, "l": 1, "s": (3,), "ep": 10}
    assert run.rows == 3 + 1 + 6 + 3 * 10
    assert run.variables == 2 * 10
    assert run.nonzeros > run.rows


@pytest.mark.parametrize(("solver", "limit"), [("SCS", "max_iters"), ("CLARABEL", "max_iter")])
def test_fewer_iterations_leave_larger_residuals(solver, limit):
    """The numbers are those of this run: they change with it."""
    problem = UFM(SIZES, Sphere(1.0), features="nonnegative")
    with pytest.warns(InaccurateWarning):
        early = solve_relaxation(problem, solver=solver, **{limit: 3}).solver_statistics[0]
    late = solve_relaxation(problem, solver=solver).solver_statistics[0]
    assert early.form == "primal"
    assert early.iterations == 3
    assert early.status != late.status
    assert early.primal_residual > 10 * late.primal_residual
    assert early.gap > 10 * late.gap


def test_every_form_that_was_tried_has_its_statistics(monkeypatch):
    solve = EntropyModel.solve

    def stalled(*given):
        return replace(solve(*given), status="optimal_inaccurate")

    monkeypatch.setattr(EntropyModel, "solve", stalled)
    solution = solve_relaxation(UFM(SIZES, Ridge(0.1)), solver="Clarabel")
    assert [run.form for run in solution.solver_statistics] == ["dual", "primal"]
    assert sum(run.iterations for run in solution.solver_statistics) == solution.iterations


def test_native_methods_have_none():
    assert solve_relaxation(UFM(SIZES, Ridge(0.1))).solver_statistics == ()


def test_of_other_solvers_there_is_what_cvxpy_reads(monkeypatch):
    monkeypatch.setattr(cvxpy_run, "_WORDS", {})
    (run,) = solve_relaxation(UFM(SIZES, Ridge(0.1)), solver="SCS").solver_statistics
    assert run.status == "optimal"
    assert run.iterations > 0
    assert run.primal_residual is run.dual_residual is run.gap is None
    assert (
        str(run)
        == f"SCS {run.version} on the dual form says 'optimal', {run.iterations} iterations"
    )


# ----------------------------------------------------------------- on disk and on the screen


@pytest.fixture(scope="module")
def solution() -> Solution:
    return solve_relaxation(UFM(SIZES, Ridge(0.1)), solver="Clarabel")


def test_they_come_back_from_a_file(solution, tmp_path):
    loaded = Solution.load(solution.save(tmp_path / "x.npz"))
    assert loaded.solver_statistics == solution.solver_statistics != ()


def test_not_a_number_comes_back_from_a_file(solution, tmp_path):
    odd = replace(solution.solver_statistics[0], gap=float("nan"), primal_residual=None)
    told = replace(solution, solver_statistics=(odd,))
    (loaded,) = Solution.load(told.save(tmp_path / "x.npz")).solver_statistics
    assert np.isnan(loaded.gap)
    assert loaded.primal_residual is None


def test_a_file_without_them_is_read(solution, tmp_path):
    path = solution.save(tmp_path / "x.npz")
    with np.load(path) as stored:
        record = json.loads(str(stored["record"]))
    del record["solver_statistics"]
    assert Solution.load(tamper(path, record=json.dumps(record))).solver_statistics == ()


@pytest.mark.parametrize(
    "damage",
    [
        {"solver": 3},
        {"iterations": 2.5},
        {"gap": "small"},
        {"cones": {"s": ["3"]}},
        {"cones": {"s": [3, "4"]}},
        {"cones": [3]},
        {"rows": True},
    ],
)
def test_damaged_ones_are_refused(solution, tmp_path, damage):
    run = {**solution.solver_statistics[0].record(), **damage}
    path = tamper(solution.save(tmp_path / "x.npz"), record={"solver_statistics": [run]})
    with pytest.raises(FileFormatError, match="damaged screlax solution"):
        Solution.load(path)


def test_a_lie_in_a_file_proves_nothing(solution, tmp_path):
    run = {**solution.solver_statistics[0].record(), "gap": 0.0, "status": "exactly solved"}
    loaded = Solution.load(
        tamper(solution.save(tmp_path / "x.npz"), record={"solver_statistics": [run]})
    )
    assert loaded.solver_statistics[0].status == "exactly solved"
    assert loaded.gap == pytest.approx(solution.recheck("orbits").gap, rel=1e-3, abs=1e-12)


def test_the_command_line_shows_them(capsys):
    arguments = ["solve", "--profile", "exponential:4,90,10", "--ridge", "0.1", "--solver", "SCS"]
    assert main(arguments) == 0
    assert "its word     SCS" in capsys.readouterr().out
    assert main([*arguments, "--json"]) == 0
    (run,) = json.loads(capsys.readouterr().out)["solver_statistics"]
    assert run["solver"] == "SCS"
    assert run["cones"]["s"] == [4]
    assert main(arguments[:-2]) == 0
    assert "its word" not in capsys.readouterr().out

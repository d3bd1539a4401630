"""A loss and a constraint registered in one file work everywhere, with no other line changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import toy_extension
from toy_extension import SoftMargin, TaperedBall

import screlax
from screlax import UFM, Ball, Budget, Ridge, Sphere
from screlax.bench import problem_sets, problems
from screlax.bench.methods import all_methods
from screlax.bench.rounds import pickled
from screlax.bench.server import serving
from screlax.bench.worker import Request
from screlax.cli import main
from screlax.errors import FileFormatError, InvalidInputError
from screlax.gram.cells import CellGram, Level
from screlax.losses import SupCon
from screlax.problem.constraints.base import CONTROLS
from screlax.problem.losses.registry import LOSSES
from screlax.problem.program import build_program
from screlax.solve.base import METHODS

HERE = Path(toy_extension.__file__).parent

SIZES = [6, 3, 3, 2]
PROBLEMS = {
    "toy loss, ridge": UFM(SIZES, Ridge(0.3), 0.7, loss=SoftMargin()),
    "toy loss, ball": UFM(SIZES, Ball(1.5), 0.7, loss=SoftMargin(0.5)),
    "toy loss, sphere": UFM(SIZES, Sphere(1.5), 0.7, loss=SoftMargin()),
    "toy loss, budget": UFM(SIZES, Budget(1.5), 0.7, loss=SoftMargin()),
    "toy constraint": UFM(SIZES, TaperedBall(2.0), 0.7),
    "both": UFM(SIZES, TaperedBall(2.0), 0.7, loss="soft-margin:margin=0.5"),
}
REGISTERED = [
    (registry, name, registry.pop(name))
    for registry, name in (
        (LOSSES, "soft-margin"),
        (CONTROLS, "tapered-ball"),
        (METHODS, "careful"),
    )
]
"""What importing registered, taken out again: other tests go over what the package has."""
BENCH_PROBLEM = problems._REGISTERED.pop()


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    """Put everything back for the time of a test."""
    for registry, name, entry in REGISTERED:
        monkeypatch.setitem(registry, name, entry)
    monkeypatch.setattr(problems, "_REGISTERED", [BENCH_PROBLEM])


every_problem = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)


@every_problem
@pytest.mark.parametrize("level", [Level.SAMPLES, Level.CLASSES, Level.ORBITS])
def test_factored_and_conic_solutions_prove_the_same_optimum(problem, level):
    factored = screlax.solve_relaxation(problem, level=level)
    assert factored.relative_gap <= 1e-9
    conic = screlax.solve_relaxation(problem, solver="clarabel", level=level, tol=1e-4)
    assert conic.lower <= factored.upper
    assert factored.lower <= conic.upper
    assert conic.value == pytest.approx(factored.value, rel=1e-4)
    bound = problem.control.violation(np.diag(factored.class_gram), build(problem).cells)
    assert bound <= 1e-9


def build(problem):
    return build_program(problem, Level.CLASSES)


@every_problem
def test_descents_of_the_nonconvex_problem_reach_it(problem):
    solution = screlax.solve_relaxation(problem)
    found = screlax.solve_nonconvex(problem, dim=5, starts=2)
    assert found.relative_gaps.max() <= 1e-8
    assert found.value == pytest.approx(solution.value, rel=1e-7)
    assert screlax.check_second_order(problem, found.embeddings).classification == "global"


@every_problem
def test_derivatives_by_taylor_slopes(problem):
    loss, rng = build(problem).loss, np.random.default_rng(0)
    point, step = (rng.standard_normal((4, 4)) for _ in range(2))
    gram, direction = (CellGram.from_matrix(matrix + matrix.T) for matrix in (point, step))
    at = loss.expand(gram)
    slope = loss.gradient(at)
    first = float(slope.own @ direction.own + np.vdot(slope.pair, direction.pair))
    bent = loss.curvature(at, direction)
    second = float(bent.own @ direction.own + np.vdot(bent.pair, direction.pair))
    for t in (1e-2, 1e-3):
        moved = direction.scaled(t)
        rise = loss.change(at, moved)
        after = loss.value(CellGram(gram.own + moved.own, gram.pair + moved.pair))
        assert rise == pytest.approx(after - loss.value(gram), abs=1e-12 * after)
        assert abs(rise - t * first - t * t / 2 * second) <= 10 * t**3 * abs(second)


@every_problem
def test_a_bound_of_any_gram_matrix_is_below_the_optimum(problem):
    solution = screlax.solve_relaxation(problem)
    rng = np.random.default_rng(1)
    for _ in range(20):
        factor = rng.standard_normal((4, 3))
        program = screlax.cvxpy_program(problem)
        program.gram.value = factor @ factor.T
        certificate = program.certify()
        assert certificate.lower <= solution.upper
        assert certificate.upper >= solution.lower


@every_problem
def test_files_remember_loss_and_constraint(problem, tmp_path):
    solution = screlax.solve_relaxation(problem)
    loaded = screlax.Solution.load(solution.save(tmp_path / "solution.npz"))
    assert loaded.problem == problem
    np.testing.assert_array_equal(loaded.class_gram, solution.class_gram)
    assert loaded.value == pytest.approx(solution.value, rel=1e-14)
    assert loaded.recheck().proves(1e-9)


def test_a_file_of_an_unknown_loss_says_which_is_missing(tmp_path, monkeypatch):
    file = screlax.solve_relaxation(PROBLEMS["toy loss, ridge"]).save(tmp_path / "solution.npz")
    monkeypatch.delitem(LOSSES, "soft-margin")
    with pytest.raises(FileFormatError, match=r"no loss 'soft-margin'.*--with MODULE"):
        screlax.Solution.load(file)


def test_an_unknown_control_is_named(monkeypatch):
    monkeypatch.delitem(CONTROLS, "tapered-ball")
    with pytest.raises(InvalidInputError, match=r"no control 'tapered-ball'"):
        screlax.grid([[5, 3]], **{"tapered-ball": 1.0})


def test_sweeps_take_both(tmp_path):
    points = screlax.grid(
        {"mine": SIZES}, ridge=0.3, **{"tapered-ball": 2.0}, loss=["supcon", "soft-margin"]
    )
    table = screlax.sweep(points, cache=tmp_path)
    assert table["loss"] == ["supcon", "soft-margin"] * 2
    assert table["control"] == ["ridge"] * 2 + ["tapered-ball"] * 2
    assert table.all_optimal
    assert table.values_equal(screlax.sweep(points, cache=tmp_path))


@every_problem
def test_embeddings_are_compared_with_the_optimum(problem):
    solution = screlax.solve_relaxation(problem)
    labels = np.repeat(np.arange(4), SIZES)
    features = solution.prototypes(5)[labels]
    same = screlax.compare(features, labels, solution)
    assert same.gram_distance <= 1e-5
    rng = np.random.default_rng(2)
    away = screlax.compare(rng.standard_normal((14, 5)), labels, solution)
    assert away.gram_distance > same.gram_distance
    assert same.loss.gap <= 1e-6 * solution.value
    assert away.loss.gap > same.loss.gap
    assert away.loss.value >= solution.lower


def test_the_command_line_takes_both(capsys):
    arguments = ["solve", "--profile", "step:4,6,3", "--json", "--loss", "soft-margin:margin=0.5"]
    assert main([*arguments, "--tapered-ball", "2"]) == 0
    shown = json.loads(capsys.readouterr().out)
    problem = UFM(screlax.profile("step:4,6,3"), TaperedBall(2.0), loss=SoftMargin(0.5))
    assert shown["value"] == pytest.approx(screlax.solve_relaxation(problem).value)
    assert main([*arguments, "--sphere", "1"]) == 0


def test_with_imports_the_module_in_a_fresh_process(tmp_path):
    out = tmp_path / "solution.npz"
    command = [sys.executable, "-m", "screlax", "solve", "--profile", "step:4,6,3", "--out", out]
    command += ["--loss", "soft-margin", "--tapered-ball", "2", "--with", "toy_extension"]
    where = HERE
    run = subprocess.run(command, capture_output=True, text=True, cwd=where)
    assert run.returncode == 0, run.stderr
    again = [sys.executable, "-m", "screlax", "certify", str(out)]
    without = subprocess.run(again, capture_output=True, text=True, cwd=where)
    assert without.returncode == 2
    assert "no loss 'soft-margin'" in without.stderr
    proved = subprocess.run(
        [*again, "--with=toy_extension"], capture_output=True, text=True, cwd=where
    )
    assert proved.returncode == 0, proved.stderr


def test_methods_and_bench_problems_reach_the_processes_of_the_suite(monkeypatch):
    monkeypatch.setattr("screlax.extensions._loaded", ["toy_extension"])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]))
    method = next(method for method in all_methods() if method.name == "careful")
    assert BENCH_PROBLEM in problem_sets(quick=True)
    assert method.asks
    with serving(threads=1) as server:
        found = server.ask(Request(pickled(BENCH_PROBLEM), method.name, 1e-9, 60.0))
    assert found["outcome"] == "ran"
    assert found["relative_gap"] <= 1e-9


def test_a_module_that_cannot_be_imported_is_named(capsys):
    assert main(["--with", "no_such_module", "profiles"]) == 2
    assert "module 'no_such_module' cannot be imported" in capsys.readouterr().err


def test_losses_by_text():
    problem = UFM(SIZES, Sphere(1.0), loss="supcon")
    assert problem.loss == SupCon()
    with pytest.raises(InvalidInputError, match="there is no loss 'supconn'"):
        UFM(SIZES, Sphere(1.0), loss="supconn")
    with pytest.raises(InvalidInputError, match="has no option 'view'"):
        UFM(SIZES, Sphere(1.0), loss="supcon:view=2")
    assert str(SoftMargin(0.5)) == "soft-margin:margin=0.5"

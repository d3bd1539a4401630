"""What a loss decides: curvature against found excess, the known table, references, refusals."""

import json
import math

import numpy as np
import pytest

from screlax import (
    UFM,
    Ball,
    Budget,
    Ridge,
    Sphere,
    balanced,
    path_table,
    profile,
    regularization_path,
    solve_relaxation,
    step,
)
from screlax.batches import ClassBatches, RandomBatches
from screlax.cli import main
from screlax.errors import InvalidInputError
from screlax.gram.cells import CellGram, Level
from screlax.losses import ClassAveraged, Prototypes, SelfSupervised, SupCon
from screlax.plots import plot_path
from screlax.problem.program import build_program
from screlax.report.words import verdict_of_solution, what_is_decided


def objective(problem, gram):
    program = build_program(problem, Level.CLASSES)
    return program.value(CellGram.from_matrix(gram / problem.temperature))


def moved(problem, gram, change, length):
    """Return a feasible Gram matrix that differs from the optimum by `change`, to first order."""
    values, vectors = np.linalg.eigh(gram)
    keep = values > 1e-7 * values[-1]
    factor = vectors[:, keep] * np.sqrt(values[keep])
    inverse = vectors[:, keep] / np.sqrt(values[keep])
    onto = vectors[:, keep] @ vectors[:, keep].T
    step = (np.eye(len(gram)) - onto / 2) @ change @ inverse
    near = factor + length * step
    control = problem.control
    if control.fixes_norms:
        near *= np.sqrt(control.parameter / (near**2).sum(axis=1, keepdims=True))
    elif not control.is_penalty:
        mass = np.asarray(problem.points, dtype=float)
        near *= math.sqrt(control.parameter * mass.sum() / (mass @ (near**2).sum(axis=1)))
    return near @ near.T


PROBLEMS = [
    UFM([50, 20, 5, 5], Sphere(1.0), 0.3),
    UFM([50, 20, 5, 5, 2], Ball(2.0)),
    UFM([40, 12, 6, 3], Budget(1.0), 0.4),
    UFM([40, 12, 6, 3], Ridge(0.3)),
    UFM([40, 12, 6, 1, 1], Sphere(1.0), 0.5),
    UFM([60, 6, 6], Sphere(1.0), 0.5, loss=ClassAveraged()),
    UFM([40, 12, 6, 3], Sphere(1.0), 0.4, loss=SupCon(views=2), batches=RandomBatches(16)),
    UFM([40, 12, 6], Ridge(0.3), batches=ClassBatches(2, 4)),
]


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.description)
def test_excess_along_the_direction_is_that_of_the_curvature(problem):
    solution = solve_relaxation(problem)
    found, gram = solution.determinacy(), solution.class_gram
    size = np.linalg.norm(gram)
    best = []
    # the scale of a ridge is free: of all changes of that direction the cheapest counts
    scales = np.linspace(-1, 1, 201) if problem.control.is_penalty else [0.0]
    for scale in scales:
        change = size * found.direction.matrix() + scale * gram
        length = 1e-3
        near = moved(problem, gram, change, length)
        distance = np.linalg.norm(near / np.linalg.norm(near) - gram / size)
        best.append((objective(problem, near) - solution.value) / (distance**2 / 2))
    assert min(best) == pytest.approx(found.curvature, rel=0.02)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.description)
def test_no_feasible_change_is_cheaper(problem):
    solution = solve_relaxation(problem)
    found, gram = solution.determinacy(), solution.class_gram
    generator = np.random.default_rng(0)
    for _ in range(50):
        noise = generator.standard_normal(gram.shape)
        near = moved(problem, gram, noise + noise.T, 1e-3 * np.linalg.norm(gram))
        distance = np.linalg.norm(near / np.linalg.norm(near) - gram / np.linalg.norm(gram))
        excess = objective(problem, near) - solution.value
        assert excess >= found.curvature * distance**2 / 2 * 0.9


@pytest.mark.parametrize(
    ("temperature", "curvature", "distance", "excess"),
    [
        (1.0, 6.7, 0.18, 7.9e-8),
        (0.5, 31, 0.081, 3.8e-7),
        (0.2, 257, 0.027, 3.3e-6),
        (0.1, 8.7, 0.15, 1.1e-7),
        (0.07, 0.16, 1.1, 2.1e-9),
        (0.05, 6e-4, math.inf, 7.8e-12),
    ],
)
def test_temperatures_of_a_long_tail(temperature, curvature, distance, excess):
    solution = solve_relaxation(profile("cifar10-lt:100"), Sphere(1.0), temperature=temperature)
    found = solution.determinacy()
    assert found.curvature == pytest.approx(curvature, rel=0.02)
    assert found.distance(1e-6) == pytest.approx(distance, rel=0.02)
    assert found.relative_excess(0.05) == pytest.approx(excess, rel=0.02)
    undecided = "single precision does not decide" in str(found)
    assert undecided == (temperature not in (0.2, 0.5))


def test_references_lose_next_to_nothing_at_the_usual_temperature():
    solution = solve_relaxation(profile("cifar10-lt:100"), Sphere(1.0), temperature=0.07)
    references = {one.name: one for one in solution.determinacy().references}
    assert references["random in 128"].relative_excess == pytest.approx(1.4e-6, rel=0.05)
    assert references["orthogonal frame"].relative_excess == pytest.approx(6e-7, rel=0.05)
    assert references["orthogonal frame"].distance > 0.3


def test_a_path_says_which_temperatures_show_the_geometry():
    problem = UFM([50, 20, 5], Ridge(0.5))
    path = regularization_path(problem, temperatures=[0.1, 0.5, 20.0])
    table = path_table(path, determinacy=True)
    assert np.isnan(table["curvature"][2])  # zero
    assert table["curvature"][1] == path[1].determinacy().curvature
    assert "curvature" not in path_table(path)
    axes = plot_path(path[:2], quantity="determinacy")
    assert axes.get_yscale() == "log"


def test_the_command_has_a_table_and_a_picture(tmp_path, capsys):
    picture = tmp_path / "determinacy.png"
    arguments = ["path", "--profile", "step:4,50,5", "--sphere", "1", "--temperatures", "0.2,0.5"]
    assert main([*arguments, "--determinacy", "--plot", str(picture)]) == 0
    assert "distance_at_1e-6" in capsys.readouterr().out
    assert picture.stat().st_size > 1000


@pytest.mark.parametrize("control", [Ridge(0.1), Budget(1.0), Sphere(1.0)], ids=lambda c: c.name)
def test_the_simplex_loses_nothing_where_it_is_optimal(control):
    found = solve_relaxation([8] * 5, control).determinacy()
    simplex = next(one for one in found.references if one.name == "simplex ETF")
    assert abs(simplex.relative_excess) < 1e-9
    assert simplex.distance < 1e-7
    assert all(one.relative_excess > -1e-9 for one in found.references)


@pytest.mark.parametrize(
    ("problem", "error", "message"),
    [
        (UFM([5, 3], Ridge(50.0)), InvalidInputError, "the optimum is zero"),
        (UFM([5, 3], Sphere(1.0), features="nonnegative"), InvalidInputError, "real features"),
        (UFM([5, 3], Sphere(1.0), loss=SelfSupervised()), InvalidInputError, "a class are at"),
        (
            UFM([5, 3], Sphere(1.0), loss=Prototypes(tied=False, loss_terms=False)),
            InvalidInputError,
            "prototypes of their own",
        ),
    ],
)
def test_what_it_is_not_known_for_is_refused(problem, error, message):
    solution = solve_relaxation(problem)
    with pytest.raises(error, match=message):
        solution.determinacy()


def test_many_directions_of_the_same_curvature_leave_one():
    """As many of each class in a batch: only n matters; LAPACK finds none of 44 equal ones here."""
    step_sizes, balanced_sizes = (
        solve_relaxation(UFM(sizes, Sphere(1.0), 0.1, batches=ClassBatches(8, 8))).determinacy()
        for sizes in (step(10, 60, 10), balanced(10, 33))
    )
    assert step_sizes.curvature == pytest.approx(balanced_sizes.curvature, rel=1e-9)


def test_solve_says_what_precision_decides_and_more_when_asked(capsys):
    arguments = ["solve", "--profile", "cifar10-lt:100", "--sphere", "1", "--temperature"]
    assert main([*arguments, "0.07"]) == 0
    assert "precision    single precision does not decide" in capsys.readouterr().out
    assert main([*arguments, "0.2", "--determinacy"]) == 0
    printed = capsys.readouterr().out
    assert "precision    " not in printed
    assert "what the loss decides: loss supcon" in printed
    assert "simplex ETF" in printed
    assert main([*arguments, "0.02", "--json", "--determinacy"]) == 0
    record = json.loads(capsys.readouterr().out)["determinacy"]
    assert "double precision does not decide" in record["warning"]
    assert record["double_precision"] is None  # any size
    assert len(record["references"]) == 4


def test_the_path_says_where_single_precision_decides(capsys):
    arguments = ["path", "--profile", "cifar10-lt:100", "--sphere", "1", "--determinacy"]
    assert main([*arguments, "--temperatures", "0.07,0.1,0.2,0.5"]) == 0
    assert "does not decide the geometry at temperature 0.07, 0.1" in capsys.readouterr().out
    assert main([*arguments, "--temperatures", "0.2", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["distance_in_single"][0] < 0.02


def test_a_picture_over_temperatures_of_a_hundred_classes_in_batches():
    counts, batches = profile("cifar100-lt:100"), RandomBatches(128)
    problem = UFM(counts, Sphere(1.0), batches=batches)
    path = regularization_path(problem, temperatures=[0.1, 0.2, 0.5])
    axes = plot_path(path, quantity="determinacy")
    drawn = axes.get_lines()[0].get_ydata()
    assert drawn == pytest.approx([one.determinacy().relative_excess(0.05) for one in path])


def test_where_every_change_costs_to_first_order_the_bound_is_said():
    known = solve_relaxation([5, 5], Sphere(1.0)).determinacy()
    assert known.direction is None
    assert known.curvature == math.inf
    assert known.distance(1e-6) == 0
    assert "to first order" in str(known)
    assert known.warning == ""
    assert known.record()["curvature"] is None


def test_the_report_has_what_the_loss_decides():
    few = solve_relaxation(profile("cifar10-lt:100"), Sphere(1.0), temperature=0.07)
    decided = what_is_decided(few)
    assert decided.record() == few.determinacy().record()
    assert "leaves the geometry open within a distance of about 1.1" in verdict_of_solution(
        few, decided
    )
    unknown = solve_relaxation(UFM([5, 3], Sphere(1.0), features="nonnegative"))
    assert "determinacy is known for real features" in what_is_decided(unknown)


def test_a_loss_that_has_underflowed_decides_nothing():
    known = solve_relaxation([50, 20, 5], Sphere(1.0), temperature=1e-3).determinacy()
    assert known.curvature == known.curvature_lower == 0
    assert known.distance(1e-9) == known.distance_bound(1e-9) == math.inf
    assert "double precision does not decide" in str(known)
    nearly = solve_relaxation([50, 20, 5], Sphere(1.0), temperature=4e-3).determinacy()
    assert 0 < nearly.curvature < 1e-100
    assert nearly.curvature_lower == pytest.approx(nearly.curvature, rel=1e-8)

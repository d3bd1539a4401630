"""Descent, its derivatives and the second-order check, for every loss of the family."""

import math

import mpmath
import numpy as np
import pytest
from every_loss import (
    LOSSES,
    SIZES,
    TEMPERATURE,
    control_of,
    definition,
    every_collapsing_loss,
    every_control,
    every_loss,
)
from hypothesis import given
from hypothesis import strategies as st

import screlax
from screlax import UFM, Ridge, Sphere, Status, check_second_order, solve_nonconvex
from screlax.descent.setup import objective_at
from screlax.errors import InvalidInputError, ProblemTooLargeError
from screlax.gram.cells import Level
from screlax.landscape.work import DescentWork
from screlax.problem.program import build_program
from screlax.proof.certificate import relative_gap, value_of_gap
from screlax.solve.lifted import Lifted

every_level = pytest.mark.parametrize("level", ["classes", "samples"])


def problem_of(name: str, kind: str = "sphere") -> UFM:
    return UFM(SIZES, control_of(name, kind), TEMPERATURE, loss=LOSSES[name])


def labels_of(problem: UFM) -> np.ndarray:
    return np.repeat(np.arange(problem.points.classes), np.asarray(problem.points))


def test_every_registered_loss_is_tried():
    of_embeddings = {
        name for name, kind in screlax.losses.LOSSES.items() if not kind.has_classifier
    }
    assert {loss.name for loss in LOSSES.values()} == of_embeddings, (
        "add the loss and its definition to tests/every_loss.py"
    )


@every_loss
def test_values_are_those_of_the_definition(name):
    problem, rng = problem_of(name, "ridge"), np.random.default_rng(0)
    label = labels_of(problem)
    classes = rng.standard_normal((problem.points.classes, 3))
    samples = classes[label] + 0.3 * rng.standard_normal((len(label), 3))
    for level, embeddings, every in (
        (Level.CLASSES, classes, classes[label]),
        (Level.SAMPLES, samples, samples),
    ):
        objective = objective_at(problem, level, 3)
        found = objective.value(embeddings * np.sqrt(objective.mass / TEMPERATURE)[:, None])
        penalty = problem.control.parameter / 2 * float((every**2).sum())
        assert found == pytest.approx(definition(name, every, label) + penalty, rel=1e-13)


@every_loss
@every_control
@every_level
def test_taylor_slopes_of_gradient_and_hessian(name, kind, level):
    problem, rng = problem_of(name, kind), np.random.default_rng(3)
    lifted = Lifted(objective_at(problem, Level(level), 3), 3)
    point = lifted.random(rng)
    direction = lifted.project(point, rng.standard_normal(lifted.shape))
    direction /= np.linalg.norm(direction)
    model = lifted.local_model(point)
    first = float(np.vdot(lifted.gradient(model), direction))
    second = float(np.vdot(lifted.hessian(model, direction), direction))
    scales = np.geomspace(1e-3, 1e-2, 6)
    change = np.array(
        [lifted.change(model, lifted.retract(point, scale * direction)) for scale in scales]
    )
    for order, error in (
        (2, change - scales * first),
        (3, change - scales * first - scales**2 / 2 * second),
    ):
        slope = np.polyfit(np.log(scales), np.log(np.abs(error)), 1)[0]
        assert slope == pytest.approx(order, abs=0.15)


@every_collapsing_loss
@every_control
def test_random_starts_reach_the_certified_optimum(name, kind):
    """More dimensions than classes leave no spurious minimum, whatever the loss of the family."""
    problem = problem_of(name, kind)
    solution = screlax.solve_relaxation(problem)
    assert solution.status is Status.OPTIMAL
    found = solve_nonconvex(problem, problem.points.classes + 1, starts=3, lower=solution.lower)
    assert found.relative_gaps.max() <= 1e-9
    assert str(problem.loss) in repr(found)
    order = check_second_order(problem, found.embeddings, lower=solution.lower)
    assert order.classification == "global"
    assert order.smallest_eigenvalue > 0


@every_collapsing_loss
def test_every_embedding_by_itself_collapses_to_the_same_optimum(name):
    problem = problem_of(name)
    solution = screlax.solve_relaxation(problem)
    label = labels_of(problem)
    dim = problem.points.classes + 1
    found = solve_nonconvex(problem, dim, level="samples", lower=solution.lower, tol=1e-12)
    assert found.embeddings.shape == (problem.points.samples, dim)
    assert found.relative_gap <= 1e-10
    means = np.array([found.embeddings[label == c].mean(axis=0) for c in range(dim - 1)])
    assert np.abs(found.embeddings - means[label]).max() <= 1e-3
    means = means[:4]
    assert means @ means.T == pytest.approx(solution.class_gram, abs=1e-3)


@every_loss
@every_level
def test_zero_is_a_saddle_below_the_threshold(name, level):
    threshold = problem_of(name).zero_threshold()
    problem = UFM(SIZES, Ridge(0.9 * threshold), TEMPERATURE, loss=LOSSES[name])
    points = problem.points
    zeros = np.zeros((points.classes if level == "classes" else points.samples, 2))
    found = check_second_order(problem, zeros, level=level, lower=-1e9)
    assert found.smallest_eigenvalue == pytest.approx(-0.1 * threshold, rel=1e-9)
    assert found.classification == "strict saddle"


@pytest.mark.parametrize("name", [name for name, loss in LOSSES.items() if loss.collapses])
def test_random_embeddings_are_not_stationary(name):
    """Also where the objective is below zero."""
    problem = UFM(SIZES, Sphere(8.0), TEMPERATURE, loss=LOSSES[name])
    solution = screlax.solve_relaxation(problem)
    rows = solution.embeddings(4).vectors + 0.05 * np.random.default_rng(0).standard_normal((4, 4))
    rows *= np.sqrt(8.0) / np.linalg.norm(rows, axis=1, keepdims=True)
    found = check_second_order(problem, rows, lower=solution.lower)
    assert found.classification == "not stationary"
    assert found.gap > 0
    if "negatives" in name:
        assert solution.value < 0


@pytest.mark.parametrize("name", ["negatives-only", "row-softmax"])
def test_bounds_below_zero_are_taken_and_wrong_ones_refused(name):
    problem = UFM(SIZES, Sphere(8.0), TEMPERATURE, loss=LOSSES[name])
    lower = screlax.solve_relaxation(problem).lower
    assert lower < 0
    assert solve_nonconvex(problem, 5, lower=lower).status is Status.OPTIMAL
    with pytest.raises(InvalidInputError, match="no lower bound"):
        solve_nonconvex(problem, 5, lower=0.5 * lower)


@given(
    tolerance=st.floats(1e-12, 0.4),
    lower=st.floats(-1e6, 1e6),
    below=st.one_of(st.floats(0, 1e6), st.just(math.inf)),
)
def test_the_value_of_a_gap_has_that_gap(tolerance, lower, below):
    infimum = lower - below
    value = value_of_gap(tolerance, lower, infimum)
    error = 1e-14 * (abs(lower) + abs(value) + (below if math.isfinite(below) else 0.0))
    scale = abs(value) + (value - infimum if math.isfinite(infimum) else 0.0)
    assert value - lower == pytest.approx(tolerance * scale, rel=1e-9, abs=error)
    if value - lower > 1e6 * error:
        assert relative_gap(value - lower, value, infimum) == pytest.approx(tolerance, rel=1e-5)


def test_too_many_embeddings_are_refused_with_the_level_to_take():
    problem = UFM([10**5, 10**5], Sphere(1.0), loss="negatives-only")
    with pytest.raises(ProblemTooLargeError, match=r"negatives-only .*level='classes' has 2"):
        solve_nonconvex(problem, 3, level="samples", lower=-1e9)


def test_nonnegative_embeddings_are_not_descended_with():
    problem = UFM(SIZES, Sphere(1.0), features="nonnegative")
    for refused in (
        lambda: solve_nonconvex(problem, 4),
        lambda: check_second_order(problem, np.eye(4)),
        lambda: screlax.survey_landscape(problem, [4]),
    ):
        with pytest.raises(InvalidInputError, match="features='real'"):
            refused()


def test_surveys_of_different_weights_have_folders_of_their_own():
    """Also where the weights have the same range, which is all that their text says."""
    losses = [
        screlax.losses.SupCon(),
        screlax.losses.SupCon(views=2),
        screlax.losses.SupCon(class_weights=[1, 2, 2, 3]),
        screlax.losses.SupCon(class_weights=[1, 2, 3, 3]),
        screlax.losses.Prototypes(per_class=[1, 2, 2, 3]),
        screlax.losses.Prototypes(per_class=[1, 2, 3, 3]),
    ]
    places = {
        DescentWork(UFM([9, 6, 4, 2], Sphere(1.0), loss=loss), 0, "classes", 0.0).place((2, 0))
        for loss in losses
    }
    assert len(places) == len(losses)


@pytest.mark.parametrize("name", ["negatives-only", "weighted", "views"])
def test_a_survey_is_found_again_and_says_its_loss(name, tmp_path):
    problem = UFM(SIZES, Sphere(8.0), TEMPERATURE, loss=LOSSES[name])
    one = screlax.survey_landscape(problem, [1, 4], starts=3, store=tmp_path)
    seen = []
    two = screlax.survey_landscape(
        problem, [1, 4], starts=3, store=tmp_path, progress=lambda done, _: seen.append(done)
    )
    assert seen == [6]
    assert [p.gap for p in one.points] == [p.gap for p in two.points]
    table = one.table()
    assert table["reached"][1] == 1
    assert table["values"][1] == 1
    assert str(problem.loss) in repr(one)


def test_gradients_whose_squares_underflow_do_not_lose_the_point():
    """At a value of 1e-160 L-BFGS asks for a point that is NaN."""
    problem = UFM([5, 12, 6], Sphere(8.0), 0.032, loss="class-averaged")
    lower = screlax.solve_relaxation(problem).lower
    assert 0 < lower < 1e-150
    for start in range(4):
        found = solve_nonconvex(problem, 4, lower=lower, tol=1e-12, seed=start)
        assert np.isfinite(found.embeddings).all()
        assert found.value >= lower


def test_no_certificate_is_above_the_value_of_embeddings_in_five_hundred_digits():
    """Where values are far below zero, or nearly zero, and weights spread over decades."""
    rng = np.random.default_rng(5)
    for number in range(24):
        sizes = np.exp(rng.uniform(0.7, 6, 3)).astype(int)
        weights = np.exp(rng.uniform(-4, 4, (3, 3)))
        loss = [
            screlax.losses.NegativesOnly(class_weights=weights[0]),
            screlax.losses.ClassAveraged(anchors="classes", class_weights=weights[0]),
            screlax.losses.RowSoftmax(*weights),
        ][number % 3]
        radius = 10 ** rng.uniform(-1, 1)
        problem = UFM(sizes, Sphere(radius), 10 ** rng.uniform(-1.2, 1), loss=loss)
        solution = screlax.solve_relaxation(problem)
        found = solve_nonconvex(problem, 4, lower=solution.lower, tol=1e-13)
        exact = value_in_many_digits(problem, found.embeddings)
        assert float(exact) == pytest.approx(found.value, rel=1e-11, abs=1e-13 * problem.anchors)
        assert exact >= mpmath.mpf(solution.lower)


def value_in_many_digits(problem, embeddings):
    """Return the objective of embeddings, brought onto the sphere exactly."""
    rows = build_program(problem, Level.CLASSES).loss
    with mpmath.workdps(500):
        norm = mpmath.mpf(problem.control.parameter)
        vectors = [list(map(mpmath.mpf, row)) for row in embeddings]
        scale = [mpmath.sqrt(norm / mpmath.fsum(x * x for x in v)) for v in vectors]
        total = mpmath.mpf(0)
        for c, mine in enumerate(vectors):
            entries = [
                mpmath.fdot(mine, other) * scale[c] * scale[b] / mpmath.mpf(problem.temperature)
                for b, other in enumerate(vectors)
            ]
            row = mpmath.mpf(rows.weight.own[c]) * mpmath.exp(entries[c])
            for b, entry in enumerate(entries):
                if b != c:
                    row += mpmath.mpf(rows.weight.pair[c, b]) * mpmath.exp(entry)
            total += mpmath.mpf(rows.anchors[c]) * (mpmath.log(row) - entries[c])
        return total

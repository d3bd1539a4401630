"""Embeddings against the optimum of every loss of the family: distances, gaps, and their words."""

import functools
import json
import math

import mpmath
import numpy as np
import pytest
from every_loss import (
    COMPARED,
    LOSSES,
    SIZES,
    TEMPERATURE,
    control_of,
    definition,
    every_compared_loss,
    every_control,
    every_loss,
)

import screlax
from screlax import UFM, Ridge, Sphere, compare, fit_control, solve_relaxation
from screlax.errors import InvalidInputError
from screlax.geometry import gram_distance
from screlax.gram.cells import CellGram, Level
from screlax.problem.program import build_program


@functools.cache
def solved(name, kind="sphere"):
    return solve_relaxation(UFM(SIZES, control_of(name, kind), TEMPERATURE, loss=LOSSES[name]))


def labels_of(sizes):
    return np.repeat(np.arange(len(sizes)), np.asarray(sizes))


@every_compared_loss
@every_control
def test_the_optimum_is_at_distance_zero(name, kind):
    solution = solved(name, kind)
    problem = solution.problem
    y = labels_of(problem.points)
    rows = solution.embeddings(6).vectors[y]
    shuffled = np.random.default_rng(0).permutation(len(y))
    for how in ("samples", "class-means"):
        if how == "samples" and name == "instance mix":
            found = compare(rows.reshape(-1, 2, 6), y[::2], solution, loss=how)
        else:
            found = compare(rows[shuffled], y[shuffled], solution, loss=how)
        assert found.gram_distance <= 1e-7
        assert found.sample_gram_distance <= 1e-7
        assert found.same_counts
        assert found.loss.level == how.replace("-", " ")
        assert found.loss.value == pytest.approx(solution.value, rel=1e-9)
        assert 0 < found.loss.relative_to_spread <= 2e-9


@every_compared_loss
def test_values_are_those_of_the_loss_of_the_problem(name):
    """Whatever made the embeddings: the definition, sample by sample, in any order."""
    solution = solved(name)
    y, rng = labels_of(solution.problem.points), np.random.default_rng(1)
    rows = solution.embeddings(4).vectors[y] + 0.3 * rng.standard_normal((len(y), 4))
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    views = solution.problem.loss.view_count
    shuffled = rng.permutation(len(y) // views)
    samples, label = rows.reshape(-1, views, 4)[shuffled], y[::views][shuffled]
    found = compare(samples if views > 1 else samples[:, 0], label, solution, normalize=True).loss
    expected = definition(name, unit, y)
    assert found.of == str(solution.problem.loss)
    assert found.level == "samples"
    assert found.value == pytest.approx(expected, rel=1e-12)
    assert found.gap == pytest.approx(expected - solution.lower, rel=1e-9)
    means = np.array([unit[y == c].mean(axis=0) for c in range(4)])
    found = compare(unit, y, solution, loss="class-means").loss
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    assert found.value == pytest.approx(definition(name, means[y], y), rel=1e-12)


@every_compared_loss
def test_many_embeddings_have_the_same_loss_without_a_matrix(name, monkeypatch):
    solution = solved(name)
    views = solution.problem.loss.view_count
    y, rng = labels_of(SIZES), np.random.default_rng(4)
    if "prototypes" in name:
        y, views = labels_of(solution.problem.points), 1
    rows = solution.embeddings(4).vectors[y][:, None] + 0.3 * rng.standard_normal(
        (len(y), views, 4)
    )
    order = rng.permutation(len(y))
    given = rows[order] if views > 1 else rows[order, 0]
    few = compare(given, y[order], solution).loss
    monkeypatch.setattr("screlax.comparison.evaluation.LARGEST_DENSE", 0)
    many = compare(given, y[order], solution, loss="samples").loss
    assert many.level == few.level == "samples"
    assert many.value == pytest.approx(few.value, rel=1e-13)
    assert many.gap == pytest.approx(few.gap, rel=1e-9)
    assert many.relative_to_spread == pytest.approx(few.relative_to_spread, rel=1e-9)


@every_loss
@pytest.mark.parametrize("level", [Level.CLASSES, Level.SAMPLES])
@pytest.mark.parametrize("length", [0.3, 2.0, 12.0])
def test_heights_have_their_digits(name, level, length):
    """Also where the loss is the infimum but for a part in 10^30."""
    problem = UFM(SIZES, Sphere(1.0), loss=LOSSES[name])
    loss = build_program(problem, level).loss
    frame = length * np.eye(problem.points.classes)
    if level is Level.SAMPLES:
        frame = frame[labels_of(problem.points)]
    gram = CellGram.from_matrix(frame @ frame.T)
    found, part = loss.height(gram)
    if loss.infimum == -math.inf:
        assert found == part == math.inf
        return
    if problem.loss.collapses:
        assert part == pytest.approx(0.0, abs=1e-14)
    weight, target = loss.weight, loss.target
    with mpmath.workdps(90):
        total = mpmath.mpf(0)
        for g, mass in enumerate(loss.anchors):
            if mass == 0:
                continue
            rows = [(weight.own[g], target.own[g], gram.own[g])]
            rows += zip(weight.pair[g], target.pair[g], gram.pair[g], strict=True)
            rows = [tuple(map(mpmath.mpf, entry)) for entry in rows]
            log_sum = mpmath.log(mpmath.fsum(w * mpmath.exp(x) for w, _, x in rows))
            mean = mpmath.fsum(t * (x + mpmath.log(w / t)) for w, t, x in rows if t > 0)
            row = log_sum - mean / mpmath.fsum(t for _, t, _ in rows)
            lost = 0.0 if loss.within is None else loss.within.lost[g]
            total += mpmath.mpf(mass) * (row + lost)
        expected = float(total)
    # weights of one third are rounded themselves, which the infimum feels
    rounded = level is Level.SAMPLES or not problem.loss.collapses
    error = 1e-14 * float(loss.anchors.sum()) if rounded else 1e-20 * expected
    assert found == pytest.approx(expected, rel=1e-12, abs=error)


ETF = np.vstack([np.eye(4), np.zeros((1, 4))]).T - 0.25 * np.array([[1, 1, 1, 1, 0]])


@pytest.mark.parametrize(
    ("loss", "temperature", "distance"),
    [
        ("class-averaged", 0.1, 0.110402),
        ("class-averaged", 0.5, 0.449343),
        ("class-averaged:anchors=classes", 0.1, 0.0),
        ("negatives-only", 0.1, 0.484009),
        ("negatives-only", 0.5, 0.843259),
    ],
)
def test_the_distance_of_a_simplex(loss, temperature, distance):
    sizes = [100, 50, 10, 2]
    solution = solve_relaxation(UFM(sizes, Sphere(1.0), temperature, loss=loss))
    y = labels_of(sizes)
    found = compare(ETF[y], y, solution, normalize=True)
    assert found.gram_distance == pytest.approx(distance, abs=2e-6)
    assert found.optimum_of.startswith(f"loss {loss},")
    assert (found.loss.relative_to_spread < 1e-8) == (distance == 0)


@every_compared_loss
def test_the_optimum_of_another_loss_is_never_optimal(name):
    solution, search = solved(name), True
    for other in COMPARED:
        best = solved(other)
        apart = np.abs(best.class_gram - solution.class_gram).max()
        if apart < 1e-3:
            continue  # views, and a few of SimCLR's positives, change nothing
        y = labels_of(solution.problem.class_sizes)
        found = compare(best.embeddings().vectors[y], y, solution, search=search)
        search = False  # what it adds takes most of the time, and is the same way for all
        assert found.gram_distance > 1e-4
        assert found.loss.relative_to_spread > 1e-7
        assert f"of {solution.problem.loss} (sphere 1, τ = {TEMPERATURE:g})" in found.table()
        assert str(solution.problem.loss) in repr(found)


# ----------------------------------------------------------------------- values below zero


def test_gaps_of_negative_values_are_by_value_and_spread():
    solution = solve_relaxation(UFM(SIZES, Sphere(8.0), TEMPERATURE, loss="negatives-only"))
    y = labels_of(SIZES)
    found = compare(np.sqrt(8.0) * np.eye(4)[y], y, solution)
    loss = found.loss
    assert loss.value < 0
    assert loss.floor == -math.inf
    assert loss.gap == pytest.approx(loss.value - solution.lower, rel=1e-9)
    assert loss.relative_to_spread == pytest.approx(loss.gap / -loss.value)
    shares = (loss.relative_gap, loss.relative_to_optimum, loss.relative_to_height)
    assert shares == (math.inf, math.inf, math.inf)
    assert f"{loss.gap:.3g}, {loss.relative_to_spread:.3g} of value and spread" in found.table()
    assert "height" not in found.table()
    record = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert record["loss"]["floor"] is None
    assert record["loss"]["of"] == "negatives-only"
    assert record["optimum_of"].startswith("loss negatives-only, control sphere")


def test_a_floor_below_zero_is_a_floor():
    loss = screlax.losses.RowSoftmax(1.0, 0.01, 1.0)
    solution = solve_relaxation(UFM(SIZES, Sphere(8.0), TEMPERATURE, loss=loss))
    y = labels_of(SIZES)
    found = compare(np.sqrt(8.0) * np.eye(4)[y], y, solution).loss
    assert found.floor == pytest.approx(4 * math.log(0.01))
    assert found.value == pytest.approx(found.floor + found.height)
    scale = abs(found.value) + found.height
    assert found.relative_to_spread == pytest.approx(found.gap / scale)
    assert found.relative_gap == found.relative_to_optimum == math.inf


# ----------------------------------------------------------------------- views and prototypes


def test_views_come_as_supcontrast_has_them():
    solution = solved("views")
    y, rng = labels_of(SIZES), np.random.default_rng(2)
    views = solution.embeddings(4).vectors[y][:, None] + 0.1 * rng.standard_normal((16, 2, 4))
    rows = views.reshape(-1, 4)
    one, two = compare(views, y, solution), compare(rows, np.repeat(y, 2), solution)
    assert one.samples == 32
    assert one.same_counts
    assert one.loss.level == "samples"
    assert one.loss == two.loss
    assert one.metrics == two.metrics
    first = compare(views[:, 0], y, solution)
    assert first.same_counts
    assert first.loss.level == "class means"
    assert "without all their views" in first.loss.reason
    with pytest.raises(InvalidInputError, match="class-means"):
        compare(views[:, 0], y, solution, loss="samples")
    flags = compare(views, y, solved("supcon"), loss="none").flags
    assert [flag.numbers for flag in flags if flag.name == "views"] == [{"given": 2, "of_loss": 1}]
    with pytest.raises(InvalidInputError, match="16 labels"):
        compare(np.vstack([views, views]), y, solution)


def test_which_rows_are_views_of_one_sample_is_never_guessed():
    """Where it matters: rows in any order would have another loss."""
    solution = solved("instance mix")
    y, rng = labels_of(SIZES), np.random.default_rng(3)
    views = solution.embeddings(4).vectors[y][:, None] + 0.1 * rng.standard_normal((16, 2, 4))
    assert compare(views, y, solution).loss.level == "samples"
    rows, label = views.reshape(-1, 4), np.repeat(y, 2)
    assert "give shape (n, views, d)" in compare(rows, label, solution).loss.reason
    with pytest.raises(InvalidInputError, match=r"give shape \(n, views, d\)"):
        compare(rows, label, solution, loss="samples")


def test_a_tracker_takes_views():
    solution, y = solved("views"), labels_of(SIZES)
    views = np.repeat(solution.embeddings(4).vectors[y][:, None], 2, axis=1)
    tracker = screlax.GeometryTracker(solution=solution)
    tracker.update(views[:7], y[:7])
    tracker.update(views[7:], y[7:])
    row = tracker.end_epoch()
    assert row["samples"] == 32
    assert row["gram_distance"] < 1e-7
    plain = screlax.GeometryTracker(solution=solved("weighted"))
    with pytest.raises(InvalidInputError, match=r"numpy\.repeat"):
        plain.update(views, y)


@every_compared_loss
def test_a_tracker_measures_from_the_optimum_of_the_loss(name):
    solution = solved(name)
    tracker = screlax.GeometryTracker(solution=solution)
    tracker.update(solved("supcon").embeddings(4).vectors, range(4))
    found = tracker.end_epoch()["gram_distance"]
    expected = gram_distance(solved("supcon").class_gram, solution.class_gram)
    assert found == pytest.approx(expected, abs=1e-9)


def test_an_optimum_that_leaves_samples_apart_is_one_of_samples():
    """NT-Xent: a simplex of all samples, of which the class means alone are not optimal."""
    solution = solved("self-supervised")
    assert not solution.collapses
    simplex = np.repeat(np.eye(16) - 1 / 16, 2, axis=0).reshape(16, 2, 16)
    y = labels_of(SIZES)
    found = compare(simplex, y, solution, normalize=True)
    assert found.gram_distance <= 1e-7
    assert math.isnan(found.sample_gram_distance)
    assert found.loss.level == "samples"
    assert found.loss.value == pytest.approx(solution.value, rel=1e-9)
    assert found.loss.relative_to_spread <= 1e-9
    means = compare(simplex, y, solution, normalize=True, loss="class-means").loss
    assert means.relative_to_spread > 0.05


def test_samples_say_nothing_of_free_prototypes():
    solution = solved("free prototypes")
    y = labels_of(SIZES)
    rows = solution.prototypes(8)[y]
    found = compare(rows, y, solution)
    assert found.gram_distance <= 1e-7
    assert found.loss is None
    for how in ("samples", "class-means"):
        with pytest.raises(InvalidInputError, match="variables of their own"):
            compare(rows, y, solution, loss=how)


def test_embeddings_below_zero_have_no_objective_of_nonnegative_ones():
    """A simplex is better than every nonnegative frame, and no proof is to be doubted for that."""
    solution = solve_relaxation(UFM(SIZES, Sphere(1.0), features="nonnegative"))
    y, simplex = labels_of(SIZES), np.eye(4) - 0.25
    frame = compare(np.eye(4)[y], y, solution).loss
    assert frame.relative_to_spread <= 1e-9
    found = compare(simplex[y], y, solution, normalize=True)
    assert found.loss is None
    assert "nonnegative features" in found.table()
    for how in ("samples", "class-means"):
        with pytest.raises(InvalidInputError, match="nonnegative"):
            compare(simplex[y], y, solution, normalize=True, loss=how)


# ----------------------------------------------------------------------- fitting a control


@pytest.mark.parametrize(
    "name", [name for name, loss in LOSSES.items() if loss.collapses] + ["soft"]
)
def test_the_sphere_of_every_loss_is_found_again(name):
    solution = solved(name)
    y = labels_of(SIZES)
    features = 3 * solution.prototypes(4)[y]  # their scale is free
    fit = fit_control(features, y, "sphere", temperature=TEMPERATURE, loss=LOSSES[name], points=13)
    if name == "class-averaged classes":  # a simplex at every radius
        assert fit.distance < 1e-6
        return
    assert fit.parameter == pytest.approx(1.0, rel=1e-3)
    assert fit.solution.problem.loss == solution.problem.loss
    assert str(fit).startswith(f"loss {solution.problem.loss}: sphere ")


def test_ridges_are_fitted_between_unbounded_and_zero():
    problem = UFM([50, 5, 2], Ridge(4.5), loss="negatives-only")
    assert problem.bounded_threshold() < 4.5 < problem.zero_threshold()
    y = labels_of([50, 5, 2])
    features = solve_relaxation(problem).prototypes(3)[y]
    fit = fit_control(features, y, "ridge", temperature=1.0, loss="negatives-only", points=13)
    assert fit.parameter == pytest.approx(4.5, rel=1e-3)
    with pytest.raises(InvalidInputError, match="no λ can be fitted"):
        fit_control(
            np.eye(3),
            range(3),
            "ridge",
            temperature=1.0,
            class_sizes=[5, 5, 5],
            loss="negatives-only",
        )


def test_views_are_counted_once_in_a_fit():
    solution, y = solved("views"), labels_of(SIZES)
    views = np.repeat(solution.embeddings(4).vectors[y][:, None], 2, axis=1)
    fit = fit_control(views, y, "sphere", temperature=TEMPERATURE, loss=LOSSES["views"], points=13)
    assert list(fit.solution.problem.class_sizes) == list(SIZES)
    assert fit.parameter == pytest.approx(1.0, rel=1e-3)


# ----------------------------------------------------------------------- what a value says


@every_loss
@pytest.mark.parametrize("own", [0.1, 3.0, 40.0])
def test_frames_have_the_height_of_their_matrix(name, own):
    problem = UFM(SIZES, Sphere(1.0), loss=LOSSES[name])
    frame = CellGram.from_matrix(own * np.eye(problem.points.classes))
    expected = build_program(problem, Level.CLASSES).loss.height(frame)[0]
    norms = np.full(problem.points.orbits, own)
    assert problem.loss.frame_height(problem.class_sizes, norms) == pytest.approx(
        expected, rel=1e-12
    )


@pytest.mark.parametrize(
    ("name", "seen"), [("views", False), ("weighted", False), ("negatives-only", True)]
)
def test_a_value_at_its_floor_says_nothing_of_angles(name, seen):
    """The loss without positives in its denominator has no floor."""
    problem = UFM(SIZES, Sphere(100.0), loss=LOSSES[name])
    assert solve_relaxation(problem).value_determines_geometry == seen

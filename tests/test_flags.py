"""What embeddings and the problem of an optimum do not agree in."""

import numpy as np
import pytest

import screlax
from screlax import Ridge, Sphere, compare, solve_relaxation

SIZES = [20, 12, 6, 4, 2]
LABELS = np.repeat(range(5), SIZES)


def solved(temperature=0.3, control=None, **kind):
    control = Sphere(1.0) if control is None else control
    return solve_relaxation(SIZES, control, temperature=temperature, **kind)


def flag(found, name):
    (only,) = [one for one in found.flags if one.name == name]
    return only


def noisy(solution, noise=0.05, dim=6, seed=0):
    best = solution.prototypes(dim)[LABELS]
    rows = best + noise * np.random.default_rng(seed).standard_normal(best.shape)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("batches", [None, "shuffle:size=16"])
def test_features_that_fit_raise_no_flag(batches):
    solution = solved(batches=batches)
    assert compare(noisy(solution), LABELS, solution).flags == ()


def test_features_behind_a_relu_are_compared_with_the_nonnegative_optimum_too():
    solution = solved()
    best = solve_relaxation(SIZES, Sphere(1.0), temperature=0.3, features="nonnegative")
    rows = np.abs(np.eye(5)[LABELS] + 0.05 * np.random.default_rng(0).standard_normal((44, 5)))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    found = compare(rows, LABELS, solution)
    other = compare(rows, LABELS, best)
    numbers = flag(found, "nonnegative").numbers
    assert numbers["distance"] == pytest.approx(other.gram_distance, rel=1e-12)
    assert numbers["distance_of_real"] == found.gram_distance > 3 * other.gram_distance
    assert numbers["relative_excess"] == pytest.approx(other.loss.gap / best.value, rel=1e-9)
    assert flag(found, "nonnegative").sentence in found.verdict.sentence
    assert not [one for one in other.flags if one.name == "nonnegative"]
    rows[3, 2] = -1e-9
    assert not [one for one in compare(rows, LABELS, solution).flags if one.name == "nonnegative"]


def test_zero_rows_are_counted():
    solution = solved(control=Ridge(0.3))
    rows = noisy(solution)
    rows[[0, 5, 43]] = 0.0
    found = flag(compare(rows, LABELS, solution), "zero rows")
    assert found.numbers == {"rows": 3, "share": 3 / 44}
    assert "3 of 44 embeddings are zero" in found.sentence


def test_what_a_dimension_below_the_rank_costs_is_certified():
    """No worse than the best of twenty starts by another method, and above the lower bound."""
    solution = solved(0.5)
    rows = np.random.default_rng(0).standard_normal((44, 2))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    found = compare(rows, LABELS, solution)
    numbers = flag(found, "dimension").numbers
    assert (numbers["dimension"], numbers["rank"]) == (2, 4)
    best = screlax.solve_nonconvex(solution.problem, 2, starts=20, lower=solution.lower)
    assert 0 < best.value - solution.lower <= numbers["cost"] * (1 + 1e-6)
    assert numbers["cost"] <= 1.05 * (best.value - solution.lower)
    assert numbers["cost"] <= found.loss.gap
    assert numbers["relative_cost"] == pytest.approx(numbers["cost"] / solution.value)
    wide = np.pad(noisy(solution, dim=4), ((0, 0), (0, 3)))
    assert not [one for one in compare(wide, LABELS, solution).flags if one.name == "dimension"]


def test_what_a_dimension_costs_a_loss_of_batches():
    """At most what leaving out directions of the optimum costs, which is quickly known."""
    solution = solved(0.5, batches="shuffle:size=16")
    rows = np.random.default_rng(0).standard_normal((44, 2))
    numbers = flag(compare(rows, LABELS, solution, normalize=True, draws=0), "dimension").numbers
    truncated = solution.embeddings(2, truncate=True)
    few = compare(truncated.vectors[LABELS], LABELS, solution, normalize=True, draws=0)
    assert numbers["cost"] == pytest.approx(few.loss.gap, rel=1e-9)


def test_a_wrong_temperature_is_named():
    solution = solved(0.1)
    trained = solved(0.8)
    found = compare(trained.prototypes(6)[LABELS], LABELS, solution)
    numbers = flag(found, "temperature").numbers
    assert numbers["temperature"] == pytest.approx(0.8, rel=0.02)
    assert numbers["distance"] < 0.01 < numbers["distance_here"]
    assert numbers["distance_here"] == found.gram_distance
    quiet = compare(trained.prototypes(6)[LABELS], LABELS, solution, search=False)
    assert quiet.flags == ()


def test_no_temperature_is_searched_where_the_loss_decides_nothing():
    counts = np.maximum(np.asarray(screlax.profile("cifar10-lt:100")) // 25, 2)
    solution = solve_relaxation(counts, Sphere(1.0), temperature=0.07)
    rows = solve_relaxation(counts, Sphere(1.0), temperature=0.1).prototypes(12)
    found = compare(rows, range(10), solution)
    assert found.gram_distance > 0.02
    assert found.verdict.case in ("reached", "undecided")
    assert "temperature" not in [one.name for one in found.flags]


def test_a_distance_that_norms_make_says_so_in_the_verdict():
    solution = solved()
    features = np.linspace(1.0, 4.0, len(LABELS))[:, None] * solution.prototypes(6)[LABELS]
    found = compare(features, LABELS, solution)
    assert found.verdict.case == "beyond"
    assert found.verdict.sentence.endswith(flag(found, "norms").sentence)
    assert compare(features, LABELS, solution, normalize=True).verdict.case == "reached"


def test_norms_that_are_not_those_of_the_control():
    solution = solved()
    rows = noisy(solution) * np.linspace(0.5, 3, 44)[:, None]
    found = compare(rows, LABELS, solution)
    numbers = flag(found, "norms").numbers
    assert numbers["smallest"] == pytest.approx(0.25)
    assert numbers["largest"] == pytest.approx(9.0)
    assert numbers["beyond"] == pytest.approx(8.0)
    assert "squared norm 1 for every row" in flag(found, "norms").sentence
    assert compare(rows, LABELS, solution, normalize=True).flags == ()
    assert compare(0.5 * noisy(solution), LABELS, solved(control=screlax.Ball(1.0))).flags == ()


def test_class_counts_that_differ():
    solution = solved()
    keep = np.r_[0:10, 20:44]
    found = flag(compare(noisy(solution)[keep], LABELS[keep], solution), "class counts")
    assert found.numbers["embeddings"] == 34
    assert found.numbers["samples"] == 44
    largest = max(abs(10 / 34 - 20 / 44), abs(12 / 34 - 12 / 44))
    assert found.numbers["largest_difference"] == pytest.approx(largest)


@pytest.mark.parametrize(("views", "given"), [(1, 2), (1, 3), (2, 3), (2, 1)])
def test_views_that_are_not_those_of_the_loss(views, given):
    solution = solved(loss=f"supcon:views={views}")
    rows = np.repeat(noisy(solution)[:, None], given, axis=1)
    found = compare(rows[:, 0] if given == 1 else rows, LABELS, solution)
    assert flag(found, "views").numbers == {"given": given, "of_loss": views}
    assert found.loss.level == "class means"
    assert [one.name for one in found.flags] == ["views"]
    same = np.repeat(noisy(solution)[:, None], views, axis=1)
    assert compare(same, LABELS, solution).flags == () or views == 1


def test_a_flag_is_in_table_and_data():
    found = compare(3 * noisy(solved()), LABELS, solved())
    assert found.flags[0].sentence.split(":")[0] in " ".join(found.table().split())
    assert found.to_dict()["flags"][0]["name"] == "norms"

"""Embeddings against the certified optimum, by independent dense formulas and invariances."""

import json

import numpy as np
import pytest
from problems import distance_of_grams
from scipy.linalg import orthogonal_procrustes
from scipy.stats import ortho_group

import screlax
from screlax.comparison import compare, fit_control
from screlax.errors import InvalidInputError

SIZES = [12, 7, 3, 5]
CONTROLS = [screlax.Ridge(0.05), screlax.Sphere(1.0), screlax.Ball(2.0), screlax.Budget(1.5)]


def solved(control=CONTROLS[0], sizes=SIZES, temperature=0.5):
    return screlax.solve_relaxation(sizes, control=control, temperature=temperature)


def noisy(solution, noise, dim=6, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.repeat(range(solution.problem.classes), solution.problem.class_sizes)
    best = solution.embeddings(dim).vectors[labels]
    return best + noise * rng.standard_normal(best.shape), labels


@pytest.mark.parametrize("control", CONTROLS)
def test_the_optimum_is_at_distance_zero(control):
    solution = solved(control)
    H, y = noisy(solution, 0.0)
    found = compare(H, y, solution)
    assert found.gram_distance < 1e-12
    assert found.sample_gram_distance < 1e-12
    assert found.residual < 1e-7
    assert found.scale == pytest.approx(1.0)
    assert abs(found.loss.relative_gap) < 1e-9
    assert found.loss.level == "samples"
    assert found.loss.value == pytest.approx(solution.value, rel=1e-9)
    assert found.nearest_mean_agreement == 1.0
    np.testing.assert_allclose(found.per_class.angles, 0.0, atol=1e-5)
    np.testing.assert_allclose(found.per_class.norms, found.per_class.optimal_norms)
    np.testing.assert_allclose(found.per_class.cosines, found.per_class.optimal_cosines)


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("noise", [0.01, 1.0])
def test_distances_are_those_of_dense_matrices(control, noise):
    solution = solved(control)
    H, y = noisy(solution, noise)
    found = compare(H, y, solution)
    G, best = H @ H.T, solution.sample_gram(y)
    assert found.sample_gram_distance == pytest.approx(distance_of_grams(G, best), abs=1e-13)
    M = np.array([H[y == c].mean(axis=0) for c in range(4)])
    G, best = M @ M.T, solution.class_gram
    assert found.gram_distance == pytest.approx(distance_of_grams(G, best), abs=1e-12)
    np.testing.assert_allclose(found.per_class.norms, np.linalg.norm(M, axis=1))
    np.testing.assert_allclose(found.class_gram, G, atol=1e-12)


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("loss", ["samples", "class-means"])
@pytest.mark.parametrize("noise", [0.0, 0.01, 1.0])
def test_no_embeddings_are_better_than_the_bound(control, loss, noise):
    solution = solved(control)
    H, y = noisy(solution, noise)
    found = compare(H, y, solution, loss=loss).loss
    assert found.relative_gap >= -1e-12
    assert found.relative_gap == pytest.approx((found.value - found.lower) / found.value)
    if noise == 1.0:
        assert found.relative_gap > 1e-3


def test_the_ridge_objective_is_the_definition():
    solution = solved()
    H, y = noisy(solution, 0.3)
    value = screlax.gram_loss(H @ H.T, y, temperature=0.5, reduction="sum")
    value += 0.05 / 2 * np.sum(H**2)
    assert compare(H, y, solution).loss.value == pytest.approx(value, rel=1e-12)


def test_infeasible_norms_are_scaled_and_reported():
    solution = solved(screlax.Sphere(1.0))
    H, y = noisy(solution, 0.0)
    found = compare(3 * H, y, solution)
    assert found.loss.violation == pytest.approx(8.0)
    assert abs(found.loss.relative_gap) < 1e-9
    assert found.scale == pytest.approx(1 / 3)
    fixed = compare(3 * H, y, solution, scale="fixed")
    assert fixed.scale == 1.0
    assert fixed.residual == pytest.approx(2.0)


@pytest.mark.parametrize("loss", ["samples", "class-means"])
def test_normalising_is_dividing_by_the_norm(loss):
    solution = solved(screlax.Sphere(1.0))
    H, y = noisy(solution, 0.3)
    H *= np.linspace(0.1, 9, len(y))[:, None]
    unit = H / np.linalg.norm(H, axis=1, keepdims=True)
    found, expected = (
        compare(H, y, solution, loss=loss, normalize=True),
        compare(unit, y, solution, loss=loss),
    )
    assert found.gram_distance == pytest.approx(expected.gram_distance, rel=1e-12)
    assert found.loss.value == pytest.approx(expected.loss.value, rel=1e-12)
    assert found.metrics.trace_ratio == pytest.approx(expected.metrics.trace_ratio, rel=1e-12)
    assert found.nearest_mean_agreement == expected.nearest_mean_agreement
    fits = [
        fit_control(H, y, "sphere", temperature=0.5, normalize=True),
        fit_control(unit, y, "sphere", temperature=0.5),
    ]
    assert fits[0].parameter == pytest.approx(fits[1].parameter, rel=1e-4)


@pytest.mark.parametrize("control", [screlax.Ball(2.0), screlax.Budget(2.0)])
def test_short_embeddings_are_feasible(control):
    solution = solved(control)
    H, y = noisy(solution, 0.0)
    found = compare(0.5 * H, y, solution).loss
    assert found.violation == 0.0
    assert found.relative_gap > 1e-3


def test_other_counts_than_the_problem_compare_class_means():
    solution = solved()
    H, y = noisy(solution, 0.1)
    keep = np.r_[0:8, 12:27]
    found = compare(H[keep], y[keep], solution)
    assert not found.same_counts
    assert found.loss.level == "class means"
    assert "differ" in found.loss.reason


@pytest.mark.parametrize("seed", range(3))
def test_rotation_and_order_change_nothing(seed):
    rng = np.random.default_rng(seed)
    solution = solved(screlax.Sphere(1.0))
    H, y = noisy(solution, 0.2, seed=seed)
    first = compare(H, y, solution)
    order = rng.permutation(len(y))
    other = compare((H @ ortho_group.rvs(6, random_state=seed))[order], y[order], solution)
    for name in ("gram_distance", "sample_gram_distance", "residual", "scale"):
        assert getattr(other, name) == pytest.approx(getattr(first, name), rel=1e-9)
    assert other.loss.value == pytest.approx(first.loss.value, rel=1e-12)
    np.testing.assert_allclose(other.per_class.angles, first.per_class.angles, atol=1e-6)


def test_labels_are_matched_by_name():
    names = np.array(["dog", "axolotl", "cat", "bird"])
    sizes = dict(zip(names.tolist(), SIZES, strict=True))
    labels = np.repeat(names, SIZES)
    problem = screlax.UFM.from_labels(labels, screlax.Ridge(0.05), 0.5)
    solution = screlax.solve_relaxation(problem)
    H = solution.embeddings().vectors[problem.class_index(labels)]
    found = compare(H, labels, solution)
    assert found.gram_distance < 1e-12
    of = found.per_class
    assert dict(zip(of.names, of.counts.tolist(), strict=True)) == sizes


def test_fewer_dimensions_than_the_rank():
    solution = solved()
    H, y = noisy(solution, 0.0)
    found = compare(H[:, :2], y, solution)
    assert found.rotation.shape == (2, 3)
    assert found.residual > 0.1
    assert found.loss.relative_gap > 0


def test_alignment_beats_every_other_rotation():
    solution = solved()
    H, y = noisy(solution, 0.3, dim=3)
    found = compare(H, y, solution)
    M = np.array([H[y == c].mean(axis=0) for c in range(4)])
    best = solution.embeddings(3).vectors
    for seed in range(20):
        other = found.scale * M @ ortho_group.rvs(3, random_state=seed)
        assert np.linalg.norm(other - best) >= found.residual * np.linalg.norm(best) - 1e-12
    rotated = found.scale * M @ found.rotation
    assert np.linalg.norm(rotated - best) / np.linalg.norm(best) == pytest.approx(found.residual)


def test_more_dimensions_than_classes():
    solution = solved()
    H, y = noisy(solution, 0.2, dim=40)
    found, narrow = (
        compare(H, y, solution),
        compare(H @ ortho_group.rvs(40, random_state=0), y, solution),
    )
    assert found.rotation.shape == (40, 3)
    assert narrow.residual == pytest.approx(found.residual, rel=1e-10)
    M = np.array([H[y == c].mean(axis=0) for c in range(4)])
    padded = np.pad(solution.embeddings().vectors, ((0, 0), (0, 37)))
    Q, total = orthogonal_procrustes(M, padded)
    best = total / np.linalg.norm(M) ** 2
    expected = np.linalg.norm(best * M @ Q - padded) / np.linalg.norm(padded)
    assert found.residual == pytest.approx(expected, rel=1e-10)


def test_the_loss_of_other_counts_is_never_of_samples():
    solution = solved()
    H, y = noisy(solution, 0.1)
    for rows, labels in ((H[::2], y[::2]), (np.repeat(H, 2, 0), np.repeat(y, 2))):
        with pytest.raises(InvalidInputError, match="class-means"):
            compare(rows, labels, solution, loss="samples")


def test_a_zero_embedding_on_a_sphere_is_a_violation():
    solution = solved(screlax.Sphere(1.0))
    H, y = noisy(solution, 0.0)
    H[y == 2] = 0.0
    found = compare(H, y, solution).loss
    assert found.violation == pytest.approx(1.0)
    assert found.relative_gap > 0


@pytest.mark.parametrize("scale", [1e-40, 1e40])
def test_distances_do_not_see_the_scale(scale):
    solution = solved()
    H, y = noisy(solution, 0.2)
    first, other = compare(H, y, solution), compare(scale * H, y, solution, loss="none")
    assert other.gram_distance == pytest.approx(first.gram_distance, rel=1e-12)
    assert other.sample_gram_distance == pytest.approx(first.sample_gram_distance, rel=1e-6)
    assert other.residual == pytest.approx(first.residual, rel=1e-10)
    found, expected = other.metrics.columns(), first.metrics.columns()
    assert found.pop("alignment") / scale / scale == pytest.approx(expected.pop("alignment"))
    assert found == pytest.approx(expected, rel=1e-6)
    assert other.nearest_mean_agreement == first.nearest_mean_agreement
    with pytest.raises(InvalidInputError, match="rescale"):
        compare(scale**2 * H, y, solution, loss="none")


def test_integer_labels_in_any_order_find_their_class():
    labels = np.repeat([7, -3, 100], [5, 3, 2])
    problem = screlax.UFM([3, 5, 2], screlax.Ridge(0.1), class_labels=[-3, 7, 100])
    np.testing.assert_array_equal(problem.class_index(labels), np.repeat([1, 0, 2], [5, 3, 2]))
    turned = screlax.UFM([2, 5, 3], screlax.Ridge(0.1), class_labels=[100, 7, -3])
    np.testing.assert_array_equal(turned.class_index(labels), np.repeat([1, 2, 0], [5, 3, 2]))


def test_any_label_is_ready_for_json():
    names = [b"x", ("a", 1), frozenset([2]), 3.5]
    labels = [name for name, size in zip(names, SIZES, strict=True) for _ in range(size)]
    solution = screlax.solve_relaxation(screlax.UFM(SIZES, screlax.Ridge(0.05), 0.5, names))
    H, _ = noisy(solved(), 0.1)
    H[:12] = 0.0
    json.dumps(compare(H, labels, solution).to_dict(), allow_nan=False)


def test_a_class_at_zero_has_no_angle():
    """As a final ReLU can leave it; everything else is compared all the same."""
    solution = solved()
    H, y = noisy(solution, 0.1)
    H[y == 2] = 0.0
    found = compare(H, y, solution)
    assert np.isnan(found.per_class.angles[2])
    assert np.isfinite(np.delete(found.per_class.angles, 2)).all()
    assert np.isfinite([found.gram_distance, found.residual, found.loss.relative_gap]).all()
    assert "nan" in found.table()
    fitted = fit_control(H, y, temperature=0.5)
    assert np.isfinite(fitted.distance)


def test_text_and_data_agree():
    solution = solved()
    found = compare(*noisy(solution, 0.1), solution)
    text, record = found.table(), found.to_dict()
    assert f"{found.gram_distance:.6g}" in text
    assert record["gram_distance"] == found.gram_distance
    assert len(record["per_class"]["norms"]) == 4
    assert f"{found.gram_distance:.4g}" in repr(found)


def test_many_classes_show_twenty_rows():
    sizes = list(range(2, 62))
    solution = solved(sizes=sizes)
    H, y = noisy(solution, 0.1, dim=80)
    table = compare(H, y, solution).table()
    assert len(table.split("angle°")[1].strip().splitlines()) == 20


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda H, y: (H, y[:-1]), "27 .* 26|26 .* 27"),
        (lambda H, y: (H[y != 2], y[y != 2]), "no sample has label 2"),
        (lambda H, y: (H, np.where(y == 3, 4, y)), "label 4 is no class"),
        (lambda H, y: (H[:, :0], y), "empty|at least one"),
        (lambda H, y: (0 * H, y), "all class means are zero"),
        (lambda H, y: (np.where(np.arange(6) == 4, np.nan, H), y), "nan"),
        (lambda H, y: (H + 1j, y), "complex"),
        (lambda H, y: (H[0], y), r"\(n, d\)|shape"),
    ],
)
def test_bad_input_is_named(change, message):
    solution = solved()
    with pytest.raises(InvalidInputError, match=message):
        compare(*change(*noisy(solution, 0.1)), solution)


def test_other_bad_arguments():
    solution = solved()
    H, y = noisy(solution, 0.1)
    with pytest.raises(InvalidInputError, match="must be a screlax Solution"):
        compare(H, y, solution.class_gram)
    with pytest.raises(InvalidInputError, match="loss must be"):
        compare(H, y, solution, loss="both")
    with pytest.raises(InvalidInputError, match="scale must be"):
        compare(H, y, solution, scale="yes")
    with pytest.raises(InvalidInputError, match="the optimum is zero"):
        compare(H, y, solved(screlax.Ridge(100.0)))


def test_without_what_costs_time():
    solution = solved()
    found = compare(*noisy(solution, 0.1), solution, loss="none", agreement=False)
    assert found.loss is None
    assert found.nearest_mean_agreement is None
    assert "at most" not in found.table()


@pytest.mark.parametrize(
    ("kind", "control"),
    [
        ("ridge", screlax.Ridge(0.03)),
        ("sphere", screlax.Sphere(2.0)),
        ("ball", screlax.Ball(1.0)),
        ("budget", screlax.Budget(3.0)),
    ],
)
@pytest.mark.parametrize("scale", ["free", "fixed"])
def test_the_parameter_is_found_again(kind, control, scale):
    solution = solved(control, sizes=[60, 20, 6, 3])
    H, y = noisy(solution, 0.0)
    fit = fit_control(H, y, kind, temperature=0.5, scale=scale)
    assert fit.parameter == pytest.approx(control.parameter, rel=1e-3)
    assert fit.distance < 1e-4
    assert fit.interval[0] <= fit.parameter <= fit.interval[1]
    assert not fit.at_edge
    assert fit.solution.problem.control.name == kind
    assert kind in str(fit)


def test_class_sizes_of_training_can_be_given():
    solution = solved(screlax.Ridge(0.03), sizes=[60, 20, 6, 3])
    rows = solution.embeddings().vectors
    fit = fit_control(rows, range(4), temperature=0.5, class_sizes=[60, 20, 6, 3])
    assert fit.parameter == pytest.approx(0.03, rel=1e-3)
    with pytest.raises(InvalidInputError, match="class_sizes has 3 classes"):
        fit_control(rows, range(4), temperature=0.5, class_sizes=[60, 20, 6])


def test_a_balanced_geometry_does_not_determine_the_ridge():
    """The simplex ETF is optimal for every λ: the interval is the whole range."""
    solution = solved(screlax.Ridge(0.03), sizes=[10, 10, 10])
    H, y = noisy(solution, 0.0)
    fit = fit_control(H + 1e-3, y, temperature=0.5)
    assert fit.interval[1] / fit.interval[0] > 1e5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "lasso"}, "kind must be"),
        ({"temperature": 0.0}, "temperature"),
        ({"scale": "x"}, "scale must be"),
        ({"points": 2}, "points must be"),
    ],
)
def test_bad_arguments_of_the_fit(options, message):
    with pytest.raises(InvalidInputError, match=message):
        fit_control(np.eye(4), [0, 0, 1, 1], **{"temperature": 0.5, **options})


def test_several_optima_are_compared_nearest_first():
    sizes = [40, 20, 10, 5]
    labels = np.repeat(range(4), sizes)
    solutions = [
        screlax.solve_relaxation(screlax.UFM(sizes, screlax.Sphere(1.0), 0.3, loss=loss))
        for loss in ("supcon", "class-averaged", "supcon in shuffle:size=16")
    ]
    rows = solutions[2].prototypes()[labels]
    found = screlax.compare(rows, labels, solutions)
    assert found[0].optimum_of == solutions[2].problem.description
    assert [one.gram_distance for one in found] == sorted(one.gram_distance for one in found)
    assert found[0].gram_distance < 1e-7 < found[1].gram_distance
    assert {one.optimum_of for one in found} == {s.problem.description for s in solutions}
    with pytest.raises(InvalidInputError, match=r"got \[\]"):
        screlax.compare(rows, labels, [])


def test_several_optima_of_the_same_classes_measure_the_embeddings_once(monkeypatch):
    calls = []

    def counted(*given, **options):
        calls.append(given)
        return screlax.geometry.class_statistics(*given, **options)

    monkeypatch.setattr("screlax.comparison.rows.class_statistics", counted)
    rows, labels = np.random.default_rng(0).normal(size=(30, 5)), np.repeat([0, 1, 2], [15, 10, 5])
    sphere = screlax.Sphere(1.0)
    optima = [screlax.solve_relaxation([15, 10, 5], sphere, temperature=t) for t in (0.2, 1.0)]
    together = compare(rows, labels, optima, normalize=True)
    assert len(calls) == 1
    alone = [compare(rows, labels, optimum, normalize=True) for optimum in optima]
    nearest = sorted(alone, key=lambda comparison: comparison.gram_distance)
    for one, other in zip(together, nearest, strict=True):
        assert one.gram_distance == other.gram_distance
        assert one.metrics == other.metrics
        assert one.nearest_mean_agreement == other.nearest_mean_agreement

"""Neural-collapse metrics against their definitions by loops, and where these mean nothing."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import distance_of_grams
from scipy.stats import ortho_group

from screlax.errors import InvalidInputError
from screlax.geometry import class_statistics, collapse_metrics, frame_metrics, uniformity

CENTRES = ("class_centred", "sample_centred", "uncentred")


def data(n=60, d=7, k=4, seed=0, offset=0.0):
    """Classes of very different sizes."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(k), rng.integers(0, rng.integers(1, k + 1, n - k))])
    return rng.standard_normal((n, d)) + rng.standard_normal((k, d))[labels] + offset, labels


def metrics_of(rows, labels):
    return collapse_metrics(class_statistics(rows, labels))


def by_definition(H, y):
    """Every number of every centre, with loops and a pseudo-inverse."""
    k, n = len(set(y.tolist())), len(H)
    members = [H[y == c] for c in range(k)]
    means = np.array([rows.mean(axis=0) for rows in members])
    within = sum((rows - mean).T @ (rows - mean) for rows, mean in zip(members, means, strict=True))
    variances = np.array([((rows - rows.mean(axis=0)) ** 2).sum() / len(rows) for rows in members])
    sizes = np.array([len(rows) for rows in members])
    centres = means.mean(axis=0), H.mean(axis=0), np.zeros(H.shape[1])
    found = {}
    for name, centre in zip(CENTRES, centres, strict=True):
        between = sum(np.outer(m - centre, m - centre) for m in means) / k
        found[f"{name}_within_between"] = np.trace(within / n @ np.linalg.pinv(between)) / k
        found[f"{name}_within_between_sum"] = np.trace(within / n @ np.linalg.pinv(between))
        found[f"{name}_trace_ratio"] = np.trace(within / n) / np.trace(between)
        found |= {f"{name}_{k}": v for k, v in frame_by_definition(means - centre).items()}
    pairs = list(itertools.combinations(range(k), 2))
    apart = [((means[a] - means[b]) ** 2).sum() for a, b in pairs]
    halves = [(variances[a] + variances[b]) / 2 for a, b in pairs]
    same = [
        ((rows[i] - rows[j]) ** 2).sum()
        for rows in members
        for i, j in itertools.combinations(range(len(rows)), 2)
    ]
    singular = np.linalg.svd(means, compute_uv=False)
    singular = singular[singular > 1e-13 * singular[0]]
    total = ((means - centres[1]) ** 2).sum(axis=1)
    return found | {
        "trace_ratio_by_samples": np.trace(within) / (sizes * total).sum(),
        "trace_ratio_by_classes": variances.sum() / ((means - centres[0]) ** 2).sum(),
        "class_distance_variance": np.mean(np.array(halves) / apart),
        "alignment": np.mean(same),
        "rank": (singular > 1e-3 * singular[0]).sum(),
        "effective_rank": np.exp(entropy(singular)),
        "effective_rank_of_gram": np.exp(entropy(singular**2)),
        "stable_rank": (singular**2).sum() / singular[0] ** 2,
    }


def entropy(weights):
    shares = weights / weights.sum()
    return -(shares * np.log(shares)).sum()


def frame_by_definition(vectors):
    k = len(vectors)
    norms = np.array([np.linalg.norm(v) for v in vectors])
    units = vectors / norms[:, None]
    pairs = list(itertools.combinations(range(k), 2))
    cosines = np.array([units[a] @ units[b] for a, b in pairs])
    apart = np.array([np.linalg.norm(units[a] - units[b]) for a, b in pairs])
    together = np.array([np.linalg.norm(units[a] + units[b]) for a, b in pairs])
    gram = vectors @ vectors.T
    return {
        "equinorm": np.std(norms) / np.mean(norms),
        "mean_cosine": cosines.mean(),
        "equiangularity": cosines.std(),
        "maximal_angle": np.abs(cosines + 1 / (k - 1)).mean(),
        "simplex_distance": distance_of_grams(gram, np.eye(k) - np.ones((k, k)) / k),
        "orthogonal_distance": distance_of_grams(gram, np.eye(k)),
        "angular_similarity": np.mean(1 - 2 * np.arctan2(apart, together) / np.pi),
        "uniformity": np.log(np.mean(np.exp(-2 * apart**2))),
        "log_distance": -np.log(apart).mean(),
    }


@pytest.mark.parametrize(("k", "d"), [(2, 5), (4, 7), (6, 3), (9, 9), (5, 200)])
@pytest.mark.parametrize("seed", range(3))
def test_metrics_are_their_definitions(k, d, seed):
    H, y = data(n=80, d=d, k=k, seed=seed)
    found, expected = metrics_of(H, y).columns(), by_definition(H, y)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-9, abs=1e-9), name


def test_a_mean_of_all_samples_next_to_that_of_the_largest_class():
    """Nothing of the difference is lost in products of the others."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [200_000, 1, 1])
    H = rng.standard_normal((3, 5))[y] + rng.standard_normal((len(y), 5)) * (y == 0)[:, None]
    means = np.array([H[y == c].mean(axis=0) for c in range(3)])
    expected = frame_by_definition(means - H.mean(axis=0))
    found = vars(metrics_of(H, y).sample_centred)
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-9)


def test_metrics_of_many_classes_are_their_definitions():
    H, y = data(n=400, d=150, k=60, offset=3.0)
    found, expected = metrics_of(H, y).columns(), by_definition(H, y)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-9), name


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1e-9, 1.0, 1e12, 1e-100, 1e100, 1e-140, 1e145]))
def test_metrics_do_not_see_rotation_order_names_or_scale(seed, scale):
    rng = np.random.default_rng(seed)
    H, y = data(seed=seed)
    order, names = rng.permutation(len(y)), rng.permutation(4)
    first = metrics_of(H, y).columns()
    turned = (scale * H @ ortho_group.rvs(7, random_state=seed))[order]
    other = metrics_of(turned, names[y][order]).columns()
    assert other.pop("alignment") == pytest.approx(scale**2 * first.pop("alignment"), rel=1e-9)
    assert other == pytest.approx(first, rel=1e-8)


def test_centres_agree_where_classes_are_equal_and_centred():
    H, _ = data(n=60, k=4)
    y = np.arange(60) % 4
    found = metrics_of(H, y)
    assert vars(found.sample_centred) == pytest.approx(vars(found.class_centred), rel=1e-12)
    assert found.trace_ratio_by_samples == pytest.approx(found.trace_ratio, rel=1e-12)
    assert found.trace_ratio_by_classes == pytest.approx(found.trace_ratio, rel=1e-12)
    moved = metrics_of(H - H.mean(axis=0), y).columns()
    for name in ("equinorm", "trace_ratio", "angular_similarity", "simplex_distance"):
        found = moved[f"class_centred_{name}"]
        assert moved[f"uncentred_{name}"] == pytest.approx(found, rel=1e-12)


def test_a_collapsed_simplex_is_zero_everywhere():
    y = np.repeat(np.arange(5), 3)
    found = metrics_of((np.eye(5) - 1 / 5)[y], y)
    zeros = ("within_between", "within_between_sum", "trace_ratio", "equinorm", "equiangularity",
             "maximal_angle", "simplex_distance")  # fmt: skip
    for name in zeros:
        assert getattr(found.class_centred, name) == pytest.approx(0.0, abs=1e-14), name
    assert found.class_distance_variance == pytest.approx(0.0, abs=1e-14)
    assert found.alignment == pytest.approx(0.0, abs=1e-30)
    assert found.class_centred.mean_cosine == pytest.approx(-1 / 4)
    assert found.class_centred.angular_similarity == pytest.approx(1 - math.acos(-1 / 4) / math.pi)
    assert found.class_centred.uniformity == pytest.approx(-2 * (2 + 1 / 2))
    assert found.class_centred.log_distance == pytest.approx(-math.log(2.5) / 2)
    assert found.rank == 4
    for name in ("effective_rank", "effective_rank_of_gram", "stable_rank"):
        assert getattr(found, name) == pytest.approx(4.0), name
    assert found.uncentred.orthogonal_distance > 0.3


def test_a_collapsed_orthogonal_frame_is_a_simplex_about_its_mean():
    y = np.repeat(np.arange(5), 3)
    found = metrics_of(np.eye(5)[y], y)
    assert found.uncentred.orthogonal_distance == pytest.approx(0.0, abs=1e-14)
    assert found.uncentred.angular_similarity == 0.5
    assert found.class_centred.simplex_distance == pytest.approx(0.0, abs=1e-14)
    assert found.rank == 5


# --------------------------------------------------------------------------- degenerate cases


def test_one_class_has_no_pairs_and_no_between():
    H, _ = data(n=10)
    found = metrics_of(H, np.zeros(10, int))
    for centre in (found.class_centred, found.sample_centred):
        assert all(math.isnan(value) for value in vars(centre).values())
    assert math.isnan(found.class_distance_variance)
    assert math.isnan(found.uncentred.within_between)
    assert found.rank == 1
    assert found.alignment > 0


def test_one_sample_a_class_has_no_spread_and_no_positive_pairs():
    found = metrics_of(np.random.default_rng(0).standard_normal((5, 8)), range(5))
    assert found.within_between == 0.0
    assert found.trace_ratio == 0.0
    assert found.class_distance_variance == 0.0
    assert math.isnan(found.alignment)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("value", [0.0, 0.1, 777.7])
def test_constant_features_have_no_geometry_about_their_mean(dtype, value):
    """However the sums of equal numbers are rounded."""
    rows = np.full((50, 6), value, dtype) * np.linspace(1, 1.3, 6).astype(dtype)
    found = metrics_of(rows, np.arange(50) % 3)
    for centre in (found.class_centred, found.sample_centred):
        assert all(math.isnan(number) for number in vars(centre).values())
    assert found.rank == (value != 0)
    assert found.effective_rank == pytest.approx(float(value != 0))
    assert found.alignment == pytest.approx(0.0, abs=1e-12 * value**2)


def test_a_class_at_the_centre_has_no_angle():
    """Of three means on a line the middle one is at the centre: to rounding it is zero."""
    rows = np.array([[0.1], [0.2], [0.3]]) * np.ones(4) / 3
    found = metrics_of(rows.repeat(3, axis=0), np.repeat([0, 1, 2], 3))
    assert math.isnan(found.class_centred.mean_cosine)
    assert found.class_centred.equinorm == pytest.approx(math.sqrt(2) / 2)
    assert found.uncentred.mean_cosine == pytest.approx(1.0)


def test_equal_directions_are_infinitely_near():
    found = frame_metrics(np.array([[1.0, 2.0], [2.0, 4.0], [1.0, 0.0]]))
    assert found.log_distance == math.inf
    assert found.uniformity < 0


@pytest.mark.parametrize("k", [2, 3, 4])
def test_a_simplex_has_its_angles_and_two_opposite_vectors_are_one(k):
    found = frame_metrics(3.0 * (np.eye(k) - 1 / k))
    assert found.mean_cosine == pytest.approx(-1 / (k - 1))
    for name in ("maximal_angle", "equiangularity", "equinorm", "simplex_distance"):
        assert getattr(found, name) == pytest.approx(0.0, abs=1e-15)


@pytest.mark.parametrize("apart", [1e-4, 1e-7, 1e-10])
def test_nearly_equal_directions_keep_their_digits(apart):
    found = frame_metrics(np.array([[1.0, 0.0, 0.0], [1.0, apart, 0.0]]))
    exact = 2 * math.sin(math.atan(apart) / 2)
    assert found.log_distance == pytest.approx(-math.log(exact), rel=1e-9)
    assert 1 - found.angular_similarity == pytest.approx(math.atan(apart) / math.pi, rel=1e-9)
    found = frame_metrics(np.array([[-1.0, 0.0, 0.0], [1.0, apart, 0.0]]))
    assert found.angular_similarity == pytest.approx(math.atan(apart) / math.pi, rel=1e-9)


def test_nearly_equal_class_means_keep_their_digits():
    offset = np.array([1e4, 0.0, 0.0])
    rows = np.array([[0, 0, 0], [0, 0, 2e-3], [1e-3, 0, 0], [1e-3, 2e-3, 0]]) + offset
    found = metrics_of(rows, [0, 0, 1, 1])
    means = np.array([[0, 0, 1e-3], [1e-3, 1e-3, 0]])
    expected = 1e-6 / ((means[0] - means[1]) ** 2).sum()
    assert found.class_distance_variance == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("offset", [1e2, 1e4])
@pytest.mark.parametrize(("k", "d"), [(4, 7), (10, 40)])
def test_metrics_that_are_centred_do_not_see_an_offset(offset, k, d):
    H, y = data(n=300, d=d, k=k)
    first, moved = metrics_of(H, y), metrics_of(H + offset, y)
    for centre in ("class_centred", "sample_centred"):
        expected = vars(getattr(first, centre))
        assert vars(getattr(moved, centre)) == pytest.approx(expected, rel=1e-7), centre
    for name in ("trace_ratio_by_samples", "class_distance_variance", "alignment"):
        assert getattr(moved, name) == pytest.approx(getattr(first, name), rel=1e-7), name


@pytest.mark.parametrize("small", [1e-3, 1e-6, 1e-9])
def test_effective_rank_of_means_with_a_small_direction(small):
    """The small singular value is not the root of a rounded eigenvalue."""
    turn = ortho_group.rvs(8, random_state=0)
    singular = np.array([1.0, 0.5, 0.2, small])
    means = (ortho_group.rvs(4, random_state=1) * singular) @ turn[:4]
    found = metrics_of(means, range(4))
    assert found.effective_rank == pytest.approx(np.exp(entropy(singular)), rel=1e-11)


def test_single_precision_has_its_six_digits():
    H, y = data(n=500, d=20, k=6)
    expected = metrics_of(H, y).columns()
    found = metrics_of(H.astype(np.float32), y).columns()
    assert found == pytest.approx(expected, rel=1e-4)


def test_statistics_without_scatter_have_no_trace_with_a_pseudo_inverse():
    H, y = data()
    found = collapse_metrics(class_statistics(H, y, within=False))
    assert math.isnan(found.within_between)
    assert found.trace_ratio == pytest.approx(metrics_of(H, y).trace_ratio)


def test_entries_that_are_not_finite_are_refused():
    H, y = data()
    H[3, 2] = np.inf
    with pytest.raises(InvalidInputError, match=r"embeddings\[3, 2\]"):
        metrics_of(H, y)


def test_a_table_of_all_numbers():
    found = metrics_of(*data())
    text = found.table()
    for name in found.columns():
        for centre in CENTRES:
            name = name.removeprefix(f"{centre}_")
        assert name.replace("_", " ") in text
    assert f"{found.sample_centred.equinorm:.6g}" in text


# ------------------------------------------------------------------------- uniformity of samples


@pytest.mark.parametrize("pairs", [1, 100, 1 << 22])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_uniformity_is_that_of_all_pairs(pairs, dtype, monkeypatch):
    monkeypatch.setattr("screlax.comparison.uniformity._PAIRS", pairs)
    H, _ = data(n=41)
    rows = (3 * H).astype(dtype)
    units = H / np.linalg.norm(H, axis=1, keepdims=True)
    apart = [((a - b) ** 2).sum() for a, b in itertools.combinations(units, 2)]
    for t in (2.0, 0.5):
        expected = np.log(np.mean(np.exp(-t * np.array(apart))))
        rel = 1e-5 if dtype == np.float32 else 1e-12
        assert uniformity(rows, t) == pytest.approx(expected, rel=rel)
    assert uniformity(np.eye(5)) == frame_metrics(np.eye(5)).uniformity


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.ones((1, 3)), "two or more"),
        (np.array([[1.0, 0.0], [0.0, 0.0]]), r"embeddings\[1\] is zero"),
        (np.array([[1.0, 0.0], [np.nan, 0.0]]), r"embeddings\[1, 0\]"),
    ],
)
def test_uniformity_of_what_has_no_direction_is_refused(rows, message):
    with pytest.raises(InvalidInputError, match=message):
        uniformity(rows)

"""A linear classifier against its class means, and classes of one size together."""

import itertools
import json
import math
import sys

import numpy as np
import pytest
from problems import distance_of_grams

import screlax
from screlax.cli import main
from screlax.errors import FileFormatError, InvalidInputError
from screlax.geometry import class_statistics, classifier_metrics, frame_metrics

SIZES = [30, 30, 12, 4, 4, 4]


def problem_data(seed=0, dim=9, offset=0.4, dtype=np.float64):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(6), SIZES))
    centres = rng.standard_normal((6, dim)) + offset
    rows = (centres[labels] + 0.9 * rng.standard_normal((len(labels), dim))).astype(dtype)
    weights = centres + 0.5 * rng.standard_normal((6, dim))
    return rows, labels, weights, rng.standard_normal(6)


def measured(rows, labels, weights, bias=None, **options):
    statistics = class_statistics(rows, labels, classes=np.arange(len(weights)))
    return classifier_metrics(rows, labels, statistics, weights, bias, **options)


def solved(sizes=SIZES):
    return screlax.solve_relaxation(screlax.UFM(sizes, screlax.Sphere(1.0), 0.5))


# ------------------------------------------------------------------------------------ duality


@pytest.mark.parametrize("seed", range(3))
def test_duality_is_its_definition(seed):
    rows, labels, W, bias = problem_data(seed)
    found = measured(rows, labels, W, bias)
    means = np.array([rows[labels == c].mean(axis=0) for c in range(6)])
    centres = {"class_centred": means.mean(axis=0), "sample_centred": rows.mean(axis=0),
               "uncentred": np.zeros(9)}  # fmt: skip
    for name, centre in centres.items():
        M = means - centre
        cosines = [w @ m / np.linalg.norm(w) / np.linalg.norm(m) for w, m in zip(W, M, strict=True)]
        expected = {
            "self_duality": np.linalg.norm(W / np.linalg.norm(W) - M / np.linalg.norm(M)),
            "structure_distance": distance_of_grams(W @ M.T, np.eye(6) - 1 / 6),
            "mean_cosine": np.mean(cosines),
            "cosine_deviation": np.std(cosines),
            "mean_angle": np.mean([math.degrees(math.acos(c)) for c in cosines]),
            "largest_angle": max(math.degrees(math.acos(c)) for c in cosines),
        }
        assert vars(getattr(found, name)) == pytest.approx(expected, rel=1e-11), name
    assert vars(found.frame) == pytest.approx(vars(frame_metrics(W)), rel=1e-11)
    np.testing.assert_allclose(found.norms, np.linalg.norm(W, axis=1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("with_bias", [False, True])
def test_decisions_are_those_of_all_scores_and_distances(dtype, with_bias):
    rows, labels, W, bias = problem_data(dtype=dtype)
    found = measured(rows, labels, W, bias if with_bias else None)
    means = np.array([rows[labels == c].astype(float).mean(axis=0) for c in range(6)])
    near = np.array([np.argmin([np.linalg.norm(h - m) for m in means]) for h in rows])
    decided = np.array([np.argmax(W @ h + bias * with_bias) for h in rows.astype(float)])
    assert 0.3 < (near == decided).mean() < 1
    assert found.agreement == (near == decided).mean()
    assert found.accuracy == (decided == labels).mean()
    recalls = [(decided[labels == c] == c).mean() for c in range(6)]
    assert found.balanced_accuracy == pytest.approx(np.mean(recalls), rel=1e-14)


def test_threads_decide_as_one(monkeypatch):
    rng = np.random.default_rng(0)
    rows, labels = rng.standard_normal((9000, 5)), rng.integers(0, 6, 9000)
    W, bias = rng.standard_normal((6, 5)), rng.standard_normal(6)
    alone = measured(rows, labels, W, bias)
    monkeypatch.setattr("screlax.comparison.blocks._SHARED", 1)
    monkeypatch.setattr("screlax.comparison.decisions._SCORES", 500)
    shared = measured(rows, labels, W, bias)
    for name in ("agreement", "accuracy", "balanced_accuracy"):
        assert getattr(shared, name) == getattr(alone, name)


def test_means_that_nearly_coincide_are_told_apart_by_differences():
    """Far from zero, where products of norms have lost what is between them."""
    means = np.array([[1e5, 1e5], [1e5 + 1e-4, 1e5], [0.0, 0.0]])
    labels = np.array([0, 0, 1, 1, 2])
    shift = np.array([[0, 1e-6], [0, -1e-6], [0, 1e-6], [0, -1e-6], [0, 0]])
    rows = means[labels] + shift
    W, bias = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, 0.0]]), np.array([2e5, 1e-5, 0])
    found = measured(rows, labels, W, bias)
    decided = np.argmax(rows @ W.T + bias, axis=1)
    assert found.agreement == (decided == labels).mean()


def test_a_classifier_that_is_dual():
    frame = 3 * (np.eye(4) - 1 / 4)
    labels = np.repeat(range(4), 3)
    found = measured((frame / 7)[labels], labels, frame)
    for name in ("class_centred", "sample_centred", "uncentred"):
        duality = getattr(found, name)
        zeros = (duality.self_duality, duality.structure_distance, duality.cosine_deviation)
        assert zeros == pytest.approx((0, 0, 0), abs=1e-12)
        assert duality.mean_cosine == pytest.approx(1.0)
        assert duality.largest_angle == pytest.approx(0.0, abs=1e-5)
    assert (found.agreement, found.accuracy, found.balanced_accuracy) == (1, 1, 1)


@pytest.mark.parametrize("scale", [1e-60, 1e60])
def test_duality_does_not_see_scales(scale):
    rows, labels, W, _ = problem_data()
    first, other = measured(rows, labels, W), measured(rows, labels, scale * W)
    for name in ("class_centred", "sample_centred", "uncentred", "frame"):
        expected = vars(getattr(first, name))
        assert vars(getattr(other, name)) == pytest.approx(expected, rel=1e-9)
    assert other.agreement == first.agreement


def test_a_classifier_of_zeros_has_no_direction():
    rows, labels, W, _ = problem_data()
    found = measured(rows, labels, 0 * W)
    assert math.isnan(found.class_centred.self_duality)
    assert math.isnan(found.frame.mean_cosine)
    assert found.accuracy == (labels == 0).mean()  # the first of equal scores


# ------------------------------------------------------------------------------------ compare


def test_compare_measures_a_classifier(tmp_path):
    rows, labels, W, bias = problem_data()
    np.save(tmp_path / "weights.npy", W)
    np.savez(tmp_path / "layer.npz", weight=W, bias=bias)
    solution = solved()
    expected = measured(rows, labels, W, bias)
    given = [
        {"classifier": W, "bias": bias},
        {"classifier": tmp_path / "layer.npz"},
        {"classifier": str(tmp_path / "weights.npy"), "bias": bias.tolist()},
    ]
    torch = pytest.importorskip("torch")
    layer = torch.nn.Linear(9, 6, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(W))
        layer.bias.copy_(torch.from_numpy(bias))
    given.append({"classifier": layer.weight, "bias": layer.bias})
    for options in given:
        found = screlax.compare(rows, labels, solution, **options)
        assert found.classifier.to_dict() == expected.to_dict()
    text, record = found.table(), found.to_dict()
    assert "classifier balanced accuracy" in text
    assert json.loads(json.dumps(record))["classifier"]["agreement"] == expected.agreement
    several = screlax.compare(rows, labels, [solution, solved([30] * 6)], classifier=W)
    assert [found.classifier.accuracy for found in several] == [
        measured(rows, labels, W).accuracy
    ] * 2
    assert screlax.compare(rows, labels, solution).classifier is None


def test_a_classifier_sees_normalised_embeddings():
    rows, labels, W, bias = problem_data()
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    found = screlax.compare(rows, labels, solved(), classifier=W, bias=bias, normalize=True)
    expected = measured(units, labels, W, bias)
    assert found.classifier.agreement == expected.agreement
    assert found.classifier.class_centred.self_duality == pytest.approx(
        expected.class_centred.self_duality, rel=1e-12
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda W, b: {"classifier": W.T, "bias": b}, "give its transpose"),
        (lambda W, b: {"classifier": W[:5], "bias": b}, r"\(6, 9\), a row .* got \(5, 9\)"),
        (lambda W, b: {"classifier": W, "bias": b[:5]}, r"each of the 6 classes, got \(5,\)"),
        (lambda W, b: {"classifier": W * np.nan}, "has an entry nan"),
        (lambda W, b: {"classifier": W, "bias": b / 0.0}, "has an entry -?inf"),
        (lambda W, b: {"classifier": W * 1e200}, r"at most 1e\+100"),
        (lambda W, b: {"classifier": W.astype(complex)}, "complex"),
        (lambda W, b: {"classifier": np.ma.masked_greater(W, 0)}, "mask"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_classifiers_that_do_not_fit_are_refused_before_any_work(change, message, monkeypatch):
    rows, labels, W, bias = problem_data()
    solution = solved()
    module = sys.modules["screlax.comparison.compare"]  # the package names the function so
    monkeypatch.setattr(module, "usable_statistics", None)
    with pytest.raises(InvalidInputError, match=message):
        screlax.compare(rows, labels, solution, **change(W, bias))


def test_files_that_hold_no_classifier_are_refused(tmp_path):
    rows, labels, W, bias = problem_data()
    np.savez(tmp_path / "layer.npz", weight=W, bias=bias)
    np.savez(tmp_path / "other.npz", first=W, second=bias)
    (tmp_path / "layer.onnx").write_bytes(b"x")
    for name, options, error, message in [
        ("layer.npz", {"bias": bias}, InvalidInputError, "has biases already"),
        ("other.npz", {}, FileFormatError, "name the array of weights weight"),
        ("layer.onnx", {}, FileFormatError, "a classifier must be an .npy or .npz file"),
        ("absent.npy", {}, FileFormatError, "no such file"),
    ]:
        with pytest.raises(error, match=message):
            screlax.compare(rows, labels, solved(), classifier=tmp_path / name, **options)


def test_biases_alone_are_refused():
    rows, labels, _, bias = problem_data()
    with pytest.raises(InvalidInputError, match="bias without a classifier"):
        screlax.compare(rows, labels, solved(), bias=bias)


def test_the_command_line_measures_a_classifier(tmp_path, capsys):
    rows, labels, W, bias = problem_data()
    solved().save(tmp_path / "solution.npz")
    np.save(tmp_path / "rows.npy", rows)
    np.save(tmp_path / "labels.npy", labels)
    np.savez(tmp_path / "layer.npz", weight=W, bias=bias)
    files = [str(tmp_path / name) for name in ("solution.npz", "rows.npy")]
    command = ["compare", *files, "--labels", str(tmp_path / "labels.npy")]
    assert main([*command, "--classifier", str(tmp_path / "layer.npz"), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["classifier"] == measured(rows, labels, W, bias).to_dict()
    assert main([*command, "--classifier", str(tmp_path / "rows.npy")]) == 2
    assert "classifier must have shape" in capsys.readouterr().err


# ------------------------------------------------------------------------------ groups of size


def test_groups_are_averages_over_classes_and_pairs():
    rows, labels, _, _ = problem_data()
    solution = solved()
    found = screlax.compare(rows, labels, solution)
    groups = found.groups
    assert groups.sizes.tolist() == [30, 12, 4]
    assert groups.classes.tolist() == [2, 1, 3]
    members = [[0, 1], [2], [3, 4, 5]]
    means = np.array([rows[labels == c].mean(axis=0) for c in range(6)])
    for g, classes in enumerate(members):
        norms = [np.linalg.norm(means[c]) for c in classes]
        assert groups.norms[g] == pytest.approx(np.mean(norms))
        assert groups.norm_deviations[g] == pytest.approx(np.std(norms), abs=1e-12)
        spreads = [((rows[labels == c] - means[c]) ** 2).sum(axis=1).mean() for c in classes]
        assert groups.spreads[g] == pytest.approx(np.mean(spreads))
        for h, others in enumerate(members):
            pairs = [(a, b) for a, b in itertools.product(classes, others) if a != b]
            cosines = [cosine(means[a], means[b]) for a, b in pairs]
            if not pairs:
                assert math.isnan(groups.cosines[g, h])
                continue
            assert groups.cosines[g, h] == pytest.approx(np.mean(cosines))
            assert groups.cosine_deviations[g, h] == pytest.approx(np.std(cosines), abs=1e-9)
    best = screlax.compare(solution.embeddings().vectors[labels], labels, solution).groups
    np.testing.assert_allclose(best.cosines, groups.optimal_cosines, atol=1e-9)
    np.testing.assert_allclose(best.norms, groups.optimal_norms, atol=1e-9)
    assert best.cosine_deviations[np.isfinite(best.cosines)].max() < 1e-7
    assert "cosine to 30" in found.table()
    assert found.to_dict()["groups"]["cosines"][1][1] is None


def cosine(first, second):
    return first @ second / np.linalg.norm(first) / np.linalg.norm(second)


def test_a_long_tail_has_no_groups():
    sizes = list(range(20, 2, -1))
    labels = np.repeat(np.arange(18), sizes)
    solution = solved(sizes)
    found = screlax.compare(solution.embeddings().vectors[labels], labels, solution)
    assert found.groups is None
    assert found.to_dict()["groups"] is None

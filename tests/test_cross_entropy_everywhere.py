"""Cross-entropy in solutions, their files and texts: what a user of the other losses expects."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

import screlax
from screlax import UFM, LayerPeeled, Normalized, Sphere, WeightDecay, errors, plots
from screlax.cli import main
from screlax.solution.orbit_geometry import solution_geometry

SIZES = [40, 12, 12, 3]
TEXTS = ["cross-entropy", "cross-entropy:additive=1,multiplicative=0.3"]
CONTROLS = [
    *(WeightDecay(0.2, 0.8), WeightDecay(1e-3, 10.0)),
    *(LayerPeeled(5.0, 1.0), Normalized(5.0)),
]
every_case = pytest.mark.parametrize(
    ("control", "text"), [(control, text) for control in CONTROLS for text in TEXTS], ids=str
)


def solved(control, text="cross-entropy", features="real", temperature=0.5):
    problem = UFM(SIZES, control, temperature, loss=text, features=features)
    return screlax.solve_relaxation(problem)


def objective(solution, features, classifier):
    """Return loss and penalty of features by class and a classifier, from the definition."""
    problem, loss = solution.problem, solution.problem.loss
    sizes = np.asarray(problem.class_sizes, dtype=float)
    orbit = problem.class_sizes.orbit_index()
    slope = loss.slopes(problem.class_sizes)[orbit]
    shift = loss.offsets(problem.class_sizes)[orbit] + solution.bias
    if isinstance(problem.control, Normalized):
        features = problem.control.scale * features / np.linalg.norm(features, axis=1)[:, None]
        classifier = classifier / np.linalg.norm(classifier, axis=1)[:, None]
    logits = slope * (features @ classifier.T) / problem.temperature + shift
    own = np.diagonal(logits)
    value = float(sizes @ (np.log(np.exp(logits).sum(axis=1)) - own))
    if problem.control.is_penalty:
        decay = problem.control
        value += decay.features / 2 * float(sizes @ np.square(features).sum(axis=1))
        value += decay.classifier / 2 * float(np.square(classifier).sum())
    return value


@every_case
def test_features_and_classifier_have_the_logits_and_the_value(control, text):
    solution = solved(control, text)
    features, classifier = solution.embeddings(), solution.classifiers()
    assert features.rank == classifier.rank == solution.rank == features.vectors.shape[1]
    scale = control.scale if isinstance(control, Normalized) else 1.0
    product = scale * features.vectors @ classifier.vectors.T
    np.testing.assert_allclose(product, solution.logits - solution.bias, atol=1e-9)
    cosines = np.diagonal(product) / scale / np.linalg.norm(features.vectors, axis=1)
    cosines = cosines / np.linalg.norm(classifier.vectors, axis=1)
    shown = solution_geometry(solution)["cosine_to_classifier"]
    np.testing.assert_allclose(shown[solution.problem.class_sizes.orbit_index()], cosines)
    gram = features.vectors @ features.vectors.T
    np.testing.assert_allclose(gram, solution.class_gram, atol=1e-9 * np.trace(gram))
    gram = classifier.vectors @ classifier.vectors.T
    np.testing.assert_allclose(gram, solution.classifier_gram, atol=1e-9 * np.trace(gram))
    value = objective(solution, features.vectors, classifier.vectors)
    assert value == pytest.approx(solution.value, rel=1e-9)
    wide = solution.classifiers(9).vectors
    assert wide.shape == (4, 9)
    np.testing.assert_array_equal(wide[:, : solution.rank], classifier.vectors)


@every_case
def test_truncation_costs_what_the_truncated_points_do(control, text):
    solution = solved(control, text)
    with pytest.raises(errors.EmbeddingDimensionError, match="raise the objective by"):
        solution.embeddings(2)
    features = solution.embeddings(2, truncate=True)
    classifier = solution.classifiers(2, truncate=True)
    assert features.value_lost == classifier.value_lost > 0
    value = objective(solution, features.vectors, classifier.vectors)
    assert value - solution.value == pytest.approx(features.value_lost, rel=1e-7)


def test_features_behind_a_relu_are_nonnegative_and_have_an_axis_each():
    solution = solved(WeightDecay(0.2, 0.8), features="nonnegative")
    features, classifier = solution.embeddings().vectors, solution.classifiers().vectors
    assert (features >= 0).all()
    assert solution.is_tight
    np.testing.assert_allclose(features @ classifier.T, solution.logits, atol=1e-12)
    assert objective(solution, features, classifier) == pytest.approx(solution.value, rel=1e-9)
    with pytest.raises(errors.EmbeddingDimensionError, match="use dim >= 4"):
        solution.classifiers(3)
    fewer = solution.embeddings(3, truncate=True)
    value = objective(solution, fewer.vectors, solution.classifiers(3, truncate=True).vectors)
    assert value - solution.value == pytest.approx(fewer.value_lost, rel=1e-9)


def test_other_losses_have_no_classifier():
    solution = screlax.solve_relaxation(SIZES, Sphere(1.0))
    with pytest.raises(errors.InvalidInputError, match="loss supcon has no classifier"):
        solution.classifiers()


@every_case
def test_files_are_proved_again_and_hold_the_same_numbers(control, text, tmp_path):
    solution = solved(control, text)
    loaded = screlax.Solution.load(solution.save(tmp_path / "optimum.npz"))
    assert loaded.problem == solution.problem
    assert loaded.upper == pytest.approx(solution.upper, rel=1e-13)
    assert loaded.status == "optimal"
    np.testing.assert_array_equal(loaded.logits, solution.logits)
    np.testing.assert_array_equal(loaded.classifier_gram, solution.classifier_gram)
    for level in ("orbits", "classes"):
        assert loaded.recheck(level).proves(1e-9)
    with pytest.raises(errors.SolverCapabilityError, match="not by samples"):
        loaded.recheck("samples")


FORGED = {
    "logit_own": (lambda a: a + np.array([0, 0.01, 0]), "claims"),
    "logit_pair": (lambda a: a + 0.01 * np.eye(len(a))[::-1], "claims|do not agree"),
    "bias": (lambda a: a + 0.1, "has a bias, and the loss has none"),
    "feature_mass": (lambda a: a * 2, "feature_mass is not that of the problem"),
    "classifier_mass": (lambda a: -a, "classifier_mass is not that of the problem"),
    "balance": (lambda a: a * 2, "balance 4.0 is not that of"),
    "scale": (lambda a: a * 2, "scale 1.0 is not the temperature 0.5"),
}


def changed(path: Path, name: str, change) -> Path:
    """Write a file again with one array changed."""
    with np.load(path) as file:
        arrays = dict(file)
    arrays[name] = change(arrays[name])
    np.savez_compressed(path, **arrays)
    return path


@pytest.mark.parametrize("name", FORGED)
def test_forged_numbers_are_refused(name, tmp_path):
    path = solved(WeightDecay(0.2, 0.8)).save(tmp_path / "optimum.npz")
    change, reason = FORGED[name]
    with pytest.raises(errors.FileFormatError, match=reason):
        screlax.Solution.load(changed(path, name, change))


def test_forged_controls_and_values_are_refused(tmp_path):
    path = solved(WeightDecay(0.2, 0.8)).save(tmp_path / "optimum.npz")

    def stronger(record):
        read = json.loads(str(record))
        read["control"][1] /= 2
        return np.array(json.dumps(read))

    with pytest.raises(errors.FileFormatError, match="balance"):
        screlax.Solution.load(changed(path, "record", stronger))
    path = solved(LayerPeeled(5.0, 1.0)).save(tmp_path / "peeled.npz")

    def other(record):
        return np.array(str(record).replace('"layer-peeled", 5.0', '"layer-peeled", 4.0'))

    with pytest.raises(errors.FileFormatError):
        screlax.Solution.load(changed(path, "record", other))
    path = solved(LayerPeeled(5.0, 1.0)).save(tmp_path / "longer.npz")
    grown = changed(changed(path, "logit_own", lambda a: a * 1.5), "logit_pair", lambda a: a * 1.5)
    with pytest.raises(errors.FileFormatError, match="logits are not within the control"):
        screlax.Solution.load(grown)


def test_a_file_is_a_plain_archive(tmp_path):
    path = solved(WeightDecay(0.2, 0.8)).save(tmp_path / "optimum.npz")
    names = zipfile.ZipFile(path).namelist()
    assert "logit_pair.npy" in names
    assert "pair_upper.npy" not in names


def test_text_and_json_have_both_numbers_and_the_classifier(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("counts.txt").write_text("\n".join(map(str, SIZES)), encoding="utf-8")
    arguments = ["solve", "--counts", "counts.txt", "--weight-decay", "0.2", "0.8"]
    assert main([*arguments, "--loss", "cross-entropy"]) == 0
    said = capsys.readouterr().out
    assert "weight-decay 0.2 0.8, temperature 1" in said
    assert "summed over samples" in said
    assert "‖w‖" in said
    assert main([*arguments, "--loss", "cross-entropy", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["problem"]["numbers"] == [0.2, 0.8]
    assert record["problem"]["parameter"] == pytest.approx(0.4)
    solution = screlax.solve_relaxation(UFM(SIZES, WeightDecay(0.2, 0.8), loss="cross-entropy"))
    norms = np.sqrt(np.diagonal(solution.classifier_gram))
    np.testing.assert_allclose(record["geometry"]["classifier_norm"], norms[[0, 1, 3]])
    cosine = np.diagonal(solution.logits) / norms / np.sqrt(np.diagonal(solution.class_gram))
    np.testing.assert_allclose(record["geometry"]["cosine_to_classifier"], cosine[[0, 1, 3]])


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda s: s.prototype_gram, "no prototypes; use classifier_gram"),
        (lambda s: s.class_prototype_gram, "no prototypes; use logits"),
        (lambda s: screlax.batch_floor(s), "a floor of batches is for losses of embeddings alone"),
        (lambda s: s.sensitivity(), "sensitivity is for losses of embeddings alone"),
        (lambda s: s.determinacy(), "determinacy is for losses of embeddings alone"),
        (lambda s: screlax.solve_nonconvex(s.problem, 4), "descent on embeddings is for losses"),
        (lambda s: screlax.survey_landscape(s.problem), "descent on embeddings is for losses"),
        (lambda s: screlax.check_second_order(s.problem, np.eye(4)), "descent on embeddings"),
        (
            lambda s: screlax.cvxpy_program(s.problem),
            "of cvxpy or cones to change is for",
        ),
        (lambda s: UFM(SIZES, Sphere(1.0), loss="cross-entropy"), "choose one of WeightDecay"),
        (lambda s: UFM(SIZES, WeightDecay(1, 1)), "choose one of Ridge, Ball, Sphere, Budget"),
        (
            lambda s: UFM(SIZES, WeightDecay(1, 1), loss="cross-entropy", batches="shuffle:size=4"),
            "the expectation over batches is the loss of all samples",
        ),
        (
            lambda s: screlax.regularization_path(s.problem, batch_sizes=[4]),
            "the expectation over batches is the loss of all samples",
        ),
        (
            lambda s: screlax.design(SIZES, Sphere(1.0), loss="cross-entropy"),
            "features and a classifier",
        ),
        (
            lambda s: screlax.design(SIZES, WeightDecay(1, 1), loss="cross-entropy"),
            "features and a classifier",
        ),
        (lambda s: screlax.gram_loss(np.eye(4), class_sizes=SIZES, loss="cross-entropy"), "gram_"),
        (
            lambda s: screlax.contrastive_loss(np.eye(4), [0, 0, 1, 1], loss="cross-entropy"),
            "contrastive_loss is for losses of embeddings alone",
        ),
        (
            lambda s: screlax.solve_relaxation(s.problem, solver="slack-vector"),
            "of embeddings alone; use solver='native'",
        ),
        (
            lambda s: screlax.solve_relaxation(s.problem, solver="burer-monteiro"),
            "use solver='native'",
        ),
        (
            lambda s: screlax.SweepPoint("mine", Sphere(1.0), counts=tuple(SIZES), loss=TEXTS[0]),
            "choose one of WeightDecay",
        ),
    ],
)
def test_what_is_not_known_of_it_is_refused_with_the_reason(call, reason):
    solution = solved(WeightDecay(0.2, 0.8))
    with pytest.raises(screlax.ScrelaxError, match=reason):
        call(solution)


def test_grids_pair_losses_with_controls_of_their_kind():
    points = screlax.grid(
        {"mine": SIZES},
        sphere=[1.0, 2.0],
        weight_decay=[(0.2, 0.8), (1.0, 1.0)],
        layer_peeled=(5.0, 1.0),
        loss=["supcon", "cross-entropy"],
    )
    pairs = [(point.loss.name, point.control) for point in points]
    assert pairs == [
        ("supcon", Sphere(1.0)),
        ("supcon", Sphere(2.0)),
        ("cross-entropy", WeightDecay(0.2, 0.8)),
        ("cross-entropy", WeightDecay(1.0, 1.0)),
        ("cross-entropy", LayerPeeled(5.0, 1.0)),
    ]
    assert len({point.key() for point in points}) == 5
    table = screlax.sweep(points)
    assert table.all_optimal
    assert table["numbers"][2:] == ["0.2 0.8", "1.0 1.0", "5.0 1.0"]
    assert table["parameter"][2] == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"weight_decay": 1.0}, r"weight-decay takes 2 numbers at a time \(features, classifier\)"),
        ({"weight_decay": [1.0, 2.0, 3.0]}, "takes 2 numbers"),
        ({"weight_decay": []}, "takes 2 numbers"),
        ({"weight_decay": [[-1.0, 1.0]]}, "features"),
        ({"weight_decay": (1.0, 1.0), "loss": "supcon"}, "choose one of Ridge"),
        ({"sphere": 1.0}, "choose one of WeightDecay"),
        ({"sphere": 1.0, "weight_decay": (1.0, 1.0)}, "choose one of WeightDecay"),
    ],
)
def test_grids_refuse_numbers_and_pairs_that_do_not_fit(given, reason):
    with pytest.raises(errors.InvalidInputError, match=reason):
        screlax.grid([SIZES], **{"loss": "cross-entropy", **given})


def test_losses_are_compared_under_controls_of_their_kind(tmp_path):
    controls = [Sphere(1.0), WeightDecay(1.0, 4.0), LayerPeeled(5.0, 1.0)]
    losses = ["supcon", "cross-entropy"]
    found = screlax.compare_losses("step:4,100", controls, losses=losses, imbalance=[1, 20])
    assert found.all_optimal
    assert list(found.series) == [
        "supcon (sphere 1)",
        "cross-entropy (weight-decay 1 4)",
        "cross-entropy (layer-peeled 5 1)",
    ]
    assert [row["imbalance"] for row in found.series["supcon (sphere 1)"]] == [1.0, 20.0]
    assert "sphere 1 or weight-decay 1 4 or layer-peeled 5 1" in found.in_common
    for row, solution in zip(found.rows, found.solutions, strict=True):
        if row["loss"] == "supcon":
            assert row["classifier_norm_smallest"] is row["classifier_etf_distance"] is None
            continue
        rows = solution.classifier_gram
        assert row["classifier_norm_smallest"] == pytest.approx(np.sqrt(rows[3, 3]))
        cosine = rows[2, 3] / np.sqrt(rows[2, 2] * rows[3, 3])
        assert row["classifier_cosine_smallest"] == pytest.approx(cosine, abs=1e-9)
    balanced = found.rows[1]
    assert balanced["classifier_etf_distance"] < 1e-6  # neural collapse
    assert found.rows[4]["classifier_etf_distance"] > 0.1
    text = found.write(tmp_path / "losses.csv").read_text(encoding="utf-8")
    assert ",weight-decay,1.0 4.0,2.0," in text
    assert "weight-decay 1 4" in found.table()
    assert "‖w‖ small" in found.table()
    figure = plots.plot_losses(found)
    labels = [line.get_label() for line in figure.axes[0].lines]
    assert "cross-entropy (weight-decay 1 4), rows of the classifier" in labels
    bars = plots.plot_losses(screlax.compare_losses(SIZES, controls, losses=losses))
    assert len(bars.axes[0].patches) == 5


def test_a_loss_without_a_control_of_its_kind_is_a_row_with_the_reason():
    found = screlax.compare_losses(SIZES, Sphere(1.0), losses=["supcon", "cross-entropy"])
    assert found.counts == {"optimal": 1, "refused": 1}
    assert "choose one of WeightDecay" in found.rows[1]["reason"]
    with pytest.raises(errors.InvalidInputError, match="is there twice"):
        screlax.compare_losses(SIZES, [Sphere(1.0), Sphere(1.0)])


def test_several_controls_on_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["losses", "--profile", "step:4,100", "--imbalance", "1,20", "--sphere", "1"]
    more = ["--loss", "supcon", "--loss", "cross-entropy", "--weight-decay", "1", "4"]
    assert main([*arguments, *more, "--plot", "losses.png"]) == 0
    assert "weight-decay 1 4" in capsys.readouterr().out
    assert Path("losses.png").stat().st_size > 10_000
    assert main(arguments[:-2]) == 2
    assert "no control was given" in capsys.readouterr().err


def test_a_path_moves_both_numbers_or_the_one_that_is_named():
    problem = UFM(SIZES, WeightDecay(0.2, 0.8), loss="cross-entropy")
    both = screlax.regularization_path(problem, [0.4, 0.8])
    assert both[0].problem.control.numbers == pytest.approx((0.2, 0.8))
    assert both[1].problem.control.numbers == pytest.approx((0.4, 1.6))
    one = screlax.regularization_path(problem, [0.8, 3.2], vary="classifier")
    assert [s.problem.control for s in one] == [WeightDecay(0.2, 0.8), WeightDecay(0.2, 3.2)]
    assert one[1].value == pytest.approx(both[1].value, rel=1e-9)  # the product counts
    table = screlax.path_table(one)
    assert table["classifier"].tolist() == [0.8, 3.2]
    assert table["parameter"] == pytest.approx([0.4, 0.8])
    norms = np.sqrt(np.diagonal(one[1].classifier_gram))
    assert table["classifier_norm_smallest"][1] == pytest.approx(norms[-1])
    assert plots.plot_path(one).get_xlabel() == "weight-decay λ_W"
    assert plots.plot_path(both).get_xlabel() == "weight-decay √(λ_H λ_W)"
    path = screlax.regularization_path(problem, vary="features", points=3)
    assert np.abs(path[0].class_gram).max() < 1e-9  # from where zero is optimal
    assert {s.problem.control.classifier for s in path} == {0.8}
    with pytest.raises(
        errors.InvalidInputError, match=r"no number 'class'.*it has features, class"
    ):
        screlax.regularization_path(problem, [1.0], vary="class")


def test_paths_and_collapse_on_the_command_line(capsys):
    model = ["--profile", "step:4,100,10", "--loss", "cross-entropy", "--weight-decay", "2", "8"]
    assert main(["path", *model, "--vary", "features", "--values", "2,4"]) == 0
    said = capsys.readouterr().out
    assert "features  classifier" in said
    assert main(["path", *model, "--determinacy"]) == 2
    assert "--determinacy is for losses of embeddings alone" in capsys.readouterr().err
    assert main(["solve", *model, "--determinacy"]) == 2
    assert "--determinacy is for losses of embeddings alone" in capsys.readouterr().err
    assert main(["collapse", *model]) == 0
    assert "2 classes of 10 samples: MERGED" in capsys.readouterr().out
    assert main(["collapse", *model, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["merged"] == [[2, 3]]
    assert record["control"] == ["weight-decay", 2.0, 8.0]


def test_features_and_classifier_are_saved_as_arrays(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = ["--profile", "step:4,100,10", "--loss", "cross-entropy", "--weight-decay", "1", "1"]
    files = ["--embeddings", "features.npy", "--classifier", "classifier.npy", "--dim", "6"]
    assert main(["solve", *model, *files, "--out", "optimum.npz"]) == 0
    assert "classifier.npy" in capsys.readouterr().out
    features, classifier = np.load("features.npy"), np.load("classifier.npy")
    assert features.shape == classifier.shape == (4, 6)
    logits = screlax.Solution.load("optimum.npz").logits
    np.testing.assert_allclose(features @ classifier.T, logits, atol=1e-9)
    assert main(["solve", "--profile", "step:4,100,10", "--sphere", "1", *files]) == 2
    assert "--classifier: loss supcon has none" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("control", "kind"),
    [
        (screlax.Normalized(4.0), {}),
        (WeightDecay(1, 1), {"features": "nonnegative"}),
        (WeightDecay(1, 1), {"loss": "cross-entropy:bias=true"}),
    ],
    ids=str,
)
def test_what_has_no_proof_against_rounding_is_refused_before_solving(control, kind, monkeypatch):
    monkeypatch.setattr("screlax.solve.solve.silent_solution", None)
    problem = UFM(SIZES, control, **{"loss": "cross-entropy", **kind})
    with pytest.raises(errors.SolverCapabilityError, match="no bias and norms that are not fixed"):
        screlax.solve_relaxation(problem, rigorous=True)

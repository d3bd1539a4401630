"""`compare` of features and a classifier with a certified optimum of cross-entropy."""

import json
import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import screlax
from screlax.errors import InvalidInputError

COUNTS = (12, 12, 5, 3)
LABELS = np.repeat(range(4), COUNTS)
DECAY = screlax.WeightDecay(0.3, 0.1)


@cache
def solved(control=DECAY, temperature=1.0, **options):
    loss = screlax.losses.CrossEntropy(**options)
    problem = screlax.UFM(COUNTS, control, temperature, loss=loss)
    return screlax.solve_relaxation(problem, tol=1e-7)


def optimum_of(solution):
    """Return features of classes and a classifier, (k, r) each, that are optimal."""
    return solution.embeddings().vectors, solution.classifiers().vectors


def plain_objective(rows, labels, W, bias, control, temperature=1.0, offset=0.0):
    """Sum over samples of cross-entropy and both decays, as a training loop has it."""
    scores = rows @ W.T / temperature + bias + offset
    total = np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(len(rows)), labels]
    return total.sum() + (
        control.features / 2 * np.sum(rows**2) + control.classifier / 2 * np.sum(W**2)
    )


def drawn(seed=0, dim=6, scale=1.0):
    rng = np.random.default_rng(seed)
    return scale * rng.standard_normal((32, dim)), scale * rng.standard_normal((4, dim))


def parts_of(split):
    return np.array([split.spread, split.alignment, split.angles, split.norms])


# -------------------------------------------------------------------------------- at the optimum


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_the_optimum_is_at_no_distance_and_has_no_excess(temperature):
    solution = solved(temperature=temperature)
    features, W = optimum_of(solution)
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((9, 9)))[0][: features.shape[1]]
    found = screlax.compare(features[LABELS] @ turn, LABELS, solution, classifier=W @ turn)
    assert found.gram_distance < 1e-9
    assert found.loss.gap <= solution.gap + 1e-11 * solution.value
    assert found.loss.value == pytest.approx(solution.value, rel=1e-7)
    logits = found.logits
    for distance in ("classifier", "joint", "logit", "centred_logit"):
        assert getattr(logits, f"{distance}_distance") < 1e-9
    assert logits.logit_error < 1e-9
    assert logits.balance == pytest.approx(1, abs=1e-5)
    assert vars(logits.duality) == pytest.approx(vars(logits.optimal_duality), abs=1e-5)
    np.testing.assert_allclose(logits.norms, logits.optimal_norms, rtol=1e-9)
    np.testing.assert_allclose(logits.cosines, logits.optimal_cosines, atol=1e-9)
    assert found.verdict.case == "reached"
    assert [flag.name for flag in found.flags] == []


def test_without_a_classifier_the_best_one_is_found():
    solution = solved()
    features, W = optimum_of(solution)
    found = screlax.compare(features[LABELS], LABELS, solution)
    assert found.loss.gap <= solution.gap + 1e-9 * solution.value
    assert found.logits.joint_distance < 1e-5
    np.testing.assert_allclose(found.logits.norms, np.linalg.norm(W, axis=1), rtol=1e-4)
    assert not found.logits.classifier_given
    assert found.classifier is None
    assert [flag.name for flag in found.flags] == ["classifier"]
    assert "best for them" in found.verdict.sentence


def test_what_may_be_moved_between_features_and_classifier_costs_but_is_at_no_distance():
    solution = solved()
    features, W = optimum_of(solution)
    found = screlax.compare(3 * features[LABELS], LABELS, solution, classifier=W / 3)
    assert found.logits.joint_distance < 1e-9
    assert found.logits.logit_error < 1e-9
    assert found.logits.balance == pytest.approx(81, rel=1e-4)
    assert found.split.norms == pytest.approx(found.loss.gap, rel=1e-5)
    assert {flag.name for flag in found.flags} == {"balance", "classifier"}
    assert found.verdict.case == "unfinished"


# ------------------------------------------------------------------------- the value and its split


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    dim=st.integers(1, 8),
    scale=st.floats(-3, 1).map(lambda power: 10**power),
    temperature=st.sampled_from([1.0, 0.5]),
)
def test_nothing_is_below_the_optimum_and_every_part_is_at_least_zero(
    seed, dim, scale, temperature
):
    rows, W = drawn(seed, dim, scale)
    solution = solved(temperature=temperature)
    found = screlax.compare(rows, LABELS, solution, classifier=W, search=False)
    value = plain_objective(rows, LABELS, W, 0, DECAY, temperature)
    assert found.loss.value == pytest.approx(value, rel=1e-12)
    assert value >= solution.lower
    assert found.loss.gap >= value - solution.lower
    assert found.loss.gap == pytest.approx(value - solution.lower, rel=1e-9)
    parts = parts_of(found.split)
    assert (parts >= 0).all()
    assert parts.sum() == pytest.approx(found.loss.gap, rel=1e-12)


def test_the_parts_by_hand():
    solution, (rows, W) = solved(), drawn(3)
    found = screlax.compare(rows, LABELS, solution, classifier=W)
    means = np.array([rows[c == LABELS].mean(axis=0) for c in range(4)])
    at_means = plain_objective(means[LABELS], LABELS, W, 0, DECAY)
    mu, n = math.sqrt(0.03), np.array(COUNTS)
    given, averaged, classifier = np.sum(rows**2), n @ np.sum(means**2, axis=1), np.sum(W**2)
    spread = at_means - plain_objective(rows, LABELS, W, 0, DECAY)
    spread += 0.15 * (given - averaged) - mu * (math.sqrt(given * classifier))
    spread += mu * math.sqrt(averaged * classifier)
    assert found.split.spread == pytest.approx(-spread, rel=1e-10)
    nuclear = np.linalg.svd(np.sqrt(n)[:, None] * (means @ W.T), compute_uv=False).sum()
    alignment = mu * (math.sqrt(averaged * classifier) - nuclear)
    assert found.split.alignment == pytest.approx(alignment, rel=1e-10)
    unused = (math.sqrt(0.3 * given) - math.sqrt(0.1 * classifier)) ** 2 / 2
    logits = (means @ W.T)[LABELS]

    def at_size(size):
        scores = size * logits
        loss = np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(32), LABELS]
        return loss.sum() + mu * size * nuclear

    saved = at_size(1) - min(at_size(size) for size in np.linspace(0, 2, 20001))
    assert found.split.norms == pytest.approx(unused + saved, rel=1e-6)


def test_differences_within_classes_alone():
    solution = solved()
    features, W = optimum_of(solution)
    noise = np.random.default_rng(1).standard_normal((32, features.shape[1]))
    for c in range(4):
        noise[c == LABELS] -= noise[c == LABELS].mean(axis=0)
    found = screlax.compare(
        features[LABELS] + 0.3 * noise, LABELS, solution, classifier=W, search=False
    )
    assert found.gram_distance < 1e-9
    assert found.split.largest[0] == "differences within classes"
    assert found.split.spread + found.split.norms > (1 - 1e-4) * found.loss.gap
    assert found.split.alignment < 1e-6


def test_alignment_alone():
    """Features with a part that no row of the classifier sees: the same logits, longer."""
    solution = solved()
    features, W = optimum_of(solution)
    rows = np.column_stack([features, np.full(4, 0.3)])
    found = screlax.compare(
        rows[LABELS], LABELS, solution, classifier=np.column_stack([W, np.zeros(4)])
    )
    assert found.split.spread < 1e-9
    assert found.split.angles + found.split.spread < 1e-5 * found.loss.gap
    assert found.split.alignment > 0.4 * found.loss.gap
    assert found.logits.logit_error < 1e-9


def test_class_means_and_other_counts():
    """Every class counts as often as in the problem, with the mean loss of the samples given."""
    solution, (rows, W) = solved(), drawn(5)
    labels = np.arange(32) % 4
    found = screlax.compare(rows, labels, solution, classifier=W)
    assert not found.same_counts
    scores = rows @ W.T
    each = np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(32), labels]
    each += 0.15 * np.sum(rows**2, axis=1)
    value = sum(n * each[labels == c].mean() for c, n in enumerate(COUNTS))
    assert found.loss.value == pytest.approx(value + 0.05 * np.sum(W**2), rel=1e-12)
    assert found.loss.level == "samples"
    assert "class counts" in [flag.name for flag in found.flags]
    means = np.array([rows[c == LABELS].mean(axis=0) for c in range(4)])
    at_means = screlax.compare(rows, LABELS, solution, classifier=W, loss="class-means")
    expected = plain_objective(means[LABELS], LABELS, W, 0, DECAY)
    assert at_means.loss.value == pytest.approx(expected, rel=1e-12)
    assert at_means.split.spread == 0
    none = screlax.compare(rows, LABELS, solution, classifier=W, loss="none")
    assert none.loss is None
    assert none.split is None
    assert none.verdict.case == "measured"
    assert none.logits.joint_distance == pytest.approx(at_means.logits.joint_distance)


def test_views_count_by_their_mean():
    solution, (rows, W) = solved(), drawn(6)
    views = np.stack([rows, rows + 0.1], axis=1)
    found = screlax.compare(views, LABELS, solution, classifier=W, search=False)
    values = [plain_objective(one, LABELS, W, 0, DECAY) for one in (rows, rows + 0.1)]
    assert found.loss.value == pytest.approx(np.mean(values), rel=1e-12)
    assert "class counts" not in [flag.name for flag in found.flags]


def test_small_losses_keep_their_digits():
    solution, (rows, W) = solved(), (40 * np.eye(4), np.eye(4))
    found = screlax.compare(rows[LABELS], LABELS, solution, classifier=W)
    penalty = 0.15 * 32 * 1600 + 0.05 * 4
    pair_loss = 32 * math.log1p(3 * math.exp(-40))
    assert found.loss.value == pytest.approx(penalty + pair_loss, rel=1e-13)


def test_a_rival_classifier_is_never_better_than_the_one_found():
    """The flag says what a better classifier saves; without one given that is what is used."""
    solution, (rows, W) = solved(), drawn(2)
    features = rows[[0, 12, 24, 29]][LABELS]
    best = screlax.compare(features, LABELS, solution).loss.value
    given = screlax.compare(features, LABELS, solution, classifier=W)
    flag = next(flag for flag in given.flags if flag.name == "classifier")
    assert given.loss.value - flag.numbers["saved"] == pytest.approx(best, rel=1e-8)
    for seed in range(20):
        _, other = drawn(seed, scale=0.3)
        assert screlax.compare(features, LABELS, solution, classifier=other).loss.value >= best


# --------------------------------------------------------------------------------------- recipes


def test_options_of_the_loss_are_those_of_the_objective():
    weights, offsets = [1.0, 2.0, 0.5, 3.0], [0.3, 0.0, -1.0, 0.2]
    loss = screlax.losses.CrossEntropy(offsets, [1.0, 1.5, 0.7, 2.0], class_weights=weights)
    solution = screlax.solve_relaxation(COUNTS, DECAY, loss=loss, tol=1e-6)
    for seed in range(5):
        rows, W = drawn(seed)
        found = screlax.compare(rows, LABELS, solution, classifier=W)
        scores = rows @ W.T * [1.0, 1.5, 0.7, 2.0] + offsets
        each = np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(32), LABELS]
        value = np.array(weights)[LABELS] @ each + 0.15 * np.sum(rows**2) + 0.05 * np.sum(W**2)
        assert found.loss.value == pytest.approx(value, rel=1e-12)
        assert (parts_of(found.split) >= 0).all()
    features, W = optimum_of(solution)
    at = screlax.compare(features[LABELS], LABELS, solution, classifier=W)
    assert at.loss.gap < 2e-6 * solution.value
    assert at.logits.joint_distance < 1e-6
    found = screlax.compare(features[LABELS], LABELS, solution)
    assert found.loss.gap < 1e-7 * solution.value


@pytest.mark.parametrize("bias", [False, True])
def test_bounds_on_mean_norms(bias):
    """Logits of the same pair, scaled to the bounds; the optimum uses them up."""
    control = screlax.LayerPeeled(3.0, 0.5)
    problem = screlax.UFM(COUNTS, control, loss=screlax.losses.CrossEntropy(bias=bias))
    solution = screlax.solve_relaxation(problem, solver="clarabel", tol=1e-6)
    features, W = optimum_of(solution)
    offsets = solution.bias if bias else None
    found = screlax.compare(
        5 * features[LABELS], LABELS, solution, classifier=W / 5, bias=offsets, search=False
    )
    assert found.loss.gap < 2e-6 * solution.value
    assert found.logits.logit_error < 1e-6
    assert found.logits.balance == pytest.approx(625, rel=1e-5)
    assert (parts_of(found.split) >= 0).all()
    n = np.array(COUNTS)
    for seed, scale in [(0, 0.05), (1, 0.5), (2, 5.0), (3, 50.0)]:
        rows, W = drawn(seed, scale=scale)
        b = np.random.default_rng(seed).standard_normal(4) * bias
        found = screlax.compare(rows, LABELS, solution, classifier=W, bias=b)
        mean = sum(np.mean(np.sum(rows[c == LABELS] ** 2, axis=1)) for c in range(4)) / 4
        both = mean / 3 * np.mean(np.sum(W**2, axis=1)) / 0.5
        scores = rows @ W.T / max(1, math.sqrt(both)) + b
        value = np.log(np.exp(scores).sum(axis=1)).sum() - scores[np.arange(n.sum()), LABELS].sum()
        assert found.loss.value == pytest.approx(value, rel=1e-10)
        assert found.loss.violation == pytest.approx(max(math.sqrt(both) - 1, 0), rel=1e-10)
        parts = parts_of(found.split)
        assert (parts >= 0).all()
        assert parts.sum() == pytest.approx(found.loss.gap, rel=1e-12)
        assert value >= solution.lower
    without = screlax.compare(features[LABELS], LABELS, solution)
    assert without.loss.gap < 1e-5 * solution.value


@pytest.mark.parametrize("control", [DECAY, screlax.LayerPeeled(8.0, 4.0)], ids=lambda c: c.name)
def test_nonnegative_features(control):
    problem = screlax.UFM(COUNTS, control, loss="cross-entropy", features="nonnegative")
    solution = screlax.solve_relaxation(problem)
    features, W = optimum_of(solution)
    at = screlax.compare(features[LABELS], LABELS, solution, classifier=W)
    assert at.loss.gap < 1e-9 * solution.value
    assert at.logits.joint_distance < 1e-9
    for seed in range(4):
        rows, W = drawn(seed)
        rows = np.abs(rows)
        found = screlax.compare(rows, LABELS, solution, classifier=W)
        parts = parts_of(found.split)
        assert (parts >= 0).all()
        assert parts.sum() == pytest.approx(found.loss.gap, rel=1e-12)
    with pytest.raises(InvalidInputError, match="below zero"):
        screlax.compare(-rows, LABELS, solution, classifier=W, loss="samples")
    assert screlax.compare(-rows, LABELS, solution, classifier=W).loss is None


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_fixed_norms(bias, temperature):
    """Any features and rows are divided by their norms; multipliers say what norms cost."""
    loss = screlax.losses.CrossEntropy(bias=bias)
    problem = screlax.UFM(COUNTS, screlax.Normalized(3.0), temperature, loss=loss)
    solver = "clarabel" if bias else "auto"
    solution = screlax.solve_relaxation(problem, solver=solver, tol=1e-6)
    features, W = optimum_of(solution)
    offsets = solution.bias if bias else None
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, rtol=1e-6)
    at = screlax.compare(features[LABELS], LABELS, solution, classifier=7 * W, bias=offsets)
    assert at.loss.gap < 3e-6 * solution.value
    assert at.logits.joint_distance < 1e-6
    assert at.logits.logit_error < 1e-6
    assert math.isnan(at.logits.balance)
    assert (np.abs(parts_of(at.split)) < 3e-6 * solution.value).all()
    lengths = np.random.default_rng(0).uniform(0.2, 5.0, (4, 1))
    longer = screlax.compare(
        5 * features[LABELS], LABELS, solution, classifier=lengths * W, normalize=True, bias=offsets
    )
    assert longer.logits.joint_distance < 1e-6
    assert longer.logits.classifier_distance < 1e-6
    np.testing.assert_allclose(longer.logits.norms, lengths[:, 0], rtol=1e-6)
    for seed in range(6):
        rows, W = drawn(seed)
        b = np.random.default_rng(seed).standard_normal(4) * bias
        found = screlax.compare(rows, LABELS, solution, classifier=W, bias=b, search=False)
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        scores = 3 * unit @ (W / np.linalg.norm(W, axis=1, keepdims=True)).T / temperature + b
        value = np.log(np.exp(scores).sum(axis=1)).sum() - scores[np.arange(32), LABELS].sum()
        assert found.loss.value == pytest.approx(value, rel=1e-12)
        assert value > solution.lower
        parts = parts_of(found.split)
        assert (parts >= 0).all()
        assert parts.sum() == pytest.approx(found.loss.gap, rel=1e-12)
        assert "norms" in [flag.name for flag in found.flags]
    without = screlax.compare(features[LABELS], LABELS, solution)
    assert without.loss.gap < 1e-4 * solution.value


def test_features_behind_a_relu_are_set_against_the_optimum_of_such():
    relu = screlax.solve_relaxation(
        screlax.UFM(COUNTS, DECAY, loss="cross-entropy", features="nonnegative")
    )
    features, W = optimum_of(relu)
    found = screlax.compare(features[LABELS], LABELS, solved(), classifier=W)
    flag = next(flag for flag in found.flags if flag.name == "nonnegative")
    assert flag.numbers["distance"] < 1e-9
    assert flag.numbers["distance_of_real"] == found.gram_distance > 0.3
    assert flag.numbers["relative_excess"] < 1e-9
    assert found.split.largest[0] == "alignment of classifier and class means"


def test_features_that_are_not_centred_are_told():
    solution = solved()
    features, W = optimum_of(solution)
    rows = features[LABELS] + 2.0
    found = screlax.compare(rows, LABELS, solution, classifier=W, search=False)
    assert "offset" in [flag.name for flag in found.flags]


def test_few_dimensions_are_told_with_what_they_cost():
    solution = solved()
    rows, W = drawn(dim=2)
    found = screlax.compare(rows, LABELS, solution, classifier=W)
    flag = next(flag for flag in found.flags if flag.name == "dimension")
    assert flag.numbers["rank"] == 3
    assert 0 < flag.numbers["cost"] < found.loss.gap


def test_several_optima_are_ranked():
    entropy = solved()
    contrast = screlax.solve_relaxation(COUNTS, screlax.Sphere(1.0))
    features, W = optimum_of(entropy)
    found = screlax.compare(features[LABELS], LABELS, [contrast, entropy], classifier=W)
    assert [one.logits is None for one in found] == [False, True]
    assert found[0].gram_distance < 1e-9 < found[1].gram_distance


# ------------------------------------------------------------------------------------- containers


def test_tensors_files_and_labels_of_words(tmp_path):
    torch = pytest.importorskip("torch")
    words = np.array(["ape", "bee", "cat", "dog"])
    control = screlax.WeightDecay(0.3, 0.1)
    counts = dict(zip(words, COUNTS, strict=True))
    solution = screlax.solve_relaxation(counts, control, loss="cross-entropy", tol=1e-7)
    rows, W = drawn(7)
    order = np.random.default_rng(0).permutation(32)
    expected = screlax.compare(rows[order], words[LABELS[order]], solution, classifier=W)
    layer = torch.nn.Linear(6, 4, bias=False, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(W))
    np.save(tmp_path / "features.npy", rows)
    np.savez(tmp_path / "layer.npz", weight=W, bias=np.zeros(4))
    for one in [
        screlax.compare(torch.from_numpy(rows), words[LABELS], solution, classifier=layer.weight),
        screlax.compare(
            tmp_path / "features.npy", words[LABELS], solution, classifier=tmp_path / "layer.npz"
        ),
    ]:
        assert one.loss.value == pytest.approx(expected.loss.value, rel=1e-12)
        assert one.logits.joint_distance == pytest.approx(expected.logits.joint_distance)
    assert one.per_class.names == ("ape", "bee", "cat", "dog")
    record = json.loads(json.dumps(one.to_dict()))
    assert record["logits"]["norms"] == pytest.approx(np.linalg.norm(W, axis=1))
    assert record["split"]["alignment"] == one.split.alignment
    assert "alignment of classifier and class means" in one.table()


def test_single_precision_is_evaluated_in_double():
    solution, (rows, W) = solved(), drawn(8)
    small = rows.astype(np.float32)
    found = screlax.compare(small, LABELS, solution, classifier=W.astype(np.float32))
    W = W.astype(np.float32).astype(float)
    value = plain_objective(small.astype(float), LABELS, W, 0, DECAY)
    assert found.loss.value == pytest.approx(value, rel=1e-12)


def test_blocks_and_threads_change_nothing(monkeypatch):
    solution, (rows, W) = solved(), drawn(9)
    alone = screlax.compare(rows, LABELS, solution, classifier=W)
    monkeypatch.setattr("screlax.comparison.blocks._SHARED", 1)
    monkeypatch.setattr("screlax.comparison.logits_reader._SCORES", 20)
    shared = screlax.compare(rows, LABELS, solution, classifier=W)
    assert shared.loss.value == pytest.approx(alone.loss.value, rel=1e-14)
    assert shared.split.spread == pytest.approx(alone.split.spread, rel=1e-12)


def test_normalised_features():
    solution, (rows, W) = solved(), drawn(10)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    found = screlax.compare(rows, LABELS, solution, classifier=W, normalize=True)
    expected = plain_objective(unit, LABELS, W, 0, DECAY)
    assert found.loss.value == pytest.approx(expected, rel=1e-12)


# ----------------------------------------------------------------------------------------- errors


def test_a_bias_without_one_in_the_loss_is_refused_before_anything_is_read():
    rows, W = drawn()
    with pytest.raises(InvalidInputError, match=r"CrossEntropy\(bias=True\)"):
        screlax.compare(rows, LABELS, solved(), classifier=W, bias=[0.1, 0, 0, 0])
    with pytest.raises(InvalidInputError, match="the classifier has a bias"):
        screlax.compare(
            np.full((32, 6), np.nan), LABELS, solved(), classifier=W, bias=[0.1, 0, 0, 0]
        )
    found = screlax.compare(rows, LABELS, solved(), classifier=W, bias=np.zeros(4))
    assert found.loss.value > solved().value


def test_a_classifier_of_another_shape_is_refused():
    rows, W = drawn()
    with pytest.raises(InvalidInputError, match="give its transpose"):
        screlax.compare(rows, LABELS, solved(), classifier=W.T)
    with pytest.raises(InvalidInputError, match=r"\(4, 6\)"):
        screlax.compare(rows, LABELS, solved(), classifier=W[:3])


def test_a_forged_optimum_is_not_believed():
    from dataclasses import replace

    solution = solved()
    better = replace(solution.certificate, upper=2 * solution.upper, lower=1.9 * solution.lower)
    forged = replace(solution, certificate=better)
    features, W = optimum_of(solution)
    with pytest.raises(screlax.errors.SolverFailedError, match="proves nothing"):
        screlax.compare(features[LABELS], LABELS, forged, classifier=W)


def test_the_page_and_notebooks_say_every_part():
    from screlax.report.metrics import metric_columns
    from screlax.report.page import page_html

    solution, (rows, W) = solved(), drawn(4)
    found = screlax.compare(rows, LABELS, solution, classifier=W)
    text, metrics = page_html(solution, {"features.npy": found}), metric_columns(found)
    assert all(f"{name} {part:,.3g}" in text for name, part in found.split.parts.items())
    assert metrics["joint_distance"] == found.logits.joint_distance
    assert metrics["duality_self_duality"] == found.logits.duality.self_duality
    assert found.verdict.sentence.split(";")[0] in found._repr_html_()


def test_the_stated_rounding_holds():
    """Against forty digits, also where logits are long."""
    mpmath = pytest.importorskip("mpmath")
    from screlax.comparison.logits_reader import FeatureReader
    from screlax.comparison.rows import HeldRows

    solution = solved()
    for seed, scale in enumerate([1e-3, 0.3, 3.0, 30.0, 3e3]):
        rows, W = drawn(seed, scale=scale)
        found = screlax.compare(rows, LABELS, solution, classifier=W, search=False)
        reader = FeatureReader(solution.problem, HeldRows(rows), LABELS, normalize=False)
        sums = reader.sums()
        pair = reader.pair(sums, reader.classifier(W), np.zeros(4)).pair
        with mpmath.workdps(40):
            scores = mpmath.matrix(rows.tolist()) * mpmath.matrix(W.tolist()).T
            exact = mpmath.mpf(0)
            for i, c in enumerate(LABELS):
                exact += mpmath.log(sum(mpmath.exp(scores[i, j]) for j in range(4))) - scores[i, c]
            exact += mpmath.mpf(0.3) / 2 * sum(mpmath.mpf(x) ** 2 for x in rows.ravel())
            exact += mpmath.mpf(0.1) / 2 * sum(mpmath.mpf(x) ** 2 for x in W.ravel())
            error = abs(float(exact - mpmath.mpf(found.loss.value)))
        assert error <= pair.objective.rounding < 1e-11 * (1 + scale**2) * found.loss.value


def test_the_stated_rounding_is_relative_to_small_losses():
    """Where the optimum is 1e-6 of a loss, what is stated of it is not 1e-6 of that."""
    problem = screlax.UFM(COUNTS, screlax.Normalized(15.0), loss="cross-entropy")
    solution = screlax.solve_relaxation(problem)
    features, W = optimum_of(solution)
    assert solution.value < 1e-4
    found = screlax.compare(features[LABELS], LABELS, solution, classifier=W)
    assert found.loss.relative_to_optimum < 1e-9
    assert found.verdict.case == "reached"


def test_rows_without_a_direction_where_norms_are_fixed():
    """In one dimension the mean of a class can be zero, and so can a row that is given."""
    problem = screlax.UFM(COUNTS, screlax.Normalized(3.0), loss="cross-entropy")
    solution = screlax.solve_relaxation(problem)
    rows = np.ones((32, 1))
    rows[:6] = -1.0
    for options in ({}, {"classifier": np.array([[1.0], [-1.0], [0.0], [2.0]])}):
        found = screlax.compare(rows, LABELS, solution, **options)
        assert math.isfinite(found.logits.joint_distance)
        assert found.loss.value > solution.lower


# -------------------------------------------------------------------------------------------- fit


def test_the_product_of_decays_is_fitted_from_features_alone():
    control = screlax.WeightDecay(0.6, 0.1)
    problem = screlax.UFM(COUNTS, control, loss="cross-entropy", features="nonnegative")
    norms = np.sqrt(np.diagonal(screlax.solve_relaxation(problem).class_gram))
    kind = {"temperature": 1.0, "loss": "cross-entropy", "features": "nonnegative", "points": 15}
    fit = screlax.fit_control(7 * np.diag(norms)[LABELS], LABELS, "weight-decay", **kind)
    assert fit.parameter == pytest.approx(math.sqrt(0.06), rel=1e-4)
    assert fit.distance < 1e-5
    assert fit.solution.problem.control.numbers == pytest.approx((fit.parameter,) * 2)
    with pytest.raises(InvalidInputError, match="two numbers"):
        screlax.fit_control(np.eye(4)[LABELS], LABELS, "layer-peeled", scale="fixed", **kind)

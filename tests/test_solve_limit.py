"""Max-margin limits: closed forms of the literature, plain cvxpy, and optima on the way there."""

import itertools

import cvxpy
import numpy as np
import pytest

import screlax
from screlax import (
    UFM,
    Ball,
    Budget,
    InaccurateWarning,
    LayerPeeled,
    Normalized,
    Ridge,
    Sphere,
    WeightDecay,
    solve_limit,
    solve_relaxation,
)
from screlax.errors import InvalidInputError, SolverCapabilityError, SolverFailedError
from screlax.gram.logits import CellMatrix
from screlax.losses import ClassAveraged, CrossEntropy
from screlax.problem.logits import logit_program
from screlax.proof.max_margin import certify_gram_margins, certify_logit_margins
from screlax.solve.limits.embeddings import simplex, simplex_is_shortest, solve_shortest
from screlax.solve.limits.logits import multipliers_of, shortest_logits

UNIT_DECAY = WeightDecay(1.0, 1.0)


def cosines(gram):
    norms = np.sqrt(np.diag(gram))
    return gram / np.outer(norms, norms)


def direction(matrix):
    return matrix / np.linalg.norm(matrix)


# ----------------------------------------------------------------- cross-entropy


def test_seli_of_a_step_profile():
    """Ten classes, half of them ten times larger: the numbers of 2208.05512's geometry."""
    limit = solve_limit(UFM([100] * 5 + [10] * 5, UNIT_DECAY, loss="cross-entropy"))
    classifier, features = limit.classifier_gram, limit.class_gram
    assert classifier[0, 0] / classifier[9, 9] == pytest.approx(2.672100, abs=1e-6)
    assert features[0, 0] / features[9, 9] == pytest.approx(0.350829, abs=1e-6)
    pairs = (0, 1), (8, 9), (0, 9)
    assert [cosines(classifier)[pair] for pair in pairs] == pytest.approx(
        [-0.143953, 0.033369, -0.138681], abs=1e-6
    )
    assert [cosines(features)[pair] for pair in pairs] == pytest.approx(
        [-0.069702, -0.186746, -0.085434], abs=1e-6
    )
    assert limit.logits == pytest.approx(np.eye(10) - 0.1, abs=1e-12)
    assert limit.certificate.proves(1e-12)


@pytest.mark.parametrize(
    ("k", "ratio", "slopes", "expected"),
    [
        # squared norms of classifiers and features, majority by minority; cosines of classifiers
        # in the majority, in the minority, between: evaluated from the public closed form
        (
            10,
            10,
            (2.0, 1.0),
            (1.7481411519, 0.1855683678, -0.0525282048, -0.1636978571, -0.1044367),
        ),
        (
            10,
            100,
            (0.5, 1.3),
            (8.6440440046, 0.2767913427, -0.2356385084, 0.5891956292, -0.0878256),
        ),
        (
            6,
            10,
            (10**0.7, 1.0),
            (0.9314435043, 0.0899409016, -0.0036276889, -0.4815938, -0.0637228),
        ),
    ],
)
def test_cdt_is_the_published_closed_form(k, ratio, slopes, expected):
    loss = CrossEntropy(multiplicative=np.repeat(slopes, k // 2))
    problem = UFM([ratio] * (k // 2) + [1] * (k // 2), UNIT_DECAY, loss=loss)
    limit = solve_limit(problem)
    w, h = limit.classifier_gram, limit.class_gram
    found = [w[0, 0] / w[-1, -1], h[0, 0] / h[-1, -1]]
    found += [cosines(w)[0, 1], cosines(w)[-1, -2], cosines(w)[0, -1]]
    assert found == pytest.approx(expected, abs=1e-7)


SIZES = [60, 20, 20, 3]
LOSSES = {
    "plain": CrossEntropy(),
    "cdt": CrossEntropy(multiplicative=[1.0, 0.4, 0.4, 2.0]),
    "additive": CrossEntropy(additive=2.0, class_weights=[1.0, 3.0, 3.0, 9.0]),
}


@pytest.mark.parametrize("control", [WeightDecay(0.3, 2.0), LayerPeeled(4.0, 1.0)])
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_it_is_the_shortest_of_margin_one(loss, control):
    problem = UFM(SIZES, control, loss=loss)
    limit = solve_limit(problem)
    slope = np.array([1.0, 0.4, 0.4, 2.0]) if loss == LOSSES["cdt"] else np.ones(4)
    mass = np.array(SIZES, dtype=float) if isinstance(control, WeightDecay) else np.ones(4)
    logits = cvxpy.Variable((4, 4))
    margins = [
        slope[c] * logits[c, c] - slope[j] * logits[c, j] >= 1
        for c, j in itertools.permutations(range(4), 2)
    ]
    norm = cvxpy.normNuc(cvxpy.multiply(np.sqrt(mass)[:, None] * np.ones((1, 4)), logits))
    best = cvxpy.Problem(cvxpy.Minimize(norm), margins).solve(solver="CLARABEL")
    assert limit.value == pytest.approx(best, rel=1e-6)
    assert limit.certificate.proves(1e-12)
    assert limit.logits == pytest.approx(logits.value, abs=1e-3)
    squares = mass @ np.diag(limit.class_gram), np.trace(limit.classifier_gram)
    balance = control.balance
    assert squares == pytest.approx([limit.value * balance, limit.value / balance])


def test_any_sizes_and_adjustments_are_proved():
    rng = np.random.default_rng(0)
    for _ in range(40):
        k = int(rng.integers(2, 9))
        sizes = rng.integers(1, 10 ** rng.integers(1, 6), k)
        loss = CrossEntropy(multiplicative=np.exp(rng.normal(0, 1.5, k)))
        for features in ("real", "nonnegative"):
            problem = UFM(sizes, UNIT_DECAY, loss=loss, features=features)
            assert solve_limit(problem).certificate.proves(1e-11)


def test_behind_a_relu_features_are_orthogonal_with_the_norms_of_their_formula():
    sizes = np.array([60, 20, 20, 3])
    problem = UFM(sizes, UNIT_DECAY, loss="cross-entropy", features="nonnegative")
    limit = solve_limit(problem)
    assert limit.class_gram == pytest.approx(np.diag(np.sqrt(3 / 4 / sizes)))
    assert limit.value == pytest.approx(np.sqrt(sizes * 3 / 4).sum())
    assert limit.logits == pytest.approx(np.eye(4) - 0.25)


@pytest.mark.parametrize("loss", [CrossEntropy(), CrossEntropy(additive=1.0)])
def test_optima_go_there_like_one_by_the_logarithm(loss):
    sizes = [100] * 3 + [10] * 3
    limit = solve_limit(UFM(sizes, UNIT_DECAY, loss=loss))
    distances = []
    for exponent in (-2, -3, -4):
        control = WeightDecay(10.0**exponent, 10.0**exponent)
        found = solve_relaxation(UFM(sizes, control, loss=loss), tol=1e-6)
        pairs = [(found.logits, limit.logits), (found.classifier_gram, limit.classifier_gram)]
        distances.append([np.linalg.norm(direction(a) - direction(b)) for a, b in pairs])
    steps = np.diff(1 / np.array(distances), axis=0)
    assert (steps > 0.2).all()
    if not loss.additive:
        assert steps[1] == pytest.approx(steps[0], rel=0.1)  # linear in log λ


def test_numbers_of_the_control_matter_by_their_ratio_alone():
    given = [WeightDecay(0.1, 0.4), WeightDecay(10.0, 40.0), WeightDecay(0.1, 0.1)]
    grams = [solve_limit(UFM([9, 4, 4], c, loss="cross-entropy")).class_gram for c in given]
    assert grams[0] == pytest.approx(grams[1])
    assert grams[0] == pytest.approx(2 * grams[2])


def test_millions_of_classes_are_orbits():
    problem = UFM.from_pairs([1000, 10], [10**6, 10**7], UNIT_DECAY, loss="cross-entropy")
    limit = solve_limit(problem)
    assert limit.certificate.proves(1e-12)
    assert limit.orbit_gram.logit_own == pytest.approx([1 - 1 / 11e6] * 2)


def test_a_forged_multiplier_proves_nothing_false():
    """Whatever the multipliers, the lower bound stays below the optimum."""
    program = logit_program(UFM(SIZES, UNIT_DECAY, loss=LOSSES["cdt"]))
    gram = shortest_logits(program)
    right = multipliers_of(program, gram)
    best = certify_logit_margins(program, gram, right)[0].upper
    rng = np.random.default_rng(1)
    for _ in range(50):
        wrong = right * rng.uniform(-0.2, 2, right.shape)
        assert certify_logit_margins(program, gram, wrong)[0].lower < best * (1 - 1e-3)
        noise = rng.normal(0, 0.02, gram.logit_pair.shape)
        other = program.gram(CellMatrix(gram.logit_own, gram.logit_pair + noise))
        assert certify_logit_margins(program, other, right)[0].upper > best


def test_logits_without_margin_are_refused():
    program = logit_program(UFM(SIZES, UNIT_DECAY, loss="cross-entropy"))
    right = multipliers_of(program, shortest_logits(program))
    with pytest.raises(SolverFailedError, match="margin is 0"):
        certify_logit_margins(program, program.zero(), right)


# ----------------------------------------------------------------- embeddings


def plain_shortest(sizes):
    k = len(sizes)
    gram = cvxpy.Variable((k, k), PSD=True)
    anchors = [c for c in range(k) if sizes[c] > 1]
    margins = [gram[c, c] - gram[c, j] >= 1 for c in anchors for j in range(k) if j != c]
    return cvxpy.Problem(cvxpy.Minimize(np.array(sizes) @ cvxpy.diag(gram)), margins).solve(
        solver="CLARABEL"
    )


@pytest.mark.parametrize("control", [Ridge(0.1), Budget(2.0)])
@pytest.mark.parametrize(
    "sizes",
    [[9, 5, 5], [100, 10, 10], [50, 20, 10], [9, 1, 1, 5], [500, 2, 2, 2], [3, 40, 7, 40], [5, 4]],
)
def test_the_limit_of_embeddings_is_the_shortest_of_margin_one(sizes, control):
    limit = solve_limit(UFM(sizes, control))
    assert limit.value == pytest.approx(plain_shortest(sizes), rel=1e-6)
    assert limit.certificate.proves(1e-7)
    gram = limit.class_gram
    assert np.linalg.eigvalsh(gram)[0] > -1e-9
    margins = np.diag(gram)[:, None] - gram + 10 * np.eye(len(gram))
    assert margins[np.array(sizes) > 1].min() == pytest.approx(1.0, abs=1e-9)


def test_multipliers_that_would_prove_the_simplex_prove_nothing_false():
    """B_cj = n/k² + (r_c − r_j)/k has the right sums, and negative entries where it is no proof."""
    masses, ones = np.array([50.0, 20.0, 10.0]), np.ones(3)
    multipliers = masses.sum() / 9 + (masses[:, None] - masses) / 3
    assert multipliers.min() < 0
    anchored = np.ones(3, dtype=bool)
    certificate, _ = certify_gram_margins(ones, masses, anchored, simplex(ones), multipliers)
    assert certificate.upper == pytest.approx(80 * 2 / 3)
    assert certificate.lower < plain_shortest([50, 20, 10]) < 53
    twice, feasible = certify_gram_margins(
        ones, masses, anchored, simplex(ones).scaled(2.0), 3 * multipliers
    )
    assert (twice.upper, twice.lower) == pytest.approx((certificate.upper, certificate.lower))
    assert (feasible.own[:, None] - feasible.pair)[0, 1] == pytest.approx(1.0)


def test_a_simplex_exactly_where_landaus_condition_holds():
    rng = np.random.default_rng(3)
    seen = set()
    for _ in range(30):
        sizes = np.sort(rng.integers(2, 60, 4))[::-1]
        copies, masses = np.ones(4), sizes.astype(float)
        is_simplex = simplex_is_shortest(copies, masses, np.ones(4, dtype=bool))
        certificate, _ = solve_shortest(copies, masses, np.ones(4, dtype=bool))
        simplex = sizes.sum() * 3 / 4
        assert is_simplex == (certificate.upper > simplex * (1 - 1e-6))
        seen.add(is_simplex)
    assert seen == {True, False}


@pytest.mark.parametrize("sizes", [[9, 5, 5], [100, 10, 10]])
def test_optima_of_embeddings_go_there(sizes):
    limit = direction(solve_limit(UFM(sizes, Ridge(1.0))).class_gram)
    found = [solve_relaxation(sizes, Ridge(10.0**-e)).class_gram for e in (3, 6, 9)]
    distances = [np.linalg.norm(direction(gram) - limit) for gram in found]
    steps = np.diff(1 / np.array(distances))
    assert steps[0] > 1
    assert steps[1] == pytest.approx(steps[0], rel=0.2)  # linear in log λ


@pytest.mark.parametrize("control", [Sphere, Ball])
def test_fixed_norms_go_to_the_simplex(control):
    limit = solve_limit(UFM([100, 10, 3], control(1.0)))
    assert limit.value == pytest.approx(-0.5)
    assert cosines(limit.class_gram)[0, 1] == pytest.approx(-0.5)
    gram = solve_relaxation([100, 10, 3], control(1.0), temperature=0.02).class_gram
    assert np.abs(cosines(gram) - cosines(limit.class_gram)).max() < 0.15


def test_an_inaccurate_limit_warns(monkeypatch):
    monkeypatch.setattr("screlax.solve.limits.embeddings._ACCURACY", 1e-2)
    with pytest.warns(InaccurateWarning, match="of the limit exceeds 1e-06"):
        limit = solve_limit(UFM([100, 10, 10], Ridge(1.0)))
    assert limit.certificate.lower <= plain_shortest([100, 10, 10]) * (1 + 1e-8)


# ----------------------------------------------------------------- what is not known


@pytest.mark.parametrize(
    ("problem", "match"),
    [
        (UFM([9, 5], Normalized(4.0), loss="cross-entropy"), "largest margin of unit vectors"),
        (UFM([9, 5], UNIT_DECAY, loss=CrossEntropy(bias=True)), "take LayerPeeled"),
        (
            UFM([9, 5, 4], UNIT_DECAY, loss=CrossEntropy(class_weights=[1, 0, 1])),
            "have no margin",
        ),
        (UFM([9, 5], Ridge(1.0), batches="shuffle:size=8"), "not known for loss"),
        (UFM([9, 5], Ridge(1.0), features="nonnegative"), "orthogonal frame"),
        (UFM([9, 5, 1], Sphere(1.0)), "leave the singletons out"),
    ],
)
def test_what_is_not_known_is_refused_with_its_reason(problem, match):
    with pytest.raises(SolverCapabilityError, match=match):
        solve_limit(problem)


def test_a_bias_of_the_layer_peeled_model_changes_nothing():
    plain, biased = (
        solve_limit(UFM([9, 5, 2], LayerPeeled(1, 1), loss=CrossEntropy(bias=bias)))
        for bias in (False, True)
    )
    assert plain.class_gram == pytest.approx(biased.class_gram)


def test_embeddings_have_no_classifier():
    limit = solve_limit(UFM([9, 5], Ridge(1.0), loss=ClassAveraged()))
    assert isinstance(limit, screlax.MaxMarginLimit)
    with pytest.raises(InvalidInputError, match="has no classifier"):
        limit.classifier_gram  # noqa: B018

"""What is known of cross-entropy's optima: thresholds, merging, closed forms, other solvers."""

import cvxpy as cp
import numpy as np
import pytest
from scipy import optimize

import screlax
from screlax.problem.logits import largest_singular_value, logit_program


def decay(sizes, price, **options):
    """Return a solution with λ_H λ_W = price²."""
    loss = screlax.losses.CrossEntropy(**options)
    return screlax.solve_relaxation(sizes, screlax.WeightDecay(price, price), loss=loss)


def cosine(gram, one, other):
    return gram[one, other] / np.sqrt(gram[one, one] * gram[other, other])


def root_between_the_largest(sizes):
    """Return the root x of Σ 1/(n_c − x) = 0 between the two largest sizes."""
    second, first = np.sort(sizes)[-2:]
    if first == second:
        return float(first)
    edge = 1e-13 * (first - second)
    return optimize.brentq(
        lambda x: np.sum(1 / (sizes - x)), second + edge, first - edge, xtol=1e-13, rtol=1e-15
    )


@pytest.mark.parametrize(
    "sizes", [[500, 300, 200, 50], [400, 400, 30], [9, 1], [5, 5, 5], [1000, 999, 7, 7, 7, 1]]
)
def test_zero_is_optimal_from_the_root_on(sizes):
    root = root_between_the_largest(np.array(sizes, dtype=float))
    problem = screlax.UFM(sizes, screlax.WeightDecay(1.0, 1.0), loss="cross-entropy")
    assert problem.zero_threshold() ** 2 == pytest.approx(root, rel=1e-12)
    above, below = (decay(sizes, np.sqrt(root) * factor) for factor in (1.001, 0.999))
    assert above.value == pytest.approx(sum(sizes) * np.log(len(sizes)), rel=1e-14)
    assert np.abs(above.logits).max() == 0
    assert np.abs(below.logits).max() > 1e-4
    assert below.value < above.value


def test_the_threshold_of_zero_that_is_known():
    assert root_between_the_largest(np.array([500.0, 300, 200, 50])) == pytest.approx(
        431.3206489, abs=1e-7
    )


@pytest.mark.parametrize("classes", [2, 3, 10, 400])
@pytest.mark.parametrize("size", [1, 60, 10**6])
@pytest.mark.parametrize("share", [1e-4, 0.1, 0.9])
def test_balanced_classes_have_a_closed_form(classes, size, share):
    """Other classes have probability μ/(k√n)."""
    price = share * np.sqrt(size)
    solution = decay([size] * classes, price)
    exponents = solution.logits - solution.logits.max()
    others = np.exp(exponents) / np.exp(exponents).sum(axis=1, keepdims=True)
    assert others[0, 1] == pytest.approx(share / classes, rel=1e-9)
    gap = np.log((classes * (1 - share) + share) / share)
    loss = classes * size * np.log1p((classes - 1) * np.exp(-gap))
    assert solution.value == pytest.approx(
        loss + price * (classes - 1) * gap * np.sqrt(size), rel=1e-12
    )


@pytest.mark.parametrize("seed", range(50))
def test_classes_of_one_size_merge_at_the_product_of_decays(seed):
    """n_g ≤ λ_H λ_W, whatever else there is."""
    rng = np.random.default_rng(seed)
    sizes = np.sort(rng.integers(10, 2000, rng.integers(3, 8)))
    copies = rng.integers(1, 4, len(sizes))
    group = int(rng.integers(0, len(sizes) - 1))  # never the largest, which may vanish with all
    copies[group], copies[-1] = 3, 2
    labels = np.repeat(np.arange(len(sizes)), copies)
    one, other = np.flatnonzero(labels == group)[:2]
    for factor, merged in ((1.05, True), (0.95, False)):
        balance, price = 10 ** rng.uniform(-2, 2), factor * sizes[group]
        control = screlax.WeightDecay(np.sqrt(price) * balance, np.sqrt(price) / balance)
        solution = screlax.solve_relaxation(sizes[labels], control, loss="cross-entropy")
        assert solution.relative_gap <= 1e-10
        rows = solution.classifier_gram
        distance = rows[one, one] + rows[other, other] - 2 * rows[one, other]
        scale = np.diagonal(rows).max()
        assert (distance <= 1e-12 * scale) == merged, (distance, scale)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("bounded", [False, True])
def test_the_value_is_that_of_the_nuclear_norm_program_by_clarabel(seed, bounded):
    rng = np.random.default_rng(seed)
    k = int(rng.integers(3, 6))
    sizes = rng.integers(5, 200, k)
    slope, offset = rng.uniform(0.5, 1.5, k), rng.standard_normal(k)
    loss = screlax.losses.CrossEntropy(additive=offset, multiplicative=slope)
    logits = cp.Variable((k, k))
    exponents = cp.multiply(logits, slope[None, :]) + offset[None, :]
    terms = [cp.log_sum_exp(exponents[c]) - exponents[c, c] for c in range(k)]
    total = cp.sum(cp.multiply(sizes, cp.hstack(terms)))
    if bounded:
        control = screlax.LayerPeeled(4.0, 1.0)
        program = cp.Problem(cp.Minimize(total), [cp.normNuc(logits) <= 2.0 * k])
    else:
        control = screlax.WeightDecay(2.0, 2.0)
        norm = cp.normNuc(cp.multiply(np.sqrt(sizes)[:, None], logits))
        program = cp.Problem(cp.Minimize(total + 2.0 * norm))
    program.solve(solver="CLARABEL", tol_gap_abs=1e-9, tol_gap_rel=1e-9)
    solution = screlax.solve_relaxation(sizes, control, loss=loss)
    assert solution.relative_gap <= 1e-10
    assert solution.value == pytest.approx(program.value, rel=1e-6)


@pytest.mark.parametrize(
    ("ratio", "known"),
    [(0, -0.1111), (0.25, -0.0767), (0.5, -0.0172), (0.75, 0.1080), (1, 0.5175)],
)
def test_layer_peeled_cosines_that_are_known(ratio, known):
    """Five majority classes, R times as many samples: cosine of two minority classifiers."""
    weights = screlax.losses.CrossEntropy(class_weights=[1.0] * 5 + [10.0**-ratio] * 5)
    control = screlax.LayerPeeled(5.0, 1.0)
    solution = screlax.solve_relaxation([1000] * 10, control, loss=weights)
    assert cosine(solution.classifier_gram, 8, 9) == pytest.approx(known, abs=6e-5)


def test_simplex_encoded_labels_in_the_limit():
    """Norms and cosines of SELI (arXiv 2208.05512): half of ten classes ten times larger.

    They are reached as 1/log(1/λ), and so a polynomial in that is followed to zero.
    """
    prices, numbers = np.array([1e-20, 1e-40, 1e-70, 1e-120]), []
    for price in prices:
        solution = decay([1000] * 5 + [100] * 5, price)
        assert solution.relative_gap <= 1e-9
        grams = solution.classifier_gram, solution.class_gram
        numbers.append(
            [gram[0, 0] / gram[9, 9] for gram in grams]
            + [cosine(gram, *pair) for gram in grams for pair in ((0, 1), (8, 9), (0, 9))]
        )
    found = np.polyfit(1 / np.log(1 / prices), np.array(numbers), 3)[-1]
    known = [2.672100, 0.350829]
    known += [-0.143953, 0.033369, -0.138681, -0.069702, -0.186746, -0.085434]
    np.testing.assert_allclose(found, known, atol=1e-4)


@pytest.mark.parametrize("control", [screlax.WeightDecay(1.0, 1.0), screlax.LayerPeeled(2.0, 1.0)])
def test_class_weights_of_any_kind_are_solved_directly(control):
    rng = np.random.default_rng(5)
    sizes, weights = rng.integers(5, 500, 60), rng.uniform(0.1, 4, 60)
    weights[[3, 7]] = 0.0  # classes that only others are told apart from
    loss = screlax.losses.CrossEntropy(class_weights=weights)
    assert screlax.solve_relaxation(sizes, control, loss=loss).relative_gap <= 1e-10


def test_the_slope_of_the_value_by_the_price_is_the_norm():
    sizes = [200, 90, 90, 20, 3]
    step, price = 1e-4, 0.7
    less, at, more = (decay(sizes, price + s * step) for s in (-1, 0, 1))
    program = logit_program(at.problem)
    slope = (more.value - less.value) / (2 * step)
    assert slope == pytest.approx(at.point_gram.nuclear_norm, rel=1e-7)
    sigma = largest_singular_value(program, program.rows(at.point_gram))
    assert sigma == pytest.approx(price, rel=1e-10)


def test_norms_of_features_and_classifier_are_balanced():
    """λ_H Σ n‖h‖² = λ_W Σ ‖w‖², and a bound on each is met."""
    sizes = np.array([200, 90, 90, 20, 3])
    solution = screlax.solve_relaxation(sizes, screlax.WeightDecay(0.2, 3.0), loss="cross-entropy")
    features = 0.2 * sizes @ np.diagonal(solution.class_gram)
    assert features == pytest.approx(3.0 * np.trace(solution.classifier_gram), rel=1e-12)
    loss = logit_program(solution.problem).loss(solution.point_gram)
    assert solution.value == pytest.approx(loss + features, rel=1e-12)

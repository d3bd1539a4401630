"""Cross-entropy behind a ReLU: the formula, and that nothing nonnegative is better."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

import screlax
from screlax.errors import SolverCapabilityError
from screlax.gram.cells import Level
from screlax.gram.logits import CellMatrix
from screlax.losses import CrossEntropy
from screlax.problem.copositive import copositive_bounds
from screlax.problem.logits import logit_program
from screlax.proof.orthogonal_logits import certify_orthogonal
from screlax.types import Matrix, Vector

LOSS = CrossEntropy()
MIXED = CrossEntropy(additive=-0.5, multiplicative=0.2, class_weights="balanced")


def solve(counts: Any, control: Any, loss: Any = LOSS, temperature: float = 1.0) -> Any:
    return screlax.solve_relaxation(
        counts, control, temperature=temperature, loss=loss, features="nonnegative"
    )


def descend(problem: Any, seed: int, dim: int) -> float:
    """Objective reached by descent on features H = V² ≥ 0 of classes, and classifier."""
    counts = problem.class_sizes.distinct.astype(float)
    program, k = logit_program(problem), len(counts)
    mu, mass = program.norm.amount, program.feature_mass

    def objective(flat: Vector) -> tuple[float, Vector]:
        root, classifier = flat[: k * dim].reshape(k, dim), flat[k * dim :].reshape(k, dim)
        features = root**2
        exponents = (features @ classifier.T) * program.slope + program.offset
        shifted = exponents - exponents.max(axis=1, keepdims=True)
        rows = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
        value = program.anchors @ -np.log(np.maximum(np.diag(rows), 1e-300))
        value += mu / 2 * ((mass @ features**2).sum() + (classifier**2).sum())
        slack = program.anchors[:, None] * (rows - np.eye(k)) * program.slope
        by_features = slack @ classifier + mu * mass[:, None] * features
        by_classifier = slack.T @ features + mu * classifier
        return value, np.concatenate([(2 * root * by_features).ravel(), by_classifier.ravel()])

    start = np.random.default_rng(seed).standard_normal(2 * k * dim)
    found: Any = optimize.minimize(objective, start, jac=True, method="L-BFGS-B")
    return float(found.fun)


@pytest.mark.parametrize("features", [0.02, 0.7])
def test_norms_are_those_of_the_formula(features: float) -> None:
    counts, classifier = [5000, 300, 300, 20, 7, 2], 0.3
    solution = solve(counts, screlax.WeightDecay(features, classifier))
    n, k = np.array(counts, dtype=float), len(counts)
    q = np.sqrt(features * classifier * (k - 1) / (k * n))
    margin = np.log((k - 1) * (1 - q) / q)
    norms = np.sqrt(classifier / (features * n)) * margin * np.sqrt((k - 1) / k)
    assert solution.status == "optimal"
    assert np.allclose(np.diag(solution.class_gram), norms, rtol=1e-12, atol=0)
    assert not (solution.class_gram - np.diag(np.diag(solution.class_gram))).any()
    own_less_other = np.diag(solution.logits)[:, None] - solution.logits
    np.fill_diagonal(own_less_other, margin)
    assert np.allclose(own_less_other, margin[:, None], rtol=1e-12)
    vectors = solution.embeddings().vectors
    assert vectors.min() >= 0
    assert np.allclose(vectors @ vectors.T, solution.class_gram)


@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize("counts", [[40, 12], [90, 40, 12], [400, 12, 12, 12]])
def test_a_class_vanishes_at_its_threshold(counts: list[int], side: int) -> None:
    """A class vanishes where n_c ≤ λ_H λ_W k/(k−1), and only there."""
    k = len(counts)
    product = min(counts) * (k - 1) / k * (1 + side * 1e-6)
    norms = np.diag(solve(counts, screlax.WeightDecay(product, 1.0)).class_gram)
    assert (norms[np.array(counts) == min(counts)] == 0).all() == (side > 0)
    assert (norms[np.array(counts) > min(counts)] > 0).all()


def test_everything_vanishes_at_the_threshold_of_the_problem() -> None:
    problem = screlax.UFM(
        [40, 12, 5], screlax.WeightDecay(1.0, 1.0), loss=LOSS, features="nonnegative"
    )
    assert problem.zero_threshold() == pytest.approx(np.sqrt(40 * 2 / 3), rel=1e-14)


@pytest.mark.parametrize(
    ("counts", "loss"),
    [([40, 12, 5], LOSS), ([20, 18, 2], LOSS), ([30, 9, 3, 1], LOSS), ([30, 9, 4], MIXED)],
)
def test_no_nonnegative_start_is_better(counts: list[int], loss: Any) -> None:
    problem = screlax.UFM(counts, screlax.WeightDecay(0.5, 0.4), loss=loss, features="nonnegative")
    solution = screlax.solve_relaxation(problem)
    values = [descend(problem, seed, dim) for seed in range(8) for dim in (len(counts), 8)]
    assert solution.status == "optimal"
    assert min(values) == pytest.approx(solution.value, rel=1e-6)
    assert min(values) >= solution.lower


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(1, 10**5), min_size=2, max_size=8),
    st.floats(1e-3, 30),
    st.booleans(),
    st.floats(0.05, 4),
)
def test_every_profile_is_proved(
    counts: list[int], number: float, bounded: bool, temperature: float
) -> None:
    control: Any = screlax.LayerPeeled(number, 1.0) if bounded else screlax.WeightDecay(number, 1.0)
    solution = solve(counts, control, temperature=temperature)
    assert solution.certificate.proves(1e-9)
    assert solution.recheck(level="classes").proves(1e-9)
    if bounded:
        assert solution.certificate.slack_min_eigenvalue == 0  # the price is what it lacks
        assert np.trace(solution.class_gram) == pytest.approx(number * len(counts), rel=1e-9)
        assert np.trace(solution.classifier_gram) == pytest.approx(len(counts), rel=1e-9)


@pytest.mark.parametrize("loss", [MIXED, CrossEntropy(multiplicative=0.15)])
@pytest.mark.parametrize("control", [screlax.WeightDecay(0.2, 0.3), screlax.LayerPeeled(4.0, 1.0)])
def test_adjusted_logits_are_proved_where_signs_are_right(loss: Any, control: Any) -> None:
    solution = solve([300, 100, 100, 20, 20, 20], control, loss, 0.5)
    assert solution.status == "optimal"
    assert solution.recheck(level="classes").proves(1e-9)


def test_equal_adjustments_change_nothing_but_scale() -> None:
    counts, control = [300, 100, 20, 20], screlax.WeightDecay(0.2, 0.3)
    shifted = CrossEntropy(additive=[2.0, 2.0, 2.0, 2.0])
    assert solve(counts, control, shifted).value == pytest.approx(
        solve(counts, control).value, rel=1e-12
    )


def test_rows_by_equations_are_those_of_the_formula() -> None:
    """An adjustment too small to matter goes the general way, and ends at the closed form."""
    counts, control = [300, 100, 20, 20], screlax.WeightDecay(0.2, 0.3)
    near = CrossEntropy(multiplicative=1e-13)
    found, known = solve(counts, control, near), solve(counts, control)
    assert found.solver_message != known.solver_message
    assert np.allclose(found.logits, known.logits, rtol=1e-10)


def test_a_prior_that_breaks_the_signs_leaves_an_honest_gap() -> None:
    problem = screlax.UFM(
        [30, 9, 3],
        screlax.WeightDecay(0.5, 0.4),
        loss=CrossEntropy(additive=2.0),
        features="nonnegative",
    )
    with pytest.warns(screlax.InaccurateWarning):
        solution = screlax.solve_relaxation(problem)
    assert min(descend(problem, seed, 3) for seed in range(8)) >= solution.lower


def test_positive_products_of_rows_need_more() -> None:
    """The bound is that of copositive matrices: checked against vectors that are nonnegative."""
    problem = screlax.UFM(
        [30, 9, 3, 3], screlax.WeightDecay(0.5, 0.4), loss=LOSS, features="nonnegative"
    )
    program = logit_program(problem)
    generator = np.random.default_rng(3)
    for _ in range(20):
        logits = 3 * generator.standard_normal((3, 3))
        own = 3 * generator.standard_normal(3)
        np.fill_diagonal(logits, np.where(program.copies > 1, np.diagonal(logits), own))
        rows = program.rows(program.gram(CellMatrix(own, logits)))
        orbit = problem.class_sizes.orbit_index()
        slack: Matrix = program.slack(rows).lifted(orbit)
        scaled = slack / np.sqrt(program.feature_mass[orbit])[:, None]
        most = copositive_bounds(program, rows)[orbit]
        vectors = np.abs(generator.standard_normal((4, 2000)))
        vectors /= np.linalg.norm(vectors, axis=0)
        assert ((scaled.T @ (vectors / most[:, None])) ** 2).sum(axis=0).max() <= 1 + 1e-12


def test_forged_logits_prove_nothing() -> None:
    problem = screlax.UFM(
        [30, 9, 3], screlax.WeightDecay(0.5, 0.4), loss=LOSS, features="nonnegative"
    )
    program, known = logit_program(problem), screlax.solve_relaxation(problem)
    gram: Any = known.point_gram
    for factor in (0.5, 0.99, 1.01, 3.0):
        forged: Any = program.gram(CellMatrix(factor * gram.logit_own, factor * gram.logit_pair))
        certificate = certify_orthogonal(program, Level.ORBITS, forged)
        assert certificate.lower <= known.upper
        assert certificate.upper >= known.lower
        assert not certificate.proves(1e-9)


@pytest.mark.parametrize(
    ("control", "loss"),
    [
        (screlax.Normalized(4.0), LOSS),
        (screlax.WeightDecay(0.1, 0.1), CrossEntropy(bias=True)),
    ],
)
def test_what_ties_classes_is_refused(control: Any, loss: Any) -> None:
    with pytest.raises(SolverCapabilityError, match="tie"):
        solve([30, 9, 3], control, loss)

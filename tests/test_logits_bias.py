"""Cross-entropy with a bias: closed facts, another solver, and proofs."""

from typing import Any

import cvxpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import screlax
from screlax.errors import InvalidInputError, SolverCapabilityError
from screlax.gram.cells import Level
from screlax.gram.logits import CellMatrix
from screlax.losses import CrossEntropy
from screlax.problem.logit_bias import balanced_bias, column_flows
from screlax.problem.logits import logit_program
from screlax.proof.logits import brought_within, certify_program, prove_logits

LOSS, PLAIN = CrossEntropy(bias=True), CrossEntropy()
MIXED = CrossEntropy(additive=0.5, multiplicative=0.2, bias=True)


def solve(counts: Any, control: Any, loss: Any = LOSS) -> Any:
    return screlax.solve_relaxation(counts, control, loss=loss)


def conic_value(problem: screlax.UFM) -> float:
    """Optimal value of the nuclear-norm program over k×k logits and a free bias."""
    program = logit_program(problem)
    orbit = problem.class_sizes.orbit_index()
    k, anchors, slope = len(orbit), program.anchors[orbit], program.slope[orbit]
    logits: Any = cvxpy.Variable((k, k))
    bias = cvxpy.Variable(k)
    exponents = [cvxpy.multiply(slope, logits[c]) + bias + program.offset[orbit] for c in range(k)]
    loss = anchors @ cvxpy.hstack(
        [cvxpy.log_sum_exp(row) - row[c] for c, row in enumerate(exponents)]
    )
    scaled = cvxpy.multiply(np.sqrt(program.feature_mass[orbit])[:, None], logits)
    norm, amount = cvxpy.normNuc(scaled), program.norm.amount
    if program.norm.is_penalty:
        posed = cvxpy.Problem(cvxpy.Minimize(loss + amount * norm), [bias[0] == 0])
    else:
        posed = cvxpy.Problem(cvxpy.Minimize(loss), [bias[0] == 0, norm <= amount])
    tight = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), 1e-10)
    back = cvxpy.SCIPY_CANON_BACKEND
    return float(posed.solve(solver=cvxpy.CLARABEL, canon_backend=back, **tight))


CONTROLS = [screlax.WeightDecay(0.5, 0.4), screlax.LayerPeeled(3.0, 1.0)]


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("loss", [LOSS, MIXED, CrossEntropy(bias=True, class_weights="balanced")])
def test_the_dense_program_has_the_same_value(loss: Any, control: Any) -> None:
    solution = solve([60, 20, 20, 4], control, loss)
    assert solution.status == "optimal"
    assert conic_value(solution.problem) == pytest.approx(solution.value, rel=1e-6)


@pytest.mark.parametrize("control", CONTROLS)
def test_equal_sizes_have_no_bias(control: Any) -> None:
    with_bias, without = solve([12] * 5, control), solve([12] * 5, control, PLAIN)
    assert np.abs(with_bias.bias).max() < 1e-12
    assert with_bias.value == pytest.approx(without.value, rel=1e-9)
    assert np.allclose(with_bias.logits, without.logits, atol=1e-6)


@pytest.mark.parametrize("loss", [LOSS, CrossEntropy(additive=1.5, bias=True)])
def test_zero_features_leave_the_prior_to_the_bias(loss: Any) -> None:
    """Above the threshold b_c + t_c = log(n_c/n) up to a constant, the value n H(n/n)."""
    counts = np.array([90, 30, 30, 6])
    share = counts / counts.sum()
    solution = solve(counts.tolist(), screlax.WeightDecay(100.0, 100.0), loss)
    assert solution.status == "optimal"
    assert not solution.class_gram.any()
    added = loss.additive * np.log(share)
    left = solution.bias + added - np.log(share)
    assert np.ptp(left) < 1e-12
    assert solution.bias.mean() == pytest.approx(0, abs=1e-12)
    assert solution.value == pytest.approx(-counts @ np.log(share), rel=1e-12)


@pytest.mark.parametrize("counts", [[90, 30, 30, 6], [50, 8], [400, 20, 3]])
def test_zero_is_optimal_from_the_threshold_on(counts: list[int]) -> None:
    """σ₁(√n (1πᵀ − I)), π the prior: less than without a bias, which the features have to do."""
    problem = screlax.UFM(counts, screlax.WeightDecay(1.0, 1.0), loss=LOSS)
    sizes = np.array(counts, dtype=float)
    slack = np.sqrt(sizes)[:, None] * (sizes / sizes.sum() - np.eye(len(sizes)))
    threshold = problem.zero_threshold()
    assert threshold == pytest.approx(np.linalg.svd(slack)[1][0], rel=1e-12)
    for factor in (1 - 1e-4, 1 + 1e-4):
        size = factor * threshold
        norm = solve(counts, screlax.WeightDecay(size, size)).class_gram.max()
        assert (norm == 0) == (factor > 1)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(1, 10**5), min_size=2, max_size=8),
    st.floats(1e-2, 20),
    st.booleans(),
    st.sampled_from([LOSS, MIXED]),
)
def test_every_profile_is_proved(
    counts: list[int], number: float, bounded: bool, loss: Any
) -> None:
    control: Any = screlax.LayerPeeled(number, 1.0) if bounded else screlax.WeightDecay(number, 1.0)
    solution = solve(counts, control, loss)
    assert solution.certificate.proves(1e-9)
    assert solution.recheck(level="classes").proves(1e-9)


@pytest.mark.parametrize("control", CONTROLS)
def test_a_bias_never_costs(control: Any) -> None:
    counts = [500, 60, 60, 5]
    assert solve(counts, control).upper <= solve(counts, control, PLAIN).lower


def test_a_real_profile_is_proved() -> None:
    for size in (0.1, 3.0):
        solution = solve(screlax.profile("cifar100-lt:100"), screlax.WeightDecay(size, size))
        assert solution.certificate.proves(1e-9)


def test_the_best_bias_is_found_from_anywhere() -> None:
    """Its softmax has as much probability of a class as there are samples, class by class."""
    program = logit_program(screlax.UFM([80, 25, 25, 4], CONTROLS[0], loss=MIXED))
    generator = np.random.default_rng(4)
    for size in (0.1, 3.0, 30.0):
        own, pair = size * generator.standard_normal(3), size * generator.standard_normal((3, 3))
        np.fill_diagonal(pair, np.where(program.copies > 1, np.diagonal(pair), own))
        gram = program.gram(CellMatrix(own, pair), 10 * generator.standard_normal(3))
        bias = balanced_bias(program, gram)
        leaving, entering = column_flows(
            program, program.rows(program.gram(gram.unit_logits, bias))
        )
        assert np.allclose(entering, leaving, rtol=1e-10, atol=0)


def test_any_logits_prove_what_holds() -> None:
    for control in CONTROLS:
        known = solve([80, 25, 25, 4], control, MIXED)
        program, gram = logit_program(known.problem), known.point_gram
        generator = np.random.default_rng(5)
        for size in (1e-3, 0.1, 3.0):
            own = gram.logit_own + size * generator.standard_normal(program.size)
            pair = gram.logit_pair + size * generator.standard_normal((program.size,) * 2)
            np.fill_diagonal(pair, np.where(program.copies > 1, np.diagonal(pair), own))
            bias = 10 * size * generator.standard_normal(program.size)
            forged = program.gram(CellMatrix(own, pair), bias)
            at = brought_within(program, forged)
            found = certify_program(program, Level.ORBITS, at)
            assert found.lower <= known.upper
            assert found.upper >= known.lower
            assert not found.proves(1e-9)


def test_what_has_no_optimum_or_no_method_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="bias of a class of weight zero"):
        solve([9, 5, 2], CONTROLS[0], CrossEntropy(bias=True, class_weights=[1.0, 0.0, 1.0]))
    with pytest.raises(SolverCapabilityError, match="not solved with a bias"):
        solve([9, 5, 2], screlax.Normalized(2.0))


@pytest.mark.parametrize("number", [np.nan, np.inf, 1e308, -1e200, 1e5])
@pytest.mark.parametrize(
    ("control", "features", "loss"),
    [
        (CONTROLS[0], "nonnegative", PLAIN),
        (CONTROLS[1], "nonnegative", PLAIN),
        (screlax.Normalized(8.0), "real", PLAIN),
        (CONTROLS[0], "real", LOSS),
        (CONTROLS[1], "real", LOSS),
    ],
)
def test_numbers_out_of_all_bounds_prove_nothing(
    number: float, control: Any, features: str, loss: Any
) -> None:
    problem = screlax.UFM([50, 20, 20, 5], control, loss=loss, features=features)
    program = logit_program(problem)
    logits = CellMatrix(np.full(3, number), np.full((3, 3), number))
    gram = program.gram(logits, np.array([1e3, -1e3, 0.0]) if loss.bias else None)
    known = screlax.solve_relaxation(problem)
    found = prove_logits(problem, Level.ORBITS, gram).certificate
    assert not found.proves(1e-9)
    assert found.lower <= known.upper
    assert found.upper >= known.lower

"""Cross-entropy with features and classifier on spheres: closed form, other solvers, proofs."""

from typing import Any

import cvxpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import screlax
from screlax.gram.cells import Level
from screlax.gram.logits import CellMatrix
from screlax.losses import CrossEntropy
from screlax.problem.logits import logit_program
from screlax.proof.logits import brought_within, certify_program
from screlax.solve.logits.spheres import SphereProblem

LOSS = CrossEntropy()
MIXED = CrossEntropy(additive=0.7, multiplicative=0.1)


def solve(counts: Any, scale: float, loss: Any = LOSS, temperature: float = 1.0) -> Any:
    return screlax.solve_relaxation(
        counts, screlax.Normalized(scale), temperature=temperature, loss=loss
    )


def conic_value(problem: screlax.UFM) -> float:
    """Optimal value of the dense 2k×2k semidefinite program."""
    program = logit_program(problem)
    orbit = problem.class_sizes.orbit_index()
    k, anchors = len(orbit), program.anchors[orbit]
    whole: Any = cvxpy.Variable((2 * k, 2 * k), PSD=True)
    logits = cvxpy.multiply(whole[:k, k:], np.tile(program.slope[orbit], (k, 1)))
    logits = logits + program.offset[orbit]
    losses = [cvxpy.log_sum_exp(logits[c]) - logits[c, c] for c in range(k)]
    held = cvxpy.Problem(
        cvxpy.Minimize(anchors @ cvxpy.hstack(losses)),
        [cvxpy.diag(whole) == program.norm.amount],
    )
    tight = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), 1e-10)
    return float(
        held.solve(solver=cvxpy.CLARABEL, **tight, canon_backend=cvxpy.SCIPY_CANON_BACKEND)
    )


@pytest.mark.parametrize("scale", [1.0, 4.0, 16.0, 64.0])
@pytest.mark.parametrize(("classes", "size"), [(2, 3), (5, 10), (100, 7)])
def test_equal_sizes_are_one_simplex(classes: int, size: int, scale: float) -> None:
    """Equal sizes: both are the simplex, the value k n log(1 + (k−1) e^{−s k/(k−1)})."""
    solution = solve([size] * classes, scale)
    margin = scale * classes / (classes - 1)
    known = classes * size * np.log1p((classes - 1) * np.exp(-margin))
    assert solution.status == "optimal"
    assert solution.value == pytest.approx(known, rel=1e-9)
    simplex = np.full((classes, classes), -1 / (classes - 1))
    np.fill_diagonal(simplex, 1.0)
    assert np.allclose(solution.class_gram, simplex, atol=1e-9)
    assert np.allclose(solution.classifier_gram, simplex, atol=1e-9)
    assert np.allclose(solution.logits, scale * simplex, atol=1e-7)


@pytest.mark.parametrize("loss", [LOSS, MIXED, CrossEntropy(class_weights="balanced")])
@pytest.mark.parametrize(("counts", "scale"), [([40, 40, 9, 2], 2.0), ([300, 20, 3], 1.0)])
def test_the_dense_program_has_the_same_value(counts: list[int], scale: float, loss: Any) -> None:
    solution = solve(counts, scale, loss, 0.5)
    assert solution.status == "optimal"
    assert conic_value(solution.problem) == pytest.approx(solution.value, rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(1, 3000), min_size=2, max_size=9),
    st.floats(1.0, 64.0),
    st.sampled_from([LOSS, CrossEntropy(additive=0.5), CrossEntropy(multiplicative=0.05)]),
)
def test_every_profile_is_proved(counts: list[int], scale: float, loss: Any) -> None:
    solution = solve(counts, scale, loss)
    assert solution.certificate.proves(1e-9)
    assert solution.recheck(level="classes").proves(1e-9)
    assert np.allclose(np.diag(solution.class_gram), 1, atol=1e-9)
    assert np.allclose(np.diag(solution.classifier_gram), 1, atol=1e-9)


def test_logits_are_those_of_unit_rows() -> None:
    """One matrix of inner products holds features, classifier and logits over s."""
    solution = solve([500, 60, 60, 5], 8.0, MIXED, 0.7)
    joint = np.block(
        [
            [solution.class_gram, solution.logits / 8.0],
            [solution.logits.T / 8.0, solution.classifier_gram],
        ]
    )
    assert np.linalg.eigvalsh(joint)[0] > -1e-9
    assert np.allclose(np.diag(joint), 1, atol=1e-10)


def test_only_scale_over_temperature_counts() -> None:
    warm, cold = solve([90, 20, 3], 8.0, LOSS, 2.0), solve([90, 20, 3], 4.0)
    assert warm.value == pytest.approx(cold.value, rel=1e-10)
    assert np.allclose(warm.class_gram, cold.class_gram, atol=1e-7)


def test_classes_merge_where_imbalance_is_large() -> None:
    """Small classes share their features, and so their rows of the classifier, at small s."""
    solution = solve([5000, 5000, 3, 3, 3], 1.0)
    assert solution.status == "optimal"
    assert np.allclose(solution.class_gram[2:, 2:], 1, atol=1e-6)
    apart = solve([5000, 5000, 3000, 3000, 3000], 1.0)
    assert (apart.class_gram[2:, 2:] < 0.9)[~np.eye(3, dtype=bool)].all()


@pytest.mark.parametrize("scale", [1.0, 64.0])
def test_a_real_profile_is_proved(scale: float) -> None:
    assert solve(screlax.profile("cifar100-lt:100"), scale).certificate.proves(1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("scale", [16.0, 64.0])
def test_imagenet_lt_is_proved(scale: float) -> None:
    assert solve(screlax.profile("imagenet-lt"), scale).certificate.proves(1e-9)


def test_any_logits_prove_what_holds() -> None:
    """Bounds from wrong logits are wide, and on the right sides."""
    known = solve([80, 25, 25, 4], 3.0)
    program, gram = logit_program(known.problem), known.point_gram
    generator = np.random.default_rng(5)
    for size in (1e-6, 1e-3, 0.1, 3.0):
        own = gram.logit_own + size * generator.standard_normal(program.size)
        pair = gram.logit_pair + size * generator.standard_normal((program.size,) * 2)
        np.fill_diagonal(pair, np.where(program.copies > 1, np.diagonal(pair), own))
        forged = brought_within(program, program.gram(CellMatrix(own, pair)))
        certificate = certify_program(program, Level.ORBITS, forged)
        assert certificate.lower <= known.upper
        assert certificate.upper >= known.lower
        assert certificate.gap > 1e-3 * size**2 * known.value or size < 1e-3


def test_longer_logits_are_brought_back() -> None:
    """Logits of rows of norm two are no solution of the program of norm one."""
    known = solve([80, 25, 4], 3.0)
    program, gram = logit_program(known.problem), known.point_gram
    twice = program.gram(CellMatrix(2 * gram.logit_own, 2 * gram.logit_pair))
    found = certify_program(program, Level.ORBITS, brought_within(program, twice))
    assert found.upper >= known.lower


def test_slopes_on_spheres() -> None:
    """Taylor: the error of first and second order falls like t² and t³."""
    program = logit_program(screlax.UFM([40, 9, 9, 2], screlax.Normalized(3.0), loss=MIXED))
    generator = np.random.default_rng(1)
    problem = SphereProblem(program, generator.uniform(0.5, 2.0, 6))
    shape = (6, 4)
    masked = np.ones(shape)
    masked[:, -1] = np.tile(program.copies > 1, 2)
    point = problem.manifold.onto(generator.standard_normal(shape) * masked)
    model = problem.local_model(point)
    step = problem.manifold.project(point, generator.standard_normal(shape) * masked)
    step /= np.linalg.norm(step)
    first = float(np.vdot(problem.gradient(model), step))
    second = float(np.vdot(step, problem.hessian(model, step))) / 2
    sizes = np.array([1e-1, 1e-2, 1e-3])
    # normalising is a retraction of second order
    changes = np.array([problem.change(model, problem.retract(point, t * step)) for t in sizes])
    errors = np.abs(changes - first * sizes), np.abs(changes - first * sizes - second * sizes**2)
    assert np.log10(errors[0][:-1] / errors[0][1:]) == pytest.approx([2, 2], abs=0.2)
    assert np.log10(errors[1][:-1] / errors[1][1:]) == pytest.approx([3, 3], abs=0.3)

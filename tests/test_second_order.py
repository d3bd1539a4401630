"""The second-order check: eigenvalues by independent means, classes, and escape steps."""

import math

import numpy as np
import pytest
from problems import brought_within

from screlax import (
    UFM,
    Ball,
    Budget,
    Ridge,
    Sphere,
    check_second_order,
    recover_embeddings,
    solve_nonconvex,
    solve_relaxation,
    supcon_loss,
)
from screlax.descent import spectrum
from screlax.descent.rotations import Rotations
from screlax.errors import InvalidInputError

CONTROLS = {"ridge": Ridge(0.3), "ball": Ball(1.5), "sphere": Sphere(1.0), "budget": Budget(0.8)}
every_control = pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS)
every_level = pytest.mark.parametrize("level", ["classes", "samples"])
SIZES = (8, 4, 2, 2)
LABELS = np.repeat(np.arange(4), SIZES)


def objective(problem: UFM, samples: np.ndarray) -> float:
    loss = supcon_loss(samples, LABELS, temperature=problem.temperature, reduction="sum")
    if isinstance(problem.control, Ridge):
        loss += problem.control.strength / 2 * float((samples**2).sum())
    return float(loss)


@every_level
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_zero_below_the_threshold_is_a_strict_saddle(level, share):
    threshold = UFM(SIZES, Ridge(1.0), 0.7).zero_threshold()
    problem = UFM(SIZES, Ridge(share * threshold), 0.7)
    zeros = np.zeros((4 if level == "classes" else 16, 3))
    found = check_second_order(problem, zeros, level=level)
    assert found.classification == "strict saddle"
    assert found.gradient_norm == 0
    assert found.rotation_dimensions == 0
    assert found.smallest_eigenvalue == pytest.approx((share - 1) * threshold, rel=1e-9)
    step = found.direction[LABELS] if level == "classes" else found.direction
    assert objective(problem, step) < objective(problem, np.zeros((16, 3)))


@every_level
@pytest.mark.parametrize("share", [1.0, 1.01, 3.0])
def test_zero_above_the_threshold_is_global(level, share):
    threshold = UFM(SIZES, Ridge(1.0), 0.7).zero_threshold()
    problem = UFM(SIZES, Ridge(share * threshold), 0.7)
    found = check_second_order(problem, np.zeros((4 if level == "classes" else 16, 3)), level=level)
    assert found.classification == "global"
    assert found.relative_gap <= 1e-12
    assert found.direction is None
    assert found.smallest_eigenvalue == pytest.approx((share - 1) * threshold, abs=1e-9)


@every_control
@every_level
@pytest.mark.parametrize("dim", [3, 5])
def test_the_certified_optimum_is_global_and_nondegenerate(control, level, dim):
    problem = UFM(SIZES, control, 0.7)
    solution = solve_relaxation(problem)
    embeddings = recover_embeddings(solution.class_gram, dim).vectors
    if level == "samples":
        embeddings = embeddings[LABELS]
    found = check_second_order(problem, embeddings, level=level, lower=solution.lower)
    assert found.classification == "global"
    assert found.rotation_dimensions == 3 + 3 * (dim - 3)
    assert found.smallest_eigenvalue > 1e-3


@every_control
@every_level
def test_a_saddle_in_one_more_dimension_is_escaped(control, level):
    """A local minimum of too few dimensions has a negative direction out of its space."""
    problem = UFM(SIZES, control, 0.7)
    flat = solve_nonconvex(problem, 1, starts=5, level=level)
    padded = np.hstack([flat.embeddings, np.zeros((len(flat.embeddings), 1))])
    found = check_second_order(problem, padded, level=level, lower=flat.lower)
    assert found.classification == "strict saddle"
    assert found.smallest_eigenvalue < -1e-3
    moved = padded + found.direction
    if level == "classes":
        padded, moved = padded[LABELS], moved[LABELS]
    assert objective(problem, brought_within(control, moved, np.ones(16))) < objective(
        problem, padded
    )


@every_control
def test_a_proper_local_minimum_below_the_rank_is_spurious(control):
    problem = UFM((4, 4, 4, 4, 4, 4), control, 0.7)
    result = solve_nonconvex(problem, 2, starts=3)
    found = check_second_order(problem, result.embeddings, lower=result.lower)
    assert found.classification == "spurious"
    assert found.relative_gap == pytest.approx(result.relative_gap, rel=1e-12)
    assert found.relative_gap > 1e-3
    assert found.smallest_eigenvalue > 1e-3
    assert found.rotation_dimensions == 1
    assert found.direction is None


@every_control
def test_random_embeddings_are_not_stationary(control):
    start = np.random.default_rng(0).standard_normal((4, 3))
    start = brought_within(control, start, np.array(SIZES))
    found = check_second_order(UFM(SIZES, control), start)
    assert found.classification == "not stationary"
    assert found.gradient_norm > 1e-3


def test_a_multiplier_of_the_wrong_sign_is_not_stationary():
    """A singleton beside a class on the boundary of a ball gains by moving inside, on a sphere not.

    In one dimension there is no way sideways.
    """
    embeddings = np.array([[1.0], [1.0]])
    assert check_second_order(UFM((9, 1), Ball(1.0)), embeddings).gradient_norm > 0.1
    assert check_second_order(UFM((9, 1), Ball(1.0)), embeddings).classification == "not stationary"
    on_sphere = check_second_order(UFM((9, 1), Sphere(1.0)), embeddings)
    assert on_sphere.classification == "spurious"
    assert on_sphere.smallest_eigenvalue == math.inf


@pytest.mark.parametrize("control", [Ball(1.0), Budget(1.0)])
def test_zero_multipliers_are_not_taken_for_negative_curvature(control):
    """All on one point: the loss does not change with the norm, up to rounding of either sign."""
    found = check_second_order(UFM((9, 2), control, 0.5), np.array([[1.0], [1.0]]))
    assert found.gradient_norm <= 1e-12
    assert (found.direction is not None) == (found.classification == "strict saddle")


@every_control
@every_level
def test_rotations_change_nothing(control, level):
    problem, rng = UFM(SIZES, control, 0.7), np.random.default_rng(4)
    result = solve_nonconvex(problem, 2, level=level)
    rotation = np.linalg.qr(rng.standard_normal((2, 2)))[0]
    one = check_second_order(problem, result.embeddings, level=level, lower=result.lower)
    two = check_second_order(problem, result.embeddings @ rotation, level=level, lower=result.lower)
    assert two.classification == one.classification
    assert two.smallest_eigenvalue == pytest.approx(one.smallest_eigenvalue, rel=1e-5, abs=1e-8)
    assert two.relative_gap == pytest.approx(one.relative_gap, abs=1e-14)


@pytest.mark.parametrize("rank", [0, 1, 2, 4])
def test_removed_rotations_are_the_span_of_all_skew_matrices(rank):
    rng = np.random.default_rng(rank)
    rows = rng.standard_normal((6, rank)) @ rng.standard_normal((rank, 4))
    rotations = Rotations(rows)
    span = []
    for i in range(4):
        for j in range(i):
            skew = np.zeros((4, 4))
            skew[i, j], skew[j, i] = 1.0, -1.0
            span.append((rows @ skew).ravel())
    left, values, _ = np.linalg.svd(np.array(span).T, full_matrices=False)
    basis = left[:, values > 1e-10]
    assert rotations.dimensions == basis.shape[1]
    direction = rng.standard_normal((6, 4))
    expected = direction.ravel() - basis @ (basis.T @ direction.ravel())
    assert rotations.remove(direction).ravel() == pytest.approx(expected, abs=1e-12)


@every_control
def test_lanczos_agrees_with_the_matrix(control, monkeypatch):
    problem = UFM(SIZES, control, 0.7)
    result = solve_nonconvex(problem, 3, level="samples", max_iterations=8)
    dense = check_second_order(problem, result.embeddings, level="samples", lower=result.lower)
    monkeypatch.setattr(spectrum, "_DENSE", 0)
    lanczos = check_second_order(problem, result.embeddings, level="samples", lower=result.lower)
    assert lanczos.smallest_eigenvalue == pytest.approx(dense.smallest_eigenvalue, abs=1e-6)
    zeros = np.zeros((16, 2))
    if isinstance(control, Ridge):
        at_zero = check_second_order(problem, zeros, level="samples")
        assert at_zero.smallest_eigenvalue == pytest.approx(
            control.strength - problem.zero_threshold(), rel=1e-6
        )


def test_sample_level_eigenvalue_is_at_most_that_of_classes():
    """Moving classes as a whole is one way of moving samples."""
    problem = UFM(SIZES, Ridge(0.3), 0.7)
    rows = solve_nonconvex(problem, 2).embeddings
    of_classes = check_second_order(problem, rows)
    of_samples = check_second_order(problem, rows[LABELS], level="samples")
    assert of_samples.smallest_eigenvalue <= of_classes.smallest_eigenvalue + 1e-9
    assert of_samples.gradient_norm == pytest.approx(of_classes.gradient_norm, abs=1e-9)


@pytest.mark.parametrize(
    ("embeddings", "level", "named"),
    [
        (np.ones((4, 2)), "orbits", "classes"),
        (np.ones((3, 2)), "classes", "shape"),
        (np.ones((4, 0)), "classes", "shape"),
        (np.ones((4, 2)), "samples", "shape"),
        (np.full((4, 2), math.inf), "classes", "NaN or infinite"),
        (np.full((4, 2), 2.0), "classes", "outside the control"),
        (np.zeros((4, 2)), "classes", "zero"),
        ("nothing", "classes", "numbers"),
    ],
)
def test_bad_input_is_refused(embeddings, level, named):
    with pytest.raises(InvalidInputError, match=named):
        check_second_order(UFM(SIZES, Sphere(1.0)), embeddings, level=level)


@pytest.mark.parametrize("control", [Ball(1.0), Budget(1.0)])
def test_embeddings_beyond_the_bound_are_refused(control):
    with pytest.raises(InvalidInputError, match="outside the control"):
        check_second_order(UFM(SIZES, control), np.full((4, 2), 1.0))

"""Optimal class means as an array for training."""

import numpy as np
import pytest

import screlax
from screlax.errors import EmbeddingDimensionError, InvalidInputError


@pytest.fixture(scope="module")
def solution():
    labels = ["b"] * 30 + ["a"] * 5 + ["c"] * 9
    return screlax.solve_relaxation(screlax.UFM.from_labels(labels, screlax.Ridge(0.05), 0.5))


def test_rows_are_in_label_order(solution):
    rows = solution.prototypes()
    assert rows.shape == (3, solution.rank)
    np.testing.assert_allclose(rows @ rows.T, solution.class_gram, atol=1e-12)
    assert solution.problem.class_labels == ("a", "b", "c")
    assert np.linalg.norm(rows[0]) > np.linalg.norm(rows[1])  # the rare class is the longer


def test_a_larger_dimension_is_padded(solution):
    rows = solution.prototypes(7, dtype="float32")
    assert rows.dtype == np.float32
    assert rows.flags.c_contiguous
    assert rows.flags.writeable
    np.testing.assert_array_equal(rows[:, 2:], 0)


def test_normalised_rows_have_norm_one(solution):
    rows = solution.prototypes(normalize=True)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0)
    full = solution.prototypes()
    np.testing.assert_allclose(rows * np.linalg.norm(full, axis=1)[:, None], full)


def test_below_the_rank_is_refused_unless_asked_for(solution):
    with pytest.raises(EmbeddingDimensionError, match="below the rank 2"):
        solution.prototypes(1)
    assert solution.prototypes(1, truncate=True).shape == (3, 1)


@pytest.mark.parametrize("dtype", ["int32", "complex128", "torch.float32"])
def test_other_types_are_refused(solution, dtype):
    with pytest.raises(InvalidInputError, match="floating-point"):
        solution.prototypes(dtype=dtype)


def test_zero_has_no_direction():
    solution = screlax.solve_relaxation([5, 5], control=screlax.Ridge(1e3))
    with pytest.raises(InvalidInputError, match="is zero"):
        solution.prototypes(normalize=True)
    np.testing.assert_array_equal(solution.prototypes(4), np.zeros((2, 4)))


def turned(rows, seed=0):
    """Rows after a random orthogonal matrix."""
    draw = np.random.default_rng(seed).standard_normal((rows.shape[1], rows.shape[1]))
    return rows @ np.linalg.qr(draw)[0]


def test_prototypes_come_back_from_any_rotation_of_them_whatever_its_scale(solution):
    means = 3 * turned(solution.prototypes(6))
    np.testing.assert_allclose(3 * solution.prototypes(onto=means), means, atol=1e-12)
    means[1] = 0  # a class without samples draws nothing
    rows = solution.prototypes(6, onto=means)
    np.testing.assert_allclose(3 * rows[[0, 2]], means[[0, 2]], atol=1e-12)


def test_no_rotation_nor_exchange_of_like_classes_is_nearer():
    solution = screlax.solve_relaxation([40, 9, 9, 9, 2, 2], screlax.Sphere(1.0))
    means = np.random.default_rng(1).standard_normal((6, 7))
    rows = solution.prototypes(onto=means)
    np.testing.assert_allclose(rows @ rows.T, solution.class_gram, atol=1e-12)
    distance = np.linalg.norm(rows - means)
    for order in ([0, 2, 1, 3, 4, 5], [0, 3, 1, 2, 5, 4], [0, 1, 2, 3, 5, 4]):
        assert np.linalg.norm(rows[order] - means) > distance
        exchanged = solution.prototypes(onto=means[order])  # another rotation is as near to that
        assert np.linalg.norm(exchanged - means[order]) == pytest.approx(distance, rel=1e-12)
    for seed in range(20):
        assert np.linalg.norm(turned(rows, seed) - means) > distance


def test_truncated_prototypes_are_exchanged_among_like_classes():
    """In two of five dimensions six like classes are a figure with places to choose."""
    solution = screlax.solve_relaxation([5] * 6, screlax.Sphere(1.0))
    flat = solution.prototypes(2, truncate=True)
    means = flat[[3, 5, 1, 0, 2, 4]]
    rows = solution.prototypes(onto=means, truncate=True)
    stretch = np.linalg.svd(flat.T @ means, compute_uv=False)
    assert np.sum(rows * means) > stretch.sum() + 1e-3  # what a rotation alone would reach
    np.testing.assert_allclose(
        np.linalg.eigvalsh(rows @ rows.T), np.linalg.eigvalsh(flat @ flat.T), atol=1e-12
    )


@pytest.mark.parametrize(
    ("onto", "message"),
    [
        (np.ones((2, 4)), r"shape \(3, dim\), got \(2, 4\)"),
        (np.ones(3), r"shape \(3, dim\)"),
        (np.zeros((3, 4)), "nothing to turn onto"),
        ([[1.0, 0.0], [np.nan, 0.0], [0.0, 1.0]], "mean of class 1"),
    ],
)
def test_means_that_cannot_be_turned_onto_are_refused(solution, onto, message):
    with pytest.raises(InvalidInputError, match=message):
        solution.prototypes(onto=onto)


def test_dimensions_that_differ_and_nonnegative_features_are_refused(solution):
    with pytest.raises(InvalidInputError, match=r"shape \(3, 5\), got \(3, 4\)"):
        solution.prototypes(5, onto=np.eye(3, 4))
    with pytest.raises(EmbeddingDimensionError):
        solution.prototypes(onto=np.ones((3, 1)))
    problem = screlax.UFM([5, 5, 5], screlax.Sphere(1.0), features="nonnegative")
    with pytest.raises(InvalidInputError, match="no rotation keeps"):
        screlax.solve_relaxation(problem).prototypes(onto=np.eye(3))

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


@pytest.mark.parametrize("dtype", ["int32", "complex128"])
def test_other_types_are_refused(solution, dtype):
    with pytest.raises(InvalidInputError, match="floating-point"):
        solution.prototypes(dtype=dtype)


def test_zero_has_no_direction():
    solution = screlax.solve_relaxation([5, 5], control=screlax.Ridge(1e3))
    with pytest.raises(InvalidInputError, match="is zero"):
        solution.prototypes(normalize=True)
    np.testing.assert_array_equal(solution.prototypes(4), np.zeros((2, 4)))

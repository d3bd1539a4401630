"""Factoring Gram matrices: rank, conventions, truncation, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import screlax
from screlax import Embeddings, recover_embeddings
from screlax.errors import EmbeddingDimensionError, InvalidInputError

seeds = st.integers(0, 2**32 - 1)


def random_gram(points: int, rank: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((points, rank))
    return vectors @ vectors.T


# ----------------------------------------------------------------- factoring


@given(st.integers(1, 8), st.integers(1, 8), seeds)
def test_embeddings_reproduce_the_gram_and_its_rank(points, rank, seed):
    gram = random_gram(points, rank, seed)
    found = recover_embeddings(gram)
    assert found.rank == min(points, rank)
    assert found.vectors.shape == (points, found.rank)
    assert found.vectors @ found.vectors.T == pytest.approx(gram, abs=1e-8 * np.trace(gram))
    assert found.eigenvalues == pytest.approx(
        np.linalg.eigvalsh(gram)[::-1], abs=1e-12 * np.trace(gram)
    )
    assert found.value_lost == 0.0
    assert np.asarray(found) is found.vectors
    assert np.asarray(found, dtype=np.float32).dtype == np.float32


@given(seeds)
def test_columns_come_by_decreasing_length_with_a_positive_leader(seed):
    vectors = recover_embeddings(random_gram(6, 4, seed)).vectors
    lengths = np.linalg.norm(vectors, axis=0)
    assert (np.diff(lengths) <= 1e-12).all()
    leader = np.abs(vectors).argmax(axis=0)
    assert (vectors[leader, np.arange(4)] > 0).all()
    assert vectors.T @ vectors == pytest.approx(np.diag(lengths**2), abs=1e-10 * lengths[0] ** 2)


@given(seeds)
def test_embeddings_do_not_depend_on_the_rotation_they_came_from(seed):
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((6, 4))
    rotation = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    rotated = vectors @ rotation
    first = recover_embeddings(vectors @ vectors.T)
    second = recover_embeddings(rotated @ rotated.T)
    assert second.vectors == pytest.approx(first.vectors, abs=1e-5)
    assert second.rank == first.rank


def test_same_input_same_output():
    gram = random_gram(7, 5, 1)
    first, second = recover_embeddings(gram), recover_embeddings(gram.copy())
    assert np.array_equal(first.vectors, second.vectors)


def test_example():
    found = recover_embeddings([[4.0, 0.0], [0.0, 9.0]])
    assert found.vectors == pytest.approx(np.array([[0.0, 2.0], [3.0, 0.0]]))
    assert found.eigenvalues == pytest.approx(np.array([9.0, 4.0]))


def test_rank_counts_eigenvalues_above_the_tolerance():
    gram = np.diag([1.0, 1e-3, 1e-8, 0.0])
    assert recover_embeddings(gram).rank == 3
    assert recover_embeddings(gram, tolerance=1e-6).rank == 2
    found = recover_embeddings(gram, tolerance=0.5)
    assert (found.rank, found.tolerance) == (1, 0.5)


def test_zero_gram_has_rank_zero_and_one_zero_column():
    found = recover_embeddings(np.zeros((3, 3)))
    assert found.rank == 0
    assert np.array_equal(found.vectors, np.zeros((3, 1)))
    assert np.array_equal(recover_embeddings(np.zeros((3, 3)), dim=4).vectors, np.zeros((3, 4)))


@pytest.mark.parametrize("scale", [1e-200, 1e-12, 1e12, 1e200])
def test_rank_does_not_depend_on_the_scale(scale):
    gram = random_gram(5, 2, 0)
    found = recover_embeddings(scale * gram)
    assert found.rank == 2
    assert found.vectors @ found.vectors.T == pytest.approx(scale * gram, rel=1e-6)


# ----------------------------------------------------------------- the dimension


def test_wider_dimension_is_padded_with_zeros():
    gram = random_gram(5, 2, 0)
    narrow, wide = recover_embeddings(gram), recover_embeddings(gram, dim=7)
    assert wide.vectors.shape == (5, 7)
    assert np.array_equal(wide.vectors[:, :2], narrow.vectors)
    assert not wide.vectors[:, 2:].any()
    assert (wide.rank, wide.value_lost) == (2, 0.0)
    assert np.array_equal(recover_embeddings(gram, dim=2).vectors, narrow.vectors)


def test_dimension_below_the_rank_names_both_and_the_cost():
    gram = np.diag([6.0, 3.0, 1.0])
    message = r"dim=1 is below the rank 3 .* discard 0\.4 of its trace; use dim >= 3"
    with pytest.raises(EmbeddingDimensionError, match=message) as caught:
        recover_embeddings(gram, dim=1)
    assert isinstance(caught.value, InvalidInputError)
    with pytest.raises(EmbeddingDimensionError, match=r"discard 0\.1 .* objective by 1;"):
        recover_embeddings(gram, dim=2, objective=lambda matrix: -float(np.trace(matrix)))


def test_truncation_keeps_the_largest_eigenvalues_and_states_the_cost():
    gram = np.diag([6.0, 3.0, 1.0])
    found = recover_embeddings(gram, dim=2, truncate=True, objective=lambda matrix: -matrix.sum())
    assert found.vectors @ found.vectors.T == pytest.approx(np.diag([6.0, 3.0, 0.0]))
    assert found.value_lost == pytest.approx(1.0)
    assert found.rank == 3
    assert recover_embeddings(gram, dim=2, truncate=True).value_lost is None


@given(seeds)
def test_truncation_is_the_best_low_rank_approximation(seed):
    gram = random_gram(6, 4, seed)
    values = np.linalg.eigvalsh(gram)[::-1]
    vectors = recover_embeddings(gram, dim=2, truncate=True).vectors
    lost = np.linalg.norm(gram - vectors @ vectors.T)
    assert lost == pytest.approx(np.linalg.norm(values[2:]), rel=1e-9)


def test_truncation_without_need_costs_nothing():
    found = recover_embeddings(np.eye(2), dim=2, truncate=True)
    assert found.value_lost == 0.0


@pytest.mark.parametrize("dim", [0, -1, 1.5, "3"])
def test_dimension_must_be_a_positive_whole_number(dim):
    with pytest.raises(InvalidInputError, match="dim must be a whole number of at least 1"):
        recover_embeddings(np.eye(2), dim=dim)


@pytest.mark.parametrize(
    "call",
    [
        lambda: recover_embeddings(np.eye(2), dim=float("nan")),
        lambda: recover_embeddings(np.eye(2), dim=float("inf")),
        lambda: recover_embeddings(np.eye(2), dim="wide"),
        lambda: recover_embeddings([["a"]]),
        lambda: recover_embeddings([[1, 2], [3]]),
        lambda: recover_embeddings(1j * np.eye(2)),
        lambda: recover_embeddings(np.diag([1.0, -1e-12]), tolerance=-1.0),
    ],
)
def test_arguments_that_are_no_numbers_are_input_errors(call):
    with pytest.raises(InvalidInputError):
        call()


# ----------------------------------------------------------------- what is no Gram matrix


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.ones((2, 3)), r"square, got shape \(2, 3\)"),
        (np.ones(4), r"square, got shape \(4,\)"),
        (np.float64(3.0), r"square, got shape \(\)"),
        (np.zeros((0, 0)), "square"),
        (np.array([[1.0, np.nan], [np.nan, 1.0]]), "NaN or infinite"),
        (np.diag([1.0, np.inf]), "NaN or infinite"),
        (np.array([[1.0, 0.5], [0.4, 1.0]]), "must be symmetric; it differs by 0.1"),
        (np.array([[1.0, 2.0], [2.0, 1.0]]), "indefinite: smallest eigenvalue -1, largest 3"),
        (-np.eye(2), "indefinite"),
        (np.diag([1.0, -1e-6]), "indefinite"),
    ],
)
def test_other_matrices_are_refused_with_the_reason(matrix, message):
    with pytest.raises(InvalidInputError, match=message):
        recover_embeddings(matrix)


def test_rounding_is_forgiven():
    assert recover_embeddings(np.diag([1.0, -1e-12])).rank == 1
    gram = np.eye(2)
    gram[0, 1] = 1e-12
    assert recover_embeddings(gram).rank == 2


def test_input_is_left_alone():
    gram = random_gram(4, 2, 0)
    before = gram.copy()
    assert isinstance(recover_embeddings(gram), Embeddings)
    assert np.array_equal(gram, before)


@pytest.mark.parametrize("dim", [True, [2], 1j, None])
def test_dimension_is_a_number(dim):
    if dim is None:
        assert recover_embeddings(np.eye(2), dim).vectors.shape == (2, 2)
        return
    with pytest.raises(InvalidInputError, match="dim must be a whole number"):
        recover_embeddings(np.eye(2), dim=dim)


@pytest.mark.parametrize("tolerance", [-1e-9, np.nan, "small", None, True])
def test_tolerance_is_a_number_of_at_least_zero(tolerance):
    with pytest.raises(InvalidInputError, match="tolerance must be a finite number of at least 0"):
        recover_embeddings(np.eye(2), tolerance=tolerance)


@pytest.mark.parametrize("gram", [[["1", "0"], ["0", "1"]], [[{}]], np.array([["1"]]), "eye"])
def test_text_and_objects_are_no_gram_matrix(gram):
    with pytest.raises(
        InvalidInputError,
        match="a Gram matrix must be",
    ):
        recover_embeddings(gram)


def test_embeddings_that_do_not_fit_are_refused():
    with pytest.raises(InvalidInputError, match=r"2 embeddings of dimension .* GB"):
        recover_embeddings(np.eye(2), dim=10**15)


def test_what_truncation_costs_is_the_objective_of_what_is_left():
    """On a sphere too: rescaled within the smaller dimension, not lengthened by new ones."""
    for control in (screlax.Sphere(1.0), screlax.Ball(1.0), screlax.Budget(1.0)):
        solution = screlax.solve_relaxation([9, 6, 4, 3], control=control, temperature=0.5)
        for dim in (1, 2):
            found = solution.embeddings(dim, truncate=True)
            y = np.repeat(np.arange(4), [9, 6, 4, 3])
            gap = screlax.compare(found.vectors[y], y, solution).loss
            assert found.value_lost == pytest.approx(gap.value - solution.value, rel=1e-6), control


def test_embeddings_are_indexed_as_their_vectors():
    found = recover_embeddings(np.diag([4.0, 1.0]))
    assert len(found) == 2
    assert np.array_equal(found[[1, 0, 0]], found.vectors[[1, 0, 0]])
    assert found[0, 0] == found.vectors[0, 0]

"""The penalty on the distance from the optimal geometry: value, gradient, and what is refused."""

import numpy as np
import pytest

import screlax
from screlax.errors import InvalidInputError
from screlax.geometry import class_statistics, gram_distance, gram_penalty_and_grad

COUNTS = {"ant": 40, "bee": 12, "cat": 12, "dog": 3}


@pytest.fixture(scope="module")
def solution():
    return screlax.solve_relaxation(COUNTS, screlax.Ridge(0.05))


def batch(n=30, dim=5, seed=0, names=tuple(COUNTS)):
    rng = np.random.default_rng(seed)
    labels = np.array(names)[np.arange(n) % len(names)]
    return rng.standard_normal((n, dim)) + 1.0, labels


def test_it_is_the_square_of_the_distance_of_all_classes(solution):
    rows, labels = batch()
    means = class_statistics(rows, labels).means
    expected = gram_distance(means @ means.T, solution.class_gram) ** 2
    assert gram_penalty_and_grad(rows, labels, solution).value == pytest.approx(expected, 1e-13)


def test_classes_that_a_batch_lacks_are_left_out_of_both(solution):
    rows, labels = batch(names=("dog", "bee"))
    means = np.array([rows[labels == name].mean(axis=0) for name in ("bee", "dog")])
    optimal = solution.class_gram[np.ix_([1, 3], [1, 3])]
    expected = gram_distance(means @ means.T, optimal) ** 2
    assert gram_penalty_and_grad(rows, labels, solution).value == pytest.approx(expected, 1e-13)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("names", [tuple(COUNTS), ("dog", "bee")])
def test_taylor_slopes(solution, names, normalize):
    """What is left of the value after its slope falls with the square of the step."""
    rows, labels = batch(names=names)
    direction = np.random.default_rng(1).standard_normal(rows.shape)
    at, gradient = gram_penalty_and_grad(rows, labels, solution, normalize=normalize)
    slope = float((gradient * direction).sum())
    steps = np.array([1e-2, 1e-3, 1e-4])
    left = [
        gram_penalty_and_grad(rows + step * direction, labels, solution, normalize=normalize).value
        - at
        - step * slope
        for step in steps
    ]
    orders = np.diff(np.log10(np.abs(left))) / np.diff(np.log10(steps))
    np.testing.assert_allclose(orders, 2, atol=0.05)


def test_rotation_and_scale_change_nothing_and_the_optimum_has_none(solution):
    rows, labels = batch()
    turned = 1e100 * rows @ np.linalg.qr(np.random.default_rng(2).standard_normal((5, 5)))[0]
    first = gram_penalty_and_grad(rows, labels, solution)
    assert gram_penalty_and_grad(turned, labels, solution).value == pytest.approx(
        first.value, 1e-12
    )
    assert abs((first.gradient * rows).sum()) <= 1e-14  # along the scale
    best = solution.prototypes(6)[solution.problem.class_index(labels)]
    value, gradient = gram_penalty_and_grad(7 * best, labels, solution)
    assert value <= 1e-28
    assert np.abs(gradient).max() <= 1e-14


def test_descent_reaches_the_geometry(solution):
    rows, labels = batch(8, dim=3)
    for _ in range(3000):
        rows = rows - 0.3 * gram_penalty_and_grad(rows, labels, solution).gradient
    assert gram_penalty_and_grad(rows, labels, solution).value <= 1e-10


def test_views_are_rows_of_their_sample():
    problem = screlax.UFM([8, 4, 2], screlax.Sphere(1.0), loss="supcon:views=2")
    solution = screlax.solve_relaxation(problem)
    rows, _ = batch(12)
    labels = np.array([0, 1, 2, 0, 1, 2])
    value, gradient = gram_penalty_and_grad(rows.reshape(6, 2, 5), labels, solution)
    flat = gram_penalty_and_grad(rows, np.repeat(labels, 2), solution)
    assert value == flat.value
    np.testing.assert_array_equal(gradient, flat.gradient.reshape(6, 2, 5))


def test_single_precision_stays(solution):
    rows, labels = batch()
    found = gram_penalty_and_grad(rows.astype(np.float32), labels, solution)
    assert found.gradient.dtype == np.float32
    assert found.value == pytest.approx(gram_penalty_and_grad(rows, labels, solution).value, 1e-5)


def test_what_has_no_geometry_is_refused(solution):
    rows, labels = batch()
    with pytest.raises(InvalidInputError, match="class means of the batch are zero"):
        gram_penalty_and_grad(0 * rows, labels, solution)
    zero = screlax.solve_relaxation([5, 5], control=screlax.Ridge(1e3))
    with pytest.raises(InvalidInputError, match="optimal means of the classes it has are zero"):
        gram_penalty_and_grad(rows, np.arange(30) % 2, zero)
    with pytest.raises(InvalidInputError, match="elk"):
        gram_penalty_and_grad(rows, ["elk"] * 30, solution)
    rows[3, 1] = np.nan
    with pytest.raises(InvalidInputError, match="3, 1"):
        gram_penalty_and_grad(rows, labels, solution)


@pytest.mark.parametrize("normalize", [False, True])
def test_torch_differentiates_it(solution, normalize):
    torch = pytest.importorskip("torch", reason="needs torch: pip install 'screlax[torch]'")
    rows, labels = batch(9)
    tensor = torch.tensor(rows, requires_grad=True)
    penalty = screlax.torch.GramPenalty(solution, normalize=normalize)
    assert torch.autograd.gradcheck(lambda points: penalty(points, labels), (tensor,))

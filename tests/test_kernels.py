"""Sums over classes through Chebyshev nodes, and the kernels themselves, by direct formulas."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from screlax.gram.kernels import EXACT, Interpolation, Kernels, node_count, weighted

seeds = st.integers(0, 2**32 - 1)


def direct_logistic(difference: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(np.asarray(difference, dtype=np.longdouble)))


def direct_bend(difference: np.ndarray) -> np.ndarray:
    return np.log(np.cosh(np.asarray(difference, dtype=np.longdouble) / 2))


def direct_sums(
    beta: np.ndarray, weights: np.ndarray, rows: slice = slice(None)
) -> tuple[np.ndarray, np.ndarray]:
    """Sums over all classes for some classes, in extended precision."""
    difference = beta[rows, None] - beta[None, :]
    return direct_logistic(difference) @ weights, direct_bend(difference) @ weights


def interpolated_sums(beta: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """The same sums for a batch (B, m) through the nodes, and how many nodes there are."""
    nodes = Interpolation.of(beta)
    kernels = Kernels.between(nodes.nodes, beta)
    logistic = nodes.extend(weighted(kernels.logistic, weights))
    return logistic, nodes.extend(weighted(kernels.bend, weights)), nodes.nodes.shape[1]


def random_beta(rng: np.random.Generator, count: int, width: float) -> np.ndarray:
    beta = rng.uniform(0, width, count)
    beta[0], beta[-1] = 0, width
    return beta + rng.uniform(0, 20)


# ----------------------------------------------------------------- interpolated sums


@pytest.mark.parametrize("count", [1, 5, 30, 200, 2000])
@pytest.mark.parametrize("width", [0.0, 1e-9, 1e-3, 0.1, 1.0, 3.0, 10.0])
def test_interpolated_sums_equal_direct_sums(width, count):
    rng = np.random.default_rng(count)
    beta = random_beta(rng, count, width)
    weights = np.exp(rng.uniform(-8, 8, count))
    logistic, bend, _ = interpolated_sums(beta[None], weights[None])
    rows = slice(None, None, max(1, count // 200))
    exact_logistic, exact_bend = direct_sums(beta, weights, rows)
    total = weights.sum() * max(1.0, width / 2)  # for rounding of β and the nodes
    assert np.abs(logistic[0, rows] - exact_logistic).max() <= 1e-14 * total
    assert np.abs(bend[0, rows] - exact_bend).max() <= 1e-14 * total
    if width <= 1:  # no kernel value is much smaller than the others: the sums keep all digits
        assert np.abs(logistic[0, rows] / exact_logistic - 1).max() <= 1e-14


@given(seeds, st.floats(0, 10), st.integers(2, 250), st.integers(1, 4))
def test_interpolated_sums_of_a_batch(seed, width, count, batch):
    rng = np.random.default_rng(seed)
    beta = np.array([random_beta(rng, count, width * rng.uniform()) for _ in range(batch)])
    weights = np.exp(rng.uniform(-3, 3, beta.shape))
    logistic, bend, _ = interpolated_sums(beta, weights)
    for number in range(batch):
        exact_logistic, exact_bend = direct_sums(beta[number], weights[number])
        total = weights[number].sum()
        assert np.abs(logistic[number] - exact_logistic).max() <= 1e-14 * total
        assert np.abs(bend[number] - exact_bend).max() <= 5e-14 * total


def test_a_constant_batch_member_beside_one_that_is_spread():
    beta = np.array([np.full(100, 3.0), np.linspace(0, 5, 100)])
    logistic, bend, count = interpolated_sums(beta, np.ones_like(beta))
    assert count < 100
    assert logistic[0] == pytest.approx(np.full(100, 50.0), rel=1e-14)
    assert np.abs(bend[0]).max() <= 1e-12


def test_equal_normalisers_take_one_node_and_are_exact():
    beta = np.full((2, 500), 7.3)
    logistic, bend, count = interpolated_sums(beta, np.ones_like(beta))
    assert count == 1
    assert (logistic == 250.0).all()
    assert (bend == 0.0).all()


def test_few_classes_are_summed_exactly():
    beta = np.linspace(0, 4, 24)[None]
    nodes = Interpolation.of(beta)
    assert nodes.matrix is None
    assert nodes.nodes is beta


def test_many_classes_take_few_nodes_that_reproduce_polynomials():
    beta = np.sort(np.random.default_rng(0).uniform(2, 5, 1500))[None]
    nodes = Interpolation.of(beta)
    assert nodes.matrix is not None
    assert nodes.nodes.shape[1] == node_count(float(np.ptp(beta)))
    for degree in range(nodes.nodes.shape[1]):
        exact = ((beta - 3.5) / 1.5) ** degree
        assert np.abs(nodes.extend(((nodes.nodes - 3.5) / 1.5) ** degree) - exact).max() < 1e-12


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf], ids=str)
def test_a_problem_that_broke_down_leaves_the_others_their_nodes(wrong):
    beta = np.sort(np.random.default_rng(0).uniform(2, 5, (2, 1500)))
    alone = Interpolation.of(beta[:1])
    beta[1, 7] = wrong
    with np.errstate(invalid="ignore"):
        both = Interpolation.of(beta)
    assert np.array_equal(both.nodes[0], alone.nodes[0])
    assert both.matrix is not None
    assert alone.matrix is not None
    assert np.array_equal(both.matrix[0], alone.matrix[0])


def test_a_coarser_accuracy_is_kept_and_takes_fewer_nodes():
    rng = np.random.default_rng(1)
    beta, weights = random_beta(rng, 800, 8.0), np.ones(800)
    exact = direct_sums(beta, weights)[0]
    coarse = Interpolation.of(beta[None], 1e-8)
    error = coarse.extend(
        weighted(Kernels.between(coarse.nodes, beta[None]).logistic, weights[None])
    )
    assert coarse.nodes.shape[1] < Interpolation.of(beta[None]).nodes.shape[1]
    assert 1e-14 < np.abs(error[0] - exact).max() / weights.sum() < 1e-7


# ----------------------------------------------------------------- number of nodes


@given(st.floats(0, 100), st.sampled_from([1e-4, 1e-8, 1e-12, EXACT]))
def test_node_count_follows_the_documented_rate(width, accuracy):
    count = node_count(width, accuracy)
    ratio = math.pi / max(width / 2, 2e-3)
    rate = ratio + math.sqrt(1 + ratio**2)
    needed = math.log(1 / accuracy) / math.log(rate)
    assert needed <= count <= 1.08 * needed + 4


@given(st.floats(0, 100), st.floats(0, 100))
def test_node_count_grows_with_the_width(first, second):
    low, high = sorted((first, second))
    assert node_count(low) <= node_count(high)


def test_documented_node_counts():
    """7 to 15 for the narrow ranges of ridge, about 50 for those of a sphere (5 to 8)."""
    assert node_count(0.0) <= 8
    assert 7 <= node_count(0.05) <= node_count(0.5) <= 15
    assert 38 <= node_count(5.0) <= node_count(8.0) <= 60
    assert node_count(80.0) / node_count(40.0) == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize("width", [math.nan, math.inf])
def test_node_count_of_a_broken_down_problem(width):
    assert node_count(width) == 2


# ----------------------------------------------------------------- the kernels


@given(st.lists(st.floats(-400, 400), min_size=1, max_size=8))
def test_kernels_equal_their_definitions(values):
    beta = np.array([values])
    kernels = Kernels.between(beta, beta)
    difference = beta[0][:, None] - beta[0][None, :]
    # an argument of this size is itself only known to its own rounding
    known = 4e-16 * np.maximum(1.0, np.abs(difference))
    exact = direct_logistic(difference)
    assert (np.abs(kernels.logistic[0] - exact) <= known * exact + 2e-16).all()
    assert (np.abs(kernels.bend[0] - direct_bend(difference)) <= known).all()


def test_small_logistic_values_keep_their_digits():
    gap = np.array([[0.0, 30.0, 300.0, 700.0]])
    kernel = Kernels.between(gap, np.zeros((1, 1))).logistic[0, :, 0]
    assert kernel == pytest.approx(1 / (1 + np.exp(gap[0])), rel=1e-13, abs=0)


@pytest.mark.parametrize("gap", [1e3, 1e6, 1e300])
def test_huge_differences_do_not_overflow(gap):
    kernels = Kernels.between(np.array([[0.0, gap]]), np.array([[0.0, gap]]))
    assert kernels.logistic[0].tolist() == [[0.5, 1.0], [0.0, 0.5]]
    assert kernels.bend[0, 0, 1] == pytest.approx(gap / 2 - math.log(2), rel=1e-15)
    assert kernels.bend[0, 0, 0] == 0


@given(
    st.lists(st.tuples(st.floats(-30, 30), st.floats(-1, 1)), min_size=2, max_size=12),
)
def test_minus_log_cosh_is_conditionally_positive_definite(pairs):
    beta = np.array([b for b, _ in pairs])
    weights = np.array([w for _, w in pairs])
    weights -= weights.mean()
    bend = Kernels.between(beta[None], beta[None]).bend[0]
    form = -weights @ bend @ weights
    assert form >= -1e-14 * np.abs(weights) @ bend @ np.abs(weights) - 1e-15


@given(seeds, st.integers(2, 40), st.floats(0.01, 20))
def test_the_kernel_is_positive_semidefinite_beside_ones(seed, count, width):
    beta = np.random.default_rng(seed).uniform(0, width, count)
    kernel = -Kernels.between(beta[None], beta[None]).bend[0]
    centring = np.eye(count) - 1 / count
    assert np.linalg.eigvalsh(centring @ kernel @ centring)[0] >= -1e-13 * count * width

"""Losses near zero, and heights above log(n_c − 1), against 200 digits."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from loss_reference import exact_losses

import screlax
from screlax import supcon_loss, supcon_loss_and_grad
from screlax.gram.rounding import exponential_remainder
from screlax.samples.heights import heights_of_samples

EPSILON = np.finfo(float).eps


def relative_errors(found, exact):
    return np.array(
        [float(abs((mpmath.mpf(float(a)) - b) / b)) for a, b in zip(found, exact, strict=True)]
    )


@pytest.fixture(autouse=True)
def _many_digits():
    with mpmath.workdps(200):
        yield


def pairs(n, dim, spread, seed=0):
    """Return pairs of nearly equal embeddings, pairs apart from each other."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((n // 2, dim))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    labels = np.repeat(np.arange(n // 2), 2)
    return centres[labels] + spread * rng.standard_normal((n, dim)), labels


@pytest.mark.parametrize("temperature", [0.1, 0.05, 0.02, 0.005])
def test_orthogonal_pairs(temperature):
    """Six samples in three classes of two: log(1 + 4 e^{−1/τ})."""
    labels = np.repeat(np.arange(3), 2)
    loss = supcon_loss(np.eye(3)[labels], labels, temperature=temperature)
    exact = mpmath.log1p(4 * mpmath.exp(-1 / mpmath.mpf(temperature)))
    assert relative_errors([loss], [exact])[0] < 2 * EPSILON * (1 + 1 / temperature)


@pytest.mark.parametrize("temperature", [0.3, 0.07, 0.02])
@pytest.mark.parametrize("spread", [0.0, 1e-3])
@pytest.mark.parametrize("n", [12, 70])
def test_pairs_one_by_one_and_reduced(temperature, spread, n):
    embeddings, labels = pairs(n, 24, spread)
    same = labels[:, None] == labels
    exact, _ = exact_losses(embeddings, same, temperature)
    allowed = 8 * EPSILON * (1 + 1.2 / temperature)
    options = {"temperature": temperature}
    each = supcon_loss(embeddings, labels, reduction="none", **options)
    assert relative_errors(each, exact).max() < allowed
    by_mask = supcon_loss(embeddings, mask=same, reduction="none", **options)
    assert relative_errors(by_mask, exact).max() < allowed
    total = mpmath.fsum(exact)
    found, _ = supcon_loss_and_grad(embeddings, labels, reduction="sum", **options)
    assert relative_errors([found], [total])[0] < allowed
    batch = supcon_loss(np.stack([embeddings, 0.1 * embeddings]), labels, **options)
    assert relative_errors(batch[:1], [total / n])[0] < allowed


@pytest.mark.parametrize("normalize", [False, True])
def test_chunks(normalize):
    dask_array = pytest.importorskip("dask.array", reason="dask is not installed")
    embeddings, labels = pairs(40, 24, 1e-3)
    order = np.random.default_rng(0).permutation(40)
    embeddings, labels = embeddings[order], labels[order]
    options = {"temperature": 0.03, "reduction": "none", "normalize": normalize}
    found = screlax.supcon_loss_chunked(
        dask_array.from_array(embeddings, chunks=(7, 24)), labels, block_rows=7, **options
    )
    if normalize:
        embeddings = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    exact, _ = exact_losses(embeddings, labels[:, None] == labels, 0.03)
    assert relative_errors(found, exact).max() < 8 * EPSILON * 40


@pytest.mark.parametrize("mode", ["all", "one"])
def test_views_without_labels(mode):
    embeddings, _ = pairs(12, 24, 1e-3)
    views = embeddings.reshape(6, 2, 24)
    labels = np.repeat(np.arange(6), 2)
    exact, _ = exact_losses(embeddings, labels[:, None] == labels, 0.03)
    exact = exact if mode == "all" else exact[::2]
    found = supcon_loss(views, temperature=0.03, contrast_mode=mode, reduction="none")
    assert relative_errors(found.reshape(-1), exact).max() < 8 * EPSILON * 40


def test_singletons_and_larger_classes_beside_pairs():
    embeddings, _ = pairs(14, 24, 1e-3)
    labels = np.array([0, 0, 1, 1, 2, 2, 3, 3, 3, 3, 4, 4, 5, 6])
    embeddings[6:10] = embeddings[6]
    exact, _ = exact_losses(embeddings, labels[:, None] == labels, 0.05)
    found = supcon_loss(embeddings, labels, temperature=0.05, reduction="none")
    assert (found[12:] == 0).all()
    assert relative_errors(found[:12], exact[:12]).max() < 8 * EPSILON * 25


@pytest.mark.parametrize("jobs", [1, 2])
def test_threads_change_no_bit(jobs):
    embeddings, labels = pairs(1200, 16, 1e-3)
    one = supcon_loss(embeddings, labels, temperature=0.02, n_jobs=1)
    assert supcon_loss(embeddings, labels, temperature=0.02, n_jobs=jobs) == one


@pytest.mark.parametrize("temperature", [0.2, 0.03, 0.005])
def test_heights_of_collapsed_classes(temperature):
    """Above log(n_c − 1) nothing is left but the negatives, whatever their size."""
    labels = np.array([0] * 5 + [1] * 2 + [2] * 3 + [3])
    embeddings = np.random.default_rng(3).standard_normal((4, 9))[labels]
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    _check_heights(embeddings, labels, temperature, 8 * EPSILON * (1 + 1 / temperature))


@pytest.mark.parametrize("spread", [1e-2, 1e-5, 1e-9])
def test_heights_of_nearly_collapsed_classes(spread):
    rng = np.random.default_rng(4)
    labels = np.repeat(np.arange(4), [6, 5, 3, 2])
    embeddings = np.eye(4, 7)[labels] + spread * rng.standard_normal((16, 7))
    _check_heights(embeddings, labels, 0.02, 1e-13)


@pytest.mark.parametrize("temperature", [1.0, 0.1, 1e-3, 1e-5])
def test_heights_far_above_the_floor(temperature):
    """By the same formula, which overflows at the smallest temperatures: then by the loss."""
    rng = np.random.default_rng(5)
    labels = np.repeat(np.arange(4), [6, 5, 3, 1])
    _check_heights(rng.standard_normal((15, 7)), labels, temperature, 1e-12)


def _check_heights(embeddings, labels, temperature, allowed):
    heights, _ = heights_of_samples(embeddings, labels, temperature)
    same = labels[:, None] == labels
    _, exact = exact_losses(embeddings, same, temperature)
    anchored = same.sum(axis=1) > 1
    assert (heights[~anchored] == 0).all()
    exact = [value for value, counts in zip(exact, anchored, strict=True) if counts]
    assert relative_errors(heights[anchored], exact).max() < allowed


def test_remainder_of_the_exponential():
    values = np.array([1e-300, 1e-12, -1e-5, 0.1, -0.4999, 0.4999, 0.5, -0.5001, 3.0, -700.0])[1:]
    exact = [mpmath.expm1(mpmath.mpf(float(d))) - mpmath.mpf(float(d)) for d in values]
    assert relative_errors(exponential_remainder(values), exact).max() < 8 * EPSILON
    assert exponential_remainder(np.zeros(1))[0] == 0

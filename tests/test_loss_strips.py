"""The strip kernel against the tiled one, in every layout; both are tested against dense sums."""

from __future__ import annotations

import numpy as np
import pytest

from screlax.samples import evaluate, supcon_loss, supcon_loss_and_grad
from screlax.samples import strips as strips_module

CASES = {
    "plain": ((700, 12), {}),
    "not a multiple of the block": ((1025, 5), {}),
    "more features than rows": ((330, 900), {}),
    "batch": ((3, 400, 8), {}),
    "views": ((250, 2, 8), {"contrast_mode": "all"}),
    "one view, anchors end within a block": ((300, 3, 8), {"contrast_mode": "one"}),
    "one view, anchors end with a block": ((256, 2, 8), {"contrast_mode": "one"}),
    "negatives only": ((700, 12), {"negatives_only": True}),
    "negatives only, one view": ((300, 2, 8), {"negatives_only": True, "contrast_mode": "one"}),
    "weighted anchors": ((500, 6), {"class_weights": np.linspace(0.5, 2, 9)}),
}


def data(shape, options, dtype, seed=3):
    rng = np.random.default_rng(seed)
    H = rng.standard_normal(shape)
    H = (H / np.linalg.norm(H, axis=-1, keepdims=True)).astype(dtype)
    samples = shape[1] if len(shape) == 3 and "contrast_mode" not in options else shape[0]
    return H, rng.permutation(np.arange(samples) % 9)


@pytest.fixture
def calls(monkeypatch):
    """Count calls of the strip kernel, to be sure which one was tested."""
    made = []
    original = evaluate.contrast_strips

    def counted(*arguments):
        made.append(arguments)
        return original(*arguments)

    monkeypatch.setattr(evaluate, "contrast_strips", counted)
    return made


def by_tiles(monkeypatch, *arguments, **options):
    with monkeypatch.context() as patch:
        patch.setattr(evaluate, "fit_strips", lambda *_: False)
        return supcon_loss_and_grad(*arguments, **options)


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("case", CASES)
def test_strips_agree_with_tiles(case, n_jobs, calls, monkeypatch):
    shape, options = CASES[case]
    H, y = data(shape, options, np.float64)
    loss, gradient = supcon_loss_and_grad(H, y, n_jobs=n_jobs, **options)
    assert len(calls) == 1
    expected_loss, expected = by_tiles(monkeypatch, H, y, **options)
    assert len(calls) == 1
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-14)
    np.testing.assert_allclose(gradient, expected, atol=1e-14 * np.abs(expected).max())
    np.testing.assert_allclose(supcon_loss(H, y, n_jobs=n_jobs, **options), loss, rtol=1e-15)


def test_a_mask_in_strips(calls, monkeypatch):
    H, y = data((400, 6), {}, np.float64)
    mask = np.random.default_rng(0).uniform(size=(400, 400)) * (y[:, None] == y)
    loss, gradient = supcon_loss_and_grad(H, mask=mask)
    assert len(calls) == 1
    expected_loss, expected = by_tiles(monkeypatch, H, mask=mask)
    assert loss == pytest.approx(expected_loss, rel=1e-14)
    np.testing.assert_allclose(gradient, expected, atol=1e-14 * np.abs(expected).max())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_jobs", [2, 3])
def test_the_number_of_threads_changes_no_bit(dtype, n_jobs):
    H, y = data((1100, 12), {}, dtype)
    loss, gradient = supcon_loss_and_grad(H, y, n_jobs=1)
    other_loss, other = supcon_loss_and_grad(H, y, n_jobs=n_jobs)
    assert loss == other_loss
    np.testing.assert_array_equal(gradient, other)


def test_strips_need_their_memory(calls, monkeypatch):
    H, y = data((700, 12), {}, np.float32)
    supcon_loss_and_grad(H, y, memory_budget=1_000_000)  # 2 MB of exponentials
    assert not calls
    supcon_loss(H, y)
    monkeypatch.setattr(strips_module, "LARGEST_STRIPS", 699)
    supcon_loss(H, y)
    assert len(calls) == 1

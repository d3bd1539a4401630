"""Tiles: everything once, never two of a round on the same rows, and what whole items give."""

from __future__ import annotations

import numpy as np
import pytest
from loss_reference import unit

from screlax import contrastive_loss_and_grad
from screlax.samples import kernels, rows, supcon_loss, supcon_loss_and_grad
from screlax.samples.kernels.contrast import fastest_exponential, needs_shift
from screlax.samples.kernels.tiling import Panel, rounds
from screlax.samples.workers import Workers, thread_count

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
    "mask": ((400, 6), {}),
}


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("case", CASES)
def test_tiles_agree_with_whole_items(case, n_jobs, monkeypatch):
    shape, options = CASES[case]
    rng = np.random.default_rng(3)
    H = unit(rng, *shape)
    samples = shape[1] if len(shape) == 3 and "contrast_mode" not in options else shape[0]
    y = rng.permutation(np.arange(samples) % 9)
    if case == "mask":
        options = {"mask": rng.uniform(size=(samples, samples)) * (y[:, None] == y)}
        y = None
    loss, gradient = supcon_loss_and_grad(H, y, n_jobs=n_jobs, **options)
    np.testing.assert_allclose(supcon_loss(H, y, n_jobs=n_jobs, **options), loss, rtol=1e-15)
    monkeypatch.setattr(kernels, "contrast_tiled", None)  # to be sure which one is used
    monkeypatch.setattr(kernels, "LARGEST_SMALL", 1100)
    expected_loss, expected = supcon_loss_and_grad(H, y, **options)
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-14)
    np.testing.assert_allclose(gradient, expected, atol=1e-14 * np.abs(expected).max())


def test_items_in_chunks_of_which_the_last_is_smaller_are_as_by_themselves():
    H, y = unit(np.random.default_rng(1), 15, 100, 6), np.arange(100) % 9
    losses, gradients = supcon_loss_and_grad(H, y, n_jobs=1)
    for item, loss, gradient in zip(H, losses, gradients * 1.0, strict=True):
        expected_loss, expected = supcon_loss_and_grad(item, y)
        np.testing.assert_allclose(loss, expected_loss, rtol=1e-14)
        np.testing.assert_allclose(gradient, expected, atol=1e-14 * np.abs(expected).max())


@pytest.mark.parametrize("normalize", [False, True])
def test_rows_in_blocks_of_which_the_last_is_smaller_are_as_at_once(normalize, monkeypatch):
    H, y = 1.5 * unit(np.random.default_rng(2), 50, 6), np.arange(50) % 7
    at_once = contrastive_loss_and_grad(H, y, normalize=normalize)
    monkeypatch.setattr(rows, "_BLOCK_ENTRIES", 16 * 6)
    in_blocks = contrastive_loss_and_grad(H, y, normalize=normalize)
    for name in ("loss", "gradient", "temperature"):
        found, expected = getattr(in_blocks, name), getattr(at_once, name)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def panel(start, count):
    return Panel(start, np.empty((count, 1)))


def covered(first, second, anchors, size=32):
    """How often each entry is covered, both ways for tiles off the diagonal."""
    total = second.start + len(second.rows)
    hits = np.zeros((total, total), dtype=int)
    for tiles in rounds(first, second, size, anchors):
        busy = [part for tile in tiles for part in {tile.rows.start, tile.columns.start}]
        assert len(busy) == len(set(busy))
        for tile in tiles:
            hits[tile.rows, tile.columns] += 1
            if not tile.diagonal:
                hits[tile.columns, tile.rows] += 1
    return hits


@pytest.mark.parametrize("count", [1, 16, 17, 31, 33, 64, 100, 161, 200])
def test_a_panel_with_itself_covers_everything_once(count):
    one = panel(0, count)
    np.testing.assert_array_equal(covered(one, one, count), 1)


@pytest.mark.parametrize("count", [300, 512, 700, 1100])
def test_large_blocks_are_halved_on_the_diagonal(count):
    one = panel(0, count)
    np.testing.assert_array_equal(covered(one, one, count, size=512), 1)


@pytest.mark.parametrize("second", [1, 30, 64, 200])
@pytest.mark.parametrize("first", [1, 64, 150])
def test_two_panels_cover_what_is_between_them(first, second):
    hits = covered(panel(0, first), panel(first, second), first + second)
    np.testing.assert_array_equal(hits[:first, first:], 1)
    np.testing.assert_array_equal(hits[first:, :first], 1)
    assert hits[:first, :first].sum() == hits[first:, first:].sum() == 0


def test_tiles_without_anchors_are_left_out():
    one = panel(0, 128)
    hits = covered(one, one, 40)
    np.testing.assert_array_equal(hits[:64], 1)
    np.testing.assert_array_equal(hits[64:, 64:], 0)


def test_an_error_in_a_thread_reaches_the_caller():
    def fail(item, worker):
        raise ValueError(str(item))

    with Workers(3) as workers, pytest.raises(ValueError, match=r"\d"):
        workers.run(fail, list(range(10)))


def test_threads_are_used_where_they_pay():
    assert thread_count(None, 1e3) == 1
    assert thread_count(3, 1e3) == 3
    assert thread_count(None, 1e12) >= 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_exponential_is_one(dtype):
    exponential = fastest_exponential(np.dtype(dtype))
    x = np.linspace(-5, 5, 11).astype(dtype)
    value = exponential.function(dtype(exponential.rate) * x)
    np.testing.assert_allclose(value, np.exp(x), rtol=3e-6 if dtype == np.float32 else 1e-14)
    assert needs_shift(800.0, np.dtype(dtype))
    assert not needs_shift(20.0, np.dtype(dtype))

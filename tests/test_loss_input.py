"""Memory layouts that must work, and input that must be refused with a message that helps."""

from __future__ import annotations

import numpy as np
import pytest
from loss_reference import relative, unit

from screlax.errors import InvalidInputError
from screlax.samples import evaluate, supcon_loss, supcon_loss_and_grad


def example(n=40, d=6, dtype=np.float64):
    rng = np.random.default_rng(0)
    return unit(rng, n, d, dtype=dtype), rng.integers(0, 5, n)


LAYOUTS = {
    "read-only": lambda H: _frozen(H),
    "Fortran order": np.asfortranarray,
    "strided": lambda H: np.repeat(np.repeat(H, 2, axis=0), 3, axis=1)[::2, ::3],
    "reversed": lambda H: H[::-1].copy()[::-1],
    "byte-swapped": lambda H: H.astype(H.dtype.newbyteorder()),
    "list": lambda H: H.tolist(),
    "matrix of objects": lambda H: H.astype(object),
}


def _frozen(H):
    H = H.copy()
    H.setflags(write=False)
    return H


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("n", [40, 400])
def test_layouts_of_memory(name, n):
    H, y = example(n)
    expected = supcon_loss_and_grad(H, y)
    loss, gradient = supcon_loss_and_grad(LAYOUTS[name](H), y)
    assert loss == expected[0]
    np.testing.assert_array_equal(gradient, expected[1])


def test_input_is_not_changed():
    H, y = example(400)
    copy, labels = H.copy(), y.copy()
    supcon_loss_and_grad(H, y, normalize=True)
    np.testing.assert_array_equal(H, copy)
    np.testing.assert_array_equal(y, labels)


def test_array_likes():
    class Wrapped:
        def __array__(self, dtype=None, copy=None):
            return np.eye(4, dtype=dtype)

    assert supcon_loss(Wrapped(), (0, 0, 1, 1)) == supcon_loss(np.eye(4), [0, 0, 1, 1])


def test_integers_are_converted():
    H = np.array([[1, 0], [1, 1], [0, 1]])
    loss, gradient = supcon_loss_and_grad(H, [0, 0, 1])
    assert gradient.dtype == np.float64
    assert loss == supcon_loss(H.astype(float), [0, 0, 1])
    assert supcon_loss(H.astype(bool), [0, 0, 1]) == loss


def test_half_precision_becomes_single():
    H, y = example(dtype=np.float16)
    loss, gradient = supcon_loss_and_grad(H, y)
    assert gradient.dtype == np.float32
    assert loss == supcon_loss(H.astype(np.float32), y)


@pytest.mark.parametrize("temperature", [0.1, 1e-4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_memory_mapped_in_panels(tmp_path, monkeypatch, temperature, dtype):
    """Many panels give what one gives, to rounding, and the gradient can go to a file."""
    H, y = example(1800, 8, dtype)
    monkeypatch.setattr(evaluate, "_PANEL_BYTES", 700 * 8 * np.dtype(dtype).itemsize)
    mapped = np.memmap(tmp_path / "embeddings", dtype=dtype, mode="w+", shape=H.shape)
    mapped[:] = H
    mapped.flush()
    mapped = np.memmap(tmp_path / "embeddings", dtype=dtype, mode="r", shape=H.shape)
    out = np.memmap(tmp_path / "gradient", dtype=dtype, mode="w+", shape=H.shape)
    expected = supcon_loss_and_grad(H, y, temperature=temperature)
    loss, gradient = supcon_loss_and_grad(mapped, y, temperature=temperature, out=out)
    assert gradient is out
    assert loss == pytest.approx(expected[0], rel=1e-7 if dtype == np.float32 else 1e-14)
    assert relative(gradient, expected[1]) < (2e-6 if dtype == np.float32 else 1e-13)
    assert supcon_loss(np.asarray(mapped), y, temperature=temperature, n_jobs=2) == loss


def test_large_items_of_a_batch_are_tiled_one_by_one():
    H, y = example(400)
    batch = np.stack([H, H[::-1], 2 * H])
    for temperature in (0.1, 1e-4):
        losses, gradient = supcon_loss_and_grad(batch, y, temperature=temperature, n_jobs=2)
        for item in range(3):
            loss, own = supcon_loss_and_grad(batch[item], y, temperature=temperature)
            assert losses[item] == pytest.approx(loss, rel=1e-14)
            np.testing.assert_allclose(gradient[item], own, rtol=1e-9, atol=1e-12)


def test_out_receives_the_gradient():
    H, y = example()
    out = np.full_like(H, np.nan)
    _, gradient = supcon_loss_and_grad(H, y, out=out)
    assert gradient is out
    np.testing.assert_array_equal(out, supcon_loss_and_grad(H, y)[1])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_not_finite_is_named(bad, dtype):
    H, y = example(dtype=dtype)
    H[17, 3] = bad
    with pytest.raises(InvalidInputError, match=rf"embeddings\[17, 3\] is {bad}.*finite"):
        supcon_loss(H, y)


@pytest.mark.parametrize("contrast_mode", [None, "all", "one"])
def test_not_finite_is_named_by_the_users_index(contrast_mode):
    H = np.ones((5, 4, 3))
    H[2, 1, 0] = np.nan
    labels = None if contrast_mode else [0, 0, 1, 1]
    with pytest.raises(InvalidInputError, match=r"embeddings\[2, 1, 0\] is nan"):
        supcon_loss(H, labels, contrast_mode=contrast_mode)


def test_not_finite_in_a_mask_batch_is_named_by_the_users_index():
    H = np.ones((5, 4, 3))
    H[2, 1, 0] = np.nan
    with pytest.raises(InvalidInputError, match=r"embeddings\[2, 1, 0\] is nan"):
        supcon_loss(H, mask=np.ones((4, 4)))


REFUSED = [
    ("labels must have shape (4,)", {"labels": [0, 1, 1]}),
    ("use labels.ravel()", {"labels": [[0, 1, 1, 1]]}),
    ("labels[2] is missing (nan)", {"labels": [0.0, 1.0, np.nan, 1.0]}),
    ("give labels, or a mask", {"labels": None}),
    ("leave one of them out", {"mask": np.eye(4)}),
    ("must be positive and finite, got 0", {"temperature": 0}),
    ("must be positive and finite, got -0.1", {"temperature": -0.1}),
    ("must be positive and finite, got nan", {"temperature": float("nan")}),
    ("must be a number, got 'warm'", {"temperature": "warm"}),
    ("base_temperature must be positive", {"base_temperature": 0}),
    ("reduction must be one of 'mean', 'sum', 'none'; got 'max'", {"reduction": "max"}),
    ("mean_over must be one of", {"mean_over": "some"}),
    ("contrast_mode must be one of", {"contrast_mode": "two"}),
    ("needs embeddings of shape (n, views, d)", {"contrast_mode": "all"}),
    ("n_jobs, unless it is −1 or None, must be a whole number", {"n_jobs": 0}),
    ("n_jobs, unless it is −1 or None, must be a whole number", {"n_jobs": 1.5}),
    ("embeddings must have shape", {"embeddings": np.ones(4)}),
    ("embeddings must have shape", {"embeddings": np.ones((1, 4, 2, 2))}),
    ("embeddings are empty, shape (0, 3)", {"embeddings": np.ones((0, 3))}),
    ("embeddings are empty, shape (4, 0)", {"embeddings": np.ones((4, 0))}),
    ("embeddings are complex", {"embeddings": np.ones((4, 2), complex)}),
    ("must be numbers", {"embeddings": np.full((4, 2), "a")}),
    ("must be numbers", {"embeddings": [[object()] * 2] * 4}),
    ("cannot be read as an array", {"embeddings": [[1.0, 2.0], [1.0]]}),
    ("masked entries", {"embeddings": np.ma.masked_less(np.eye(4), 0.5)}),
    ("too large for double precision", {"temperature": 1e-300, "embeddings": 1e5 * np.eye(4)}),
    ("squared norm overflows", {"embeddings": np.full((4, 2), 1e200)}),
    ("class_weights must have shape (2,)", {"class_weights": [1.0]}),
    ("class_weights: no number for label 1", {"class_weights": {0: 1.0}}),
    ("class_weights must be finite and not negative, got -1.0", {"class_weights": [1.0, -1.0]}),
    ("class_weights needs labels", {"labels": None, "mask": np.eye(4), "class_weights": [1]}),
    ("mask must have shape (4, 4)", {"labels": None, "mask": np.eye(3)}),
    ("got nan at index 0, 1", {"labels": None, "mask": [[1, np.nan, 0, 0]] + [[0] * 4] * 3}),
]


@pytest.mark.parametrize(("message", "change"), REFUSED)
def test_bad_input_is_refused(message, change):
    arguments = {"embeddings": np.eye(4), "labels": [0, 0, 1, 1], **change}
    with pytest.raises(InvalidInputError) as caught:
        supcon_loss(arguments.pop("embeddings"), arguments.pop("labels"), **arguments)
    assert message in str(caught.value)


@pytest.mark.parametrize("budget", [-1, 1.5, "much"])
def test_bad_budgets_are_refused(budget):
    with pytest.raises(InvalidInputError, match="memory_budget, in bytes, must be a whole number"):
        supcon_loss_and_grad(np.eye(4), [0, 0, 1, 1], memory_budget=budget)


@pytest.mark.parametrize(
    "out", [np.empty((4, 3)), np.empty((4, 4), np.float32), np.empty((4, 4)).T, [[0.0] * 4] * 4]
)
def test_an_unusable_out_is_refused(out):
    with pytest.raises(InvalidInputError, match="out must be a writable C-contiguous array"):
        supcon_loss_and_grad(np.eye(4), [0, 0, 1, 1], out=out)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.uint64])
def test_narrow_label_types_do_not_wrap_around(dtype):
    labels = np.arange(512) % 256
    start = 2**63 if dtype is np.uint64 else -128
    shifted = np.array([start + int(label) for label in labels], dtype=dtype)
    H = np.random.default_rng(0).standard_normal((512, 4))
    assert supcon_loss(H, shifted) == supcon_loss(H, labels)

"""What must hold for any embeddings and labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loss_reference import relative

from screlax.samples import supcon_loss, supcon_loss_and_grad


@st.composite
def problems(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, d = draw(st.integers(1, 40)), draw(st.integers(1, 9))
    H = draw(st.sampled_from([0.1, 1.0, 10.0])) * rng.standard_normal((n, d))
    y = rng.integers(0, draw(st.integers(1, n)), n)
    return H, y, draw(st.sampled_from([0.005, 0.1, 10.0])), rng


@given(problems())
def test_a_permutation_permutes(problem):
    H, y, temperature, rng = problem
    order = rng.permutation(len(y))
    loss, gradient = supcon_loss_and_grad(H, y, temperature=temperature)
    other, turned = supcon_loss_and_grad(H[order], y[order], temperature=temperature)
    assert other == pytest.approx(loss, rel=1e-11, abs=1e-12 * (1 + (H**2).sum() / temperature))
    assert np.abs(turned - gradient[order]).max() <= 1e-9 * (1 + np.abs(H).max() / temperature)


@given(problems())
def test_names_of_classes_do_not_matter(problem):
    H, y, temperature, rng = problem
    loss = supcon_loss(H, y, temperature=temperature)
    renamed = rng.permutation(np.arange(-20, 30))[y]
    apart = 1_000_003 * y
    words = np.array([f"class {label}" for label in y])
    names = [(label, "x") if label else frozenset() for label in y.tolist()]
    objects = np.array([*names, 0], object)[:-1]
    for labels in (renamed, apart, words, objects, y.astype(float), y.astype(np.uint8)):
        assert supcon_loss(H, labels, temperature=temperature) == pytest.approx(
            loss, rel=1e-12, abs=1e-12 * (1 + (H**2).sum() / temperature)
        )


@given(problems(), st.integers(1, 5), st.booleans(), st.booleans())
def test_a_batch_is_a_loop(problem, items, own_labels, negatives_only):
    H, y, temperature, rng = problem
    batch = np.stack([H[rng.permutation(len(H))] for _ in range(items)])
    labels = np.stack([rng.permutation(y) for _ in range(items)]) if own_labels else y
    each = labels if own_labels else [y] * items
    options = {"temperature": temperature, "negatives_only": negatives_only}
    losses, gradient = supcon_loss_and_grad(batch, labels, **options)
    assert losses.shape == (items,)
    assert supcon_loss(batch, labels, reduction="none", **options).shape == batch.shape[:2]
    bound = 1e-11 * (1 + (H**2).sum() / temperature)
    for item in range(items):
        loss, own = supcon_loss_and_grad(batch[item], each[item], **options)
        assert losses[item] == pytest.approx(loss, rel=1e-11, abs=bound)
        assert np.abs(gradient[item] - own).max() <= 1e2 * bound / temperature


@given(problems())
def test_the_loss_has_the_bounds_it_must_have(problem):
    """Of every anchor, with the positives in the denominator: ℓ_i ≥ log |P(i)|, by Jensen."""
    H, y, temperature, _ = problem
    losses = supcon_loss(H, y, temperature=temperature, reduction="none")
    positives = (y[:, None] == y[None, :]).sum(axis=1) - 1
    slack = 1e-12 * (1 + (H**2).sum() / temperature)
    assert (losses >= np.log(np.maximum(positives, 1)) - slack).all()


@given(problems())
def test_temperature_scales_out(problem):
    H, y, temperature, _ = problem
    scaled = supcon_loss(H / np.sqrt(temperature), y, temperature=1.0)
    assert scaled == pytest.approx(
        supcon_loss(H, y, temperature=temperature),
        rel=1e-11,
        abs=1e-12 * (1 + (H**2).sum() / temperature),
    )


@given(problems(), st.integers(2, 4))
def test_mask_batches_are_loops(problem, items):
    H, y, temperature, rng = problem
    batch = np.stack([H] * items)
    masks = np.stack([rng.permutation(y)[:, None] == y[None, :] for _ in range(items)])
    losses, gradient = supcon_loss_and_grad(batch, mask=masks, temperature=temperature)
    for item in range(items):
        loss, own = supcon_loss_and_grad(H, mask=masks[item], temperature=temperature)
        assert losses[item] == loss
        assert relative(gradient[item], own) == 0.0

"""The two public references, written again in plain numpy: the same numbers with our options."""

from __future__ import annotations

import numpy as np
import pytest
from loss_reference import masked_loss, unit
from scipy.special import logsumexp

from screlax.errors import InvalidInputError
from screlax.samples import supcon_loss, supcon_loss_and_grad

SUPCONTRAST = {"temperature": 0.07, "base_temperature": 0.07, "mean_over": "all"}


def supcontrast(
    features, labels=None, mask=None, temperature=0.07, base_temperature=0.07, contrast_mode="all"
):
    """Line by line what SupConLoss.forward of the public SupContrast code does."""
    samples, views = features.shape[:2]
    if mask is None:
        labels = np.arange(samples) if labels is None else np.asarray(labels)
        mask = (labels[:, None] == labels[None, :]).astype(float)
    contrast = np.concatenate([features[:, view] for view in range(views)], axis=0)
    anchor = features[:, 0] if contrast_mode == "one" else contrast
    anchor_count = len(anchor) // samples
    logits = anchor @ contrast.T / temperature
    logits = logits - logits.max(axis=1, keepdims=True)
    mask = np.tile(mask, (anchor_count, views))
    logits_mask = 1.0 - np.eye(len(anchor), len(contrast))
    mask = mask * logits_mask
    exponentials = np.exp(logits) * logits_mask
    log_probability = logits - np.log(exponentials.sum(axis=1, keepdims=True))
    pairs = np.where(mask.sum(axis=1) < 1e-6, 1.0, mask.sum(axis=1))
    losses = -(temperature / base_temperature) * (mask * log_probability).sum(axis=1) / pairs
    return losses.mean()


def metric_learning(embeddings, labels, temperature=0.1):
    """What SupConLoss of pytorch-metric-learning does, its reducer and distance included."""
    H = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    same = np.asarray(labels)[:, None] == np.asarray(labels)[None, :]
    positive, negative = same & ~np.eye(len(H), dtype=bool), ~same
    if not (positive.any() and negative.any()):
        return 0.0
    matrix = H @ H.T / temperature
    matrix -= matrix.max(axis=1, keepdims=True)
    kept = np.where(positive | negative, matrix, -np.inf)
    log_probability = matrix - logsumexp(kept, axis=1, keepdims=True)
    losses = -(positive * log_probability).sum(axis=1) / np.maximum(positive.sum(axis=1), 1e-12)
    return losses[losses > 0].mean()


def images(rng, samples=20, views=2):
    return unit(rng, samples, views, 6), rng.integers(0, 6, samples)


@pytest.mark.parametrize("contrast_mode", ["all", "one"])
@pytest.mark.parametrize(("samples", "views"), [(20, 2), (7, 3), (200, 2), (9, 1)])
def test_supcontrast_views(contrast_mode, samples, views):
    features, labels = images(np.random.default_rng(views), samples, views)
    ours = supcon_loss(features, labels, contrast_mode=contrast_mode, **SUPCONTRAST)
    theirs = supcontrast(features, labels, contrast_mode=contrast_mode)
    assert ours == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize("temperature", [0.05, 0.5])
def test_supcontrast_base_temperature(temperature):
    features, labels = images(np.random.default_rng(1))
    ours = supcon_loss(
        features,
        labels,
        contrast_mode="all",
        mean_over="all",
        temperature=temperature,
        base_temperature=0.07,
    )
    assert ours == pytest.approx(supcontrast(features, labels, temperature=temperature), rel=1e-12)


@pytest.mark.parametrize("contrast_mode", ["all", "one"])
def test_supcontrast_without_labels_is_nt_xent(contrast_mode):
    features, _ = images(np.random.default_rng(2))
    ours = supcon_loss(features, contrast_mode=contrast_mode, **SUPCONTRAST)
    theirs = supcontrast(features, contrast_mode=contrast_mode)
    assert ours == pytest.approx(theirs, rel=1e-12)
    flat = features.transpose(1, 0, 2).reshape(40, 6)
    if contrast_mode == "all":
        instance = np.tile(np.arange(20), 2)
        assert ours == pytest.approx(supcon_loss(flat, instance, temperature=0.07), rel=1e-12)


@pytest.mark.parametrize("contrast_mode", ["all", "one"])
@pytest.mark.parametrize("diagonal", [True, False])
def test_supcontrast_mask(contrast_mode, diagonal):
    """Asymmetric, with fractions, with rows that mark nothing."""
    rng = np.random.default_rng(3)
    features, _ = images(rng)
    mask = rng.choice([0.0, 0.0, 1.0, 0.5], size=(20, 20))
    mask[4] = 0.0
    np.fill_diagonal(mask, float(diagonal))
    ours = supcon_loss(features, mask=mask, contrast_mode=contrast_mode, **SUPCONTRAST)
    theirs = supcontrast(features, mask=mask, contrast_mode=contrast_mode)
    assert ours == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize("n", [12, 60, 400])
def test_a_mask_of_equal_labels_is_the_labels(n):
    rng = np.random.default_rng(4)
    H, y = unit(rng, n, 5), rng.integers(0, 8, n)
    mask = y[:, None] == y[None, :]
    for negatives_only in (False, True):
        by_label = supcon_loss_and_grad(H, y, negatives_only=negatives_only)
        by_mask = supcon_loss_and_grad(H, mask=mask, negatives_only=negatives_only)
        assert by_mask[0] == pytest.approx(by_label[0], rel=1e-12)
        np.testing.assert_allclose(by_mask[1], by_label[1], atol=1e-12)


@pytest.mark.parametrize("n", [30, 400])
def test_gradient_of_an_asymmetric_mask(n):
    rng = np.random.default_rng(5)
    H = unit(rng, n, 5)
    mask = (rng.random((n, n)) < 0.2) * rng.random((n, n))
    others = ~np.eye(n, dtype=bool)
    _, expected = masked_loss(H, mask * others, others, 0.1)
    _, gradient = supcon_loss_and_grad(H, mask=mask)
    np.testing.assert_allclose(gradient, expected, atol=1e-13)


@pytest.mark.parametrize("contrast_mode", ["all", "one"])
def test_gradient_of_views_by_differences(contrast_mode):
    rng = np.random.default_rng(6)
    features, labels = images(rng, 9, 3)
    options = {"contrast_mode": contrast_mode, **SUPCONTRAST}
    _, gradient = supcon_loss_and_grad(features, labels, **options)
    direction = rng.standard_normal(features.shape)
    ahead, behind = (supcontrast(features + t * direction, labels, contrast_mode=contrast_mode)
                     for t in (1e-6, -1e-6))  # fmt: skip
    assert gradient.shape == features.shape
    assert (gradient * direction).sum() == pytest.approx((ahead - behind) / 2e-6, rel=1e-7)


@pytest.mark.parametrize("contrast_mode", ["all", "one"])
def test_a_single_view_is_no_batch(contrast_mode):
    features, labels = images(np.random.default_rng(7), 9, 1)
    loss = supcon_loss(features, labels, contrast_mode=contrast_mode)
    assert isinstance(loss, float)
    assert loss == supcon_loss(features[:, 0], labels)
    assert supcon_loss(features, contrast_mode=contrast_mode) == 0.0


def test_losses_of_views_have_the_shape_of_the_anchors():
    features, labels = images(np.random.default_rng(7), 9, 3)
    every = supcon_loss(features, labels, contrast_mode="all", reduction="none")
    first = supcon_loss(features, labels, contrast_mode="one", reduction="none")
    assert every.shape == (9, 3)
    np.testing.assert_allclose(first, every[:, 0], rtol=1e-12)


@pytest.mark.parametrize("labels", [[0, 0, 1, 1, 1, 2, 3], [0, 0, 1, 2, 3, 4, 5], range(7)])
def test_metric_learning(labels):
    H = 3 * np.random.default_rng(8).standard_normal((7, 4))
    ours = supcon_loss(H, list(labels), normalize=True)
    assert ours == pytest.approx(metric_learning(H, list(labels)), rel=1e-12)


def test_metric_learning_knows_no_single_class():
    """The one difference: without any negative it returns zero, we the loss."""
    H = unit(np.random.default_rng(9), 6, 4)
    assert metric_learning(H, [0] * 6) == 0.0
    assert supcon_loss(H, [0] * 6) >= np.log(5)


def test_negatives_only_refuses_a_one_sided_mask():
    mask = np.array([[0, 1, 0], [0, 0, 0], [1, 1, 0]])
    with pytest.raises(InvalidInputError, match=r"symmetric mask, but mask\[0, 1\] is 1"):
        supcon_loss(np.eye(3), mask=mask, negatives_only=True)

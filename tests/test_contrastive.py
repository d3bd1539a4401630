"""Every loss of the family for embeddings, against dense formulas in double precision."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_reference import relative, softmax_member, unit, weighted_loss

import screlax
from screlax import contrastive_loss, contrastive_loss_and_grad, losses, supcon_loss_and_grad
from screlax.errors import InvalidInputError

MEMBERS = {
    "supcon": (losses.SupCon(), None),
    "negatives-only": (losses.NegativesOnly(), None),
    "class-averaged": (losses.ClassAveraged(), None),
    "class-averaged:classes": (losses.ClassAveraged(anchors="classes"), None),
    "soft-targets": (losses.SoftTargets(epsilon=0.3), 0.3),
    "label-smoothing": (losses.SoftTargets(smoothing=0.2), 0.2),
}
members = pytest.mark.parametrize("name", MEMBERS)


def data(n, dim=10, classes=7, seed=0, scale=1.0):
    """Unbalanced labels, the first a singleton, and embeddings."""
    rng = np.random.default_rng(seed)
    labels = (rng.uniform(size=n) ** 2 * classes).astype(int)
    labels[0] = classes + 3
    return scale * unit(rng, n, dim), labels


def reduced(anchors, reduction):
    return anchors / anchors.sum() if reduction == "mean" else anchors


def check(result, points, anchors, weight, target, temperature, *, keys=0, tolerance=1e-13):
    """Compare all that is returned with the dense formulas."""
    each, gradient, slope = weighted_loss(points, anchors, weight, target, temperature)
    assert abs(result.loss / (anchors @ each) - 1) <= tolerance
    samples = len(points) - keys
    assert relative(result.gradient.reshape(samples, -1), gradient[:samples]) <= tolerance
    if keys:
        assert relative(result.keys, gradient[samples:]) <= tolerance
    assert abs(result.temperature / slope - 1) <= tolerance


# --------------------------------------------------------------- the definitions


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize(("n", "scale"), [(40, 1.0), (700, 1.0), (700, 12.0)])
@members
def test_members_are_their_definition(name, n, scale, reduction):
    """One tile, many tiles, and logits that need a shift; labels in no order."""
    H, y = data(n, scale=scale)
    loss, option = MEMBERS[name]
    a, w, T = softmax_member(name, y, option=option)
    result = contrastive_loss_and_grad(H, y, loss=loss, temperature=0.1, reduction=reduction)
    check(result, H, reduced(a, reduction), w, T, 0.1)
    assert contrastive_loss(H, y, loss=loss, reduction=reduction) == pytest.approx(
        result.loss, rel=1e-14
    )


@members
def test_each_anchor_has_its_own_loss(name):
    H, y = data(500)
    loss, option = MEMBERS[name]
    a, w, T = softmax_member(name, y, option=option)
    each, _, _ = weighted_loss(H, a, w, T, 0.2)
    found = contrastive_loss(H, y, loss=loss, temperature=0.2, reduction="none")
    np.testing.assert_allclose(found, a * each, rtol=1e-12, atol=1e-15)


@members
def test_weights_of_classes_weigh_their_anchors(name):
    H, y = data(300)
    _, option = MEMBERS[name]
    given = {int(label): 0.5 + label for label in set(y)}
    loss = MEMBERS[name][0].with_options(class_weights=given)
    a, w, T = softmax_member(name, y, option=option)
    a = a * np.array([given[label] for label in y])
    result = contrastive_loss_and_grad(H, y, loss=loss, temperature=0.2)
    check(result, H, a / a.sum(), w, T, 0.2)


def test_balanced_weights_make_the_classes_weigh_the_same():
    H, y = data(300)
    size = np.array([(y == label).sum() for label in y])
    a, w, T = softmax_member("supcon", y)
    a = a * len(y) / (len(set(y)) * size)
    loss = losses.SupCon(class_weights="balanced")
    check(contrastive_loss_and_grad(H, y, loss=loss, reduction="sum"), H, a, w, T, 0.1)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
@pytest.mark.parametrize(("n", "views"), [(30, 2), (150, 3)])
def test_mixtures_with_instances(n, views, alpha):
    _, y = data(n)
    H = unit(np.random.default_rng(1), n, views, 8)
    ids = np.repeat(np.arange(n), views)
    a, w, T = softmax_member("instance-mix", np.repeat(y, views), instances=ids, option=alpha)
    loss = losses.InstanceMix(alpha, views=views)
    result = contrastive_loss_and_grad(H, y, loss=loss, temperature=0.2)
    assert result.gradient.shape == H.shape
    check(result, H.reshape(n * views, -1), a / a.sum(), w, T, 0.2)


def test_self_supervision_asks_for_no_labels():
    H = unit(np.random.default_rng(1), 40, 2, 8)
    loss = losses.SelfSupervised()
    found = contrastive_loss(H, loss=loss)
    assert found == contrastive_loss(H, np.arange(40) % 3, loss=loss)
    assert found == pytest.approx(screlax.supcon_loss(H, contrast_mode="all"), rel=1e-14)


@pytest.mark.parametrize("n", [40, 500])
def test_any_masses_weights_and_targets_by_class(n):
    H, y = data(n)
    names = sorted(set(y.tolist()))
    rng = np.random.default_rng(3)
    mass, own, pair = rng.uniform(0.2, 3, (3, len(names)))
    T = rng.uniform(size=(len(names),) * 2)
    T /= T.sum(axis=1, keepdims=True)
    loss = losses.RowSoftmax(*(dict(zip(names, v, strict=True)) for v in (mass, own, pair)))
    place = np.searchsorted(names, y)
    size = np.bincount(place)[place].astype(float)
    same = (place[:, None] == place) & ~np.eye(n, dtype=bool)
    weight = np.where(same, (own[place] / np.maximum(size - 1, 1))[:, None], 0.0)
    weight += np.where(place[:, None] != place, pair[place] / size, 0.0)
    a = np.where(size > 1, mass[place] / size, 0.0)
    result = contrastive_loss_and_grad(H, y, loss=loss, reduction="sum")
    check(result, H, a, weight, same / np.maximum(size - 1, 1)[:, None], 0.1)
    spread = np.where(same, T[place, place][:, None] / np.maximum(size - 1, 1)[:, None], 0.0)
    spread += np.where(place[:, None] != place, T[np.ix_(place, place)] / size, 0.0)
    loss = losses.RowSoftmax(mass, own, pair, targets=T)
    result = contrastive_loss_and_grad(H, y, loss=loss, reduction="sum")
    keep = size > 1  # the others have no target of their own class: their rows are scaled to one
    alone = ~keep
    spread[alone] /= spread[alone].sum(axis=1, keepdims=True)
    check(result, H, mass[place] / size, weight, spread, 0.1)


def test_the_default_is_the_supervised_contrastive_loss():
    H, y = data(400)
    loss, gradient = supcon_loss_and_grad(H, y)
    for chosen in ("supcon", losses.SupCon()):
        result = contrastive_loss_and_grad(H, y, loss=chosen)
        assert (result.loss, result.keys) == (loss, None)
        np.testing.assert_array_equal(result.gradient, gradient)


@pytest.mark.parametrize("mean_over", ["anchors", "all"])
def test_samples_without_positives_count_in_a_mean_over_all(mean_over):
    H, y = data(60)
    y[:4] = [20, 21, 22, 23]
    weights = {int(label): 0.5 + label for label in set(y)}
    options = {"mean_over": mean_over}
    for name, own in (("supcon", {}), ("negatives-only", {"negatives_only": True})):
        plain, _ = supcon_loss_and_grad(H, y, **options, **own)
        assert contrastive_loss(H, y, loss=name, **options) == pytest.approx(plain, rel=1e-14)
        loss = MEMBERS[name][0].with_options(class_weights=weights)
        weighted, _ = supcon_loss_and_grad(H, y, class_weights=weights, **options, **own)
        assert contrastive_loss(H, y, loss=loss, **options) == pytest.approx(weighted, rel=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_of_any_size_neither_overflow_nor_vanish(dtype):
    H, y = data(400, dim=6)
    y = np.where(y > 6, 0, y)
    pair = np.array([1e-100, 1.0, 1e100, 1e-30, 1e30, 1e60, 1.0])
    loss = losses.RowSoftmax(1, pair, pair[::-1])
    _, w, T = softmax_member("supcon", y)
    size = np.bincount(y)[y]
    same = y[:, None] == y
    w = w * np.where(same, (pair[y] / (size - 1))[:, None], pair[::-1][y] / size)
    result = contrastive_loss_and_grad(H.astype(dtype), y, loss=loss, reduction="sum")
    each, gradient, _ = weighted_loss(H.astype(dtype), 1 / size, w, T, 0.1)
    assert abs(result.loss / (each / size).sum() - 1) < 1e-12
    assert relative(result.gradient, gradient) < (1e-12 if dtype == np.float64 else 1e-6)


@members
def test_single_precision_is_as_accurate_as_it_is_for_supcon(name):
    H, y = data(600, dim=32)
    loss = MEMBERS[name][0]
    exact = contrastive_loss_and_grad(H, y, loss=loss)
    found = contrastive_loss_and_grad(H.astype(np.float32), y, loss=loss)
    assert found.gradient.dtype == np.float32
    assert abs(found.loss / exact.loss - 1) < 2e-6
    assert relative(found.gradient, exact.gradient) < 2e-6
    assert abs(found.temperature / exact.temperature - 1) < 1e-5


# --------------------------------------------------------------- losses near zero


@pytest.mark.parametrize("temperature", [0.05, 0.01])
def test_class_averages_near_zero_keep_their_digits(temperature):
    """Collapsed orthogonal classes: log(1 + (k − 1) e^{−1/τ}), for any class sizes."""
    y = np.repeat(np.arange(4), [9, 5, 3, 2])
    found = contrastive_loss(np.eye(4)[y], y, loss="class-averaged", temperature=temperature)
    exact = np.log1p(3 * np.exp(-1 / temperature))
    assert abs(found / exact - 1) < 2e-14


def test_spread_within_a_class_is_seen_near_zero():
    y = np.repeat(np.arange(3), 4)
    H = np.eye(3)[y] + 1e-6 * np.random.default_rng(0).standard_normal((12, 3))
    _, w, T = softmax_member("class-averaged", y)
    s = (H @ H.T).astype(np.longdouble) / np.longdouble(0.02)
    same = y[:, None] == y
    d = s - (T * s).sum(axis=1, keepdims=True)
    f = np.where(np.abs(d) < 1e-2, d**2 / 2 + d**3 / 6 + d**4 / 24, np.expm1(d) - d)
    heights = np.where(same, w * f, w * np.exp(np.where(same, 0, d))).sum(axis=1)
    found = contrastive_loss(H, y, loss="class-averaged", temperature=0.02)
    assert abs(found / float(np.log1p(heights).mean()) - 1) < 1e-6


# --------------------------------------------------------------- batches and views


@members
def test_items_of_a_batch_are_evaluated_apart(name):
    H = unit(np.random.default_rng(0), 3, 40, 6)
    y = np.array([data(40, seed=seed)[1] for seed in range(3)])
    y[2] %= 4  # a class that the item does not have
    loss = MEMBERS[name][0]
    result = contrastive_loss_and_grad(H, y, loss=loss)
    assert result.temperature.shape == (3,)
    for number in range(3):
        alone = contrastive_loss_and_grad(H[number], y[number], loss=loss)
        assert result.loss[number] == pytest.approx(alone.loss, rel=1e-13)
        assert result.temperature[number] == pytest.approx(alone.temperature, rel=1e-12)
        np.testing.assert_allclose(result.gradient[number], alone.gradient, rtol=0, atol=1e-14)


@pytest.mark.parametrize("loss", ["class-averaged", "negatives-only", "soft-targets:epsilon=0.2"])
def test_with_one_view_as_anchor_the_others_are_contrasts(loss):
    H, (_, y) = unit(np.random.default_rng(0), 200, 2, 6), data(200)
    name, option = loss.split(":")[0], 0.2
    both = np.concatenate([y, y])
    a, w, T = softmax_member(name, both, anchors=slice(0, 200), option=option)
    result = contrastive_loss_and_grad(H, y, loss=loss, contrast_mode="one")
    points = H.transpose(1, 0, 2).reshape(400, 6)
    each, gradient, _ = weighted_loss(points, a / a.sum(), w, T, 0.1)
    assert abs(result.loss / (a @ each / a.sum()) - 1) < 1e-13
    expected = gradient.reshape(2, 200, 6).transpose(1, 0, 2)
    assert relative(result.gradient, expected) < 1e-13


def test_views_of_a_loss_are_axis_one():
    H, (_, y) = unit(np.random.default_rng(0), 30, 2, 6), data(30)
    found = contrastive_loss(H, y, loss=losses.SupCon(views=2))
    flat = contrastive_loss(H.reshape(60, 6), np.repeat(y, 2))
    assert found == pytest.approx(flat, rel=1e-14)
    with pytest.raises(InvalidInputError, match=r"2 views: give embeddings of shape \(n, 2, d\)"):
        contrastive_loss(H.reshape(60, 6), np.repeat(y, 2), loss=losses.SupCon(views=2))


# --------------------------------------------------------------- derivatives, symmetries


@members
def test_derivatives_are_slopes(name):
    H, y = data(30)
    loss = MEMBERS[name][0]
    options = {"loss": loss, "base_temperature": 0.07, "normalize": True}
    at = contrastive_loss_and_grad(H * 2, y, temperature=0.3, **options)
    D = np.random.default_rng(2).standard_normal(H.shape)
    remainders = []
    for step in (1e-2, 1e-3):
        moved = contrastive_loss(H * 2 + step * D, y, temperature=0.3 + step, **options)
        slope = (at.gradient * D).sum() + at.temperature
        remainders.append(abs(moved - at.loss - step * slope))
    assert remainders[1] < remainders[0] / 50  # quadratic


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(sorted(MEMBERS)), st.integers(0, 2**32 - 1), st.sampled_from([20, 350]))
def test_names_of_classes_and_order_of_samples_do_not_matter(name, seed, n):
    rng = np.random.default_rng(seed)
    H, y = data(n, seed=seed)
    loss = MEMBERS[name][0]
    result = contrastive_loss_and_grad(H, y, loss=loss)
    names = np.array([f"class {number}" for number in rng.permutation(20)])
    order = rng.permutation(n)
    again = contrastive_loss_and_grad(H[order], names[y[order]], loss=loss)
    assert again.loss == pytest.approx(result.loss, rel=1e-12)
    np.testing.assert_allclose(again.gradient, result.gradient[order], rtol=0, atol=1e-14)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_files_are_read_in_panels_to_the_same_result(tmp_path, n_jobs, monkeypatch):
    from screlax.samples import evaluate

    H, y = data(1500, dim=4)
    np.save(tmp_path / "embeddings.npy", H)
    mapped = np.load(tmp_path / "embeddings.npy", mmap_mode="r")
    monkeypatch.setattr(evaluate, "_PANEL_BYTES", 600 * 4 * 8)
    for name, (loss, _) in MEMBERS.items():
        here = contrastive_loss_and_grad(H, y, loss=loss, n_jobs=n_jobs)
        there = contrastive_loss_and_grad(mapped, y, loss=loss, n_jobs=n_jobs)
        assert there.loss == pytest.approx(here.loss, rel=1e-13), name
        assert relative(there.gradient, here.gradient) < 1e-13
        np.testing.assert_array_equal(
            here.gradient, contrastive_loss_and_grad(H, y, loss=loss, n_jobs=1).gradient
        )


# --------------------------------------------------------------- what is refused


def test_a_loss_of_a_problem_is_refused():
    loss = losses.SupCon(class_weights=[1, 2])
    problem = screlax.UFM([5, 3], screlax.Sphere(1.0), loss=loss)
    with pytest.raises(InvalidInputError, match="as it was before it was part of a problem"):
        contrastive_loss(*data(8), loss=problem.loss)


def test_a_loss_that_says_nothing_of_samples_is_refused():
    class Silent(losses.Loss):
        name = "silent"

        def at_level(self, sizes, level):
            raise NotImplementedError

    with pytest.raises(InvalidInputError, match="Silent says nothing of samples"):
        contrastive_loss(*data(8), loss=Silent())


def test_hidden_classes_are_refused():
    H, y = data(20)
    with pytest.raises(InvalidInputError, match="pair weight of zero"):
        contrastive_loss(H, y, loss=losses.RowSoftmax(1, 1, 0))


def test_weights_that_do_not_fit_the_classes_are_refused():
    H, y = data(20)
    with pytest.raises(InvalidInputError, match="class_weights: 2 numbers for"):
        contrastive_loss(H, y, loss=losses.SupCon(class_weights=[1, 2]))
    with pytest.raises(InvalidInputError, match="no number for label"):
        contrastive_loss(H, y, loss=losses.SupCon(class_weights={0: 1.0}))


@members
def test_memory_grows_with_the_rows_alone(name):
    """Beside 30 MB that are asked for and never touched; all pairs would be 144 MB."""
    rng = np.random.default_rng(0)
    H, y = rng.standard_normal((6000, 8)).astype(np.float32), rng.integers(0, 50, 6000)
    tracemalloc.start()
    try:
        contrastive_loss_and_grad(H, y, loss=MEMBERS[name][0], memory_budget=0, n_jobs=1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40e6

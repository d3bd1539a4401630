"""Queues, prototypes, soft labels and samples without a class, against dense formulas."""

from __future__ import annotations

import numpy as np
import pytest
from loss_reference import relative, softmax_member, unit, weighted_loss
from test_contrastive import check, data

import screlax
from screlax import contrastive_loss, contrastive_loss_and_grad, losses
from screlax.errors import InvalidInputError

MEMBERS = {
    "supcon": (losses.SupCon(), None),
    "negatives-only": (losses.NegativesOnly(), None),
    "class-averaged": (losses.ClassAveraged(), None),
    "class-averaged:classes": (losses.ClassAveraged(anchors="classes"), None),
    "soft-targets": (losses.SoftTargets(epsilon=0.3), 0.3),
}
members = pytest.mark.parametrize("name", MEMBERS)


def queue(count, dim=10, classes=9, seed=5):
    rng = np.random.default_rng(seed)
    return unit(rng, count, dim), rng.integers(0, classes, count)


# --------------------------------------------------------------- keys


@pytest.mark.parametrize(("n", "count"), [(30, 12), (400, 700)])
@members
def test_keys_are_contrasted_with_and_are_no_anchors(name, n, count):
    (H, y), (K, z) = data(n), queue(count)
    points, both = np.concatenate([H, K]), np.concatenate([y, z])
    a, w, T = softmax_member(name, both, anchors=slice(0, n), option=MEMBERS[name][1])
    result = contrastive_loss_and_grad(H, y, loss=MEMBERS[name][0], keys=K, key_labels=z)
    check(result, points, a / a.sum(), w, T, 0.1, keys=count)


@pytest.mark.parametrize(("n", "count", "scale"), [(30, 12, 1), (400, 700, 1), (400, 300, 10)])
@pytest.mark.parametrize("name", [name for name in MEMBERS if name != "soft-targets"])
def test_anchors_may_be_contrasted_with_keys_alone(name, n, count, scale):
    (H, y), (K, z) = data(n, scale=scale), queue(count)
    z[:2] = y[0]  # the only sample of its class has positives
    a, w, T = keys_only(name, y, z)
    result = contrastive_loss_and_grad(
        H, y, loss=MEMBERS[name][0], keys=K, key_labels=z, contrast_with="keys"
    )
    check(result, np.concatenate([H, K]), a / a.sum(), w, T, 0.1, keys=count)


def keys_only(name, y, z):
    """a, w and T of a member whose denominators and targets are keys."""
    n, count = len(y), len(y) + len(z)
    same, size = y[:, None] == z, np.array([(z == label).sum() for label in z])
    mean = same / np.maximum(same.sum(axis=1), 1)[:, None]
    weight, target, mass = np.ones_like(mean), mean, np.ones(n)
    if name == "negatives-only":
        weight = 1.0 - same
    if name.startswith("class-averaged"):
        weight = 1.0 / np.broadcast_to(size, same.shape)
    if name.endswith("classes"):
        mass = 1 / np.array([(y == label).sum() for label in y])
    whole_weight, whole_target = np.zeros((2, count, count))
    whole_weight[:n, n:], whole_target[:n, n:] = weight, target
    anchors = np.where(same.any(axis=1) & (weight.sum(axis=1) > 0), mass, 0.0)
    return np.concatenate([anchors, np.zeros(len(z))]), whole_weight, whole_target


def test_a_key_of_each_sample_and_a_queue_is_moco():
    """One query, its own key and a queue of negatives, by the formula of He et al. (2020)."""
    rng = np.random.default_rng(0)
    query, key, negatives = unit(rng, 1, 8), unit(rng, 1, 8), unit(rng, 30, 8)
    logits = np.concatenate([query @ key.T, query @ negatives.T], axis=1)[0] / 0.2
    expected = np.log(np.exp(logits).sum()) - logits[0]
    found = contrastive_loss(
        query,
        ["mine"],
        keys=np.concatenate([key, negatives]),
        key_labels=["mine"] + ["other"] * 30,
        contrast_with="keys",
        temperature=0.2,
    )
    assert found == pytest.approx(expected, rel=1e-14)


def test_losses_near_zero_of_keys_alone_keep_their_digits():
    """Samples of one class and keys: log(1 + 2 e^{−1/τ}) of two negatives among the keys."""
    for loss, negatives in (("supcon", [1, 2]), ("class-averaged", [1, 1, 2])):
        found = contrastive_loss(
            np.eye(3)[[0, 0, 1]],
            [0, 0, 1],
            loss=loss,
            keys=np.eye(3)[[0, *negatives]],
            key_labels=[0, *negatives],
            contrast_with="keys",
            temperature=0.02,
        )
        assert abs(found / np.log1p(2 * np.exp(-50)) - 1) < 1e-13


def test_keys_beside_views_and_labels_of_another_kind():
    H, (_, y) = unit(np.random.default_rng(0), 60, 2, 10), data(60)
    K, z = queue(20)
    points = np.concatenate([H.reshape(120, 10), K])
    a, w, T = softmax_member("supcon", [*np.repeat(y, 2), *z], anchors=slice(0, 120))
    result = contrastive_loss_and_grad(
        H, y, loss=losses.SupCon(views=2), keys=K, key_labels=z.astype(np.uint8)
    )
    check(result, points, a / a.sum(), w, T, 0.1, keys=20)
    each = contrastive_loss(H, y, loss="supcon:views=2", keys=K, key_labels=z, reduction="none")
    assert each.shape == (60, 2)


@pytest.mark.parametrize("loss", ["supcon", "negatives-only"])
def test_keys_beside_first_views_that_alone_are_anchors(loss):
    H, (_, y), (K, z) = unit(np.random.default_rng(3), 30, 2, 10), data(30), queue(12)
    points, both = np.concatenate([H[:, 0], H[:, 1], K]), np.concatenate([y, y, z])
    a, w, T = softmax_member(loss, both, anchors=slice(0, 30))
    found = contrastive_loss(H, y, loss=loss, keys=K, key_labels=z, contrast_mode="one")
    each = weighted_loss(points, a / a.sum(), w, T, 0.1)[0]
    assert found == pytest.approx(a @ each / a.sum(), rel=1e-12)


def test_a_number_and_its_text_are_two_labels():
    H, K = data(20)[0], queue(2)[0]
    other, same = (
        contrastive_loss(H, np.arange(20) % 2, keys=K, key_labels=np.array(labels))
        for labels in (["0", "1"], [0, 1])
    )
    assert other == contrastive_loss(H, np.arange(20) % 2, keys=K, key_labels=[7, 8])
    assert other != pytest.approx(same, rel=1e-3)


def test_bad_keys_are_refused():
    (H, y), (K, z) = data(20), queue(5)
    K[3, 1] = np.nan
    with pytest.raises(InvalidInputError, match=r"keys\[3, 1\] is nan"):
        contrastive_loss(H, y, keys=K, key_labels=z)
    with pytest.raises(InvalidInputError, match=r"keys must have shape \(keys, 10\)"):
        contrastive_loss(H, y, keys=K[:, :4], key_labels=z)
    with pytest.raises(InvalidInputError, match="5 keys but 4 key_labels"):
        contrastive_loss(H, y, keys=queue(5)[0], key_labels=z[:4])
    with pytest.raises(InvalidInputError, match="belong together"):
        contrastive_loss(H, y, keys=K)
    with pytest.raises(InvalidInputError, match="contrast_with='keys' needs keys"):
        contrastive_loss(H, y, contrast_with="keys")
    only = {"loss": "prototypes", "contrast_with": "keys"}
    with pytest.raises(InvalidInputError, match="has terms of keys"):
        contrastive_loss(H, y, keys=queue(5)[0], key_labels=z, **only)
    with pytest.raises(InvalidInputError, match="one by one"):
        contrastive_loss(H[None], y[None], keys=queue(5)[0], key_labels=z)


# --------------------------------------------------------------- prototypes


@pytest.mark.parametrize("n", [30, 500])
@pytest.mark.parametrize("terms", [True, False])
def test_prototypes_are_class_means_and_pass_on_their_gradient(n, terms):
    H, y = data(n)
    names = sorted(set(y.tolist()))
    means = np.array([(y == label) / (y == label).sum() for label in names])
    whole = np.concatenate([np.eye(n), means, means])
    points, both = whole @ H, np.concatenate([y, names, names])
    anchors = None if terms else slice(0, n)
    a, w, T = softmax_member("supcon", both, anchors=anchors)
    each, gradient, slope = weighted_loss(points, a / a.sum(), w, T, 0.1)
    loss = losses.Prototypes(2, loss_terms=terms)
    result = contrastive_loss_and_grad(H, y, loss=loss)
    assert abs(result.loss / (a @ each / a.sum()) - 1) < 1e-13
    assert relative(result.gradient, whole.T @ gradient) < 1e-13
    assert abs(result.temperature / slope - 1) < 1e-13
    assert result.keys is None


@pytest.mark.parametrize("terms", [True, False])
def test_prototypes_that_are_given_are_what_they_are(terms):
    (H, y), (K, z) = data(40), queue(9)
    points, both = np.concatenate([H, K]), np.concatenate([y, z])
    a, w, T = softmax_member("supcon", both, anchors=None if terms else slice(0, 40))
    loss = losses.Prototypes(loss_terms=terms)
    result = contrastive_loss_and_grad(H, y, loss=loss, keys=K, key_labels=z)
    check(result, points, a / a.sum(), w, T, 0.1, keys=9)


# --------------------------------------------------------------- soft labels and sets


def soft_target(Y):
    target = Y @ Y.T
    np.fill_diagonal(target, 0.0)
    total = target.sum(axis=1, keepdims=True)
    return np.divide(target, total, out=np.zeros_like(target), where=total > 0)


@pytest.mark.parametrize(("n", "keys"), [(40, 0), (400, 0), (40, 15)])
def test_soft_labels_draw_samples_to_those_alike(n, keys):
    rng = np.random.default_rng(0)
    H = unit(rng, n + keys, 8)
    Y = rng.dirichlet(0.2 * np.ones(5), n + keys)
    T, a = soft_target(Y), np.ones(n + keys)
    a[n:] = 0
    more = {"keys": H[n:], "key_labels": Y[n:]} if keys else {}
    result = contrastive_loss_and_grad(H[:n], soft_labels=Y[:n], **more)
    check(result, H, a / a.sum(), 1.0 - np.eye(n + keys), T, 0.1, keys=keys)


def test_soft_labels_of_one_class_each_are_labels():
    H, y = data(50)
    Y = (y[:, None] == np.unique(y)).astype(float)
    assert contrastive_loss(H, soft_labels=Y) == pytest.approx(contrastive_loss(H, y), rel=1e-13)
    mixed = losses.InstanceMix(0.4)
    both = np.stack([H, H[::-1]], axis=1)
    assert contrastive_loss(both, soft_labels=Y, loss=mixed) == pytest.approx(
        contrastive_loss(both, y, loss=mixed), rel=1e-13
    )


def test_what_rounding_leaves_of_soft_labels_is_no_target():
    """Nobody shares a label with anybody."""
    rng = np.random.default_rng(0)
    Y = np.zeros((300, 900))
    for number, row in enumerate(Y):
        row[3 * number : 3 * number + 3] = rng.dirichlet(np.ones(3))
    assert contrastive_loss(unit(rng, 300, 4), soft_labels=Y, reduction="sum") == 0.0


@pytest.mark.parametrize("keys", [0, 10])
def test_sets_of_labels_count_what_they_have_in_common(keys):
    rng = np.random.default_rng(0)
    H = unit(rng, 40 + keys, 8)
    Y = rng.uniform(size=(40 + keys, 6)) < 0.25
    Y[3] = False  # no label, no anchor
    sets = [{f"label {c}" for c in np.flatnonzero(row)} for row in Y]
    T = soft_target(Y.astype(float))
    if keys:
        T[:, :40] = 0
        T[40:] = 0
        total = T.sum(axis=1, keepdims=True)
        T = np.divide(T, total, out=np.zeros_like(T), where=total > 0)
    w = 1.0 - np.eye(40 + keys)
    if keys:
        w[:, :40] = w[40:] = 0
    a = (T.sum(axis=1) > 0).astype(float)
    more = {"keys": H[40:], "key_labels": sets[40:], "contrast_with": "keys"} if keys else {}
    result = contrastive_loss_and_grad(H[:40], soft_labels=tuple(sets[:40]), **more)
    check(result, H, a / a.sum(), w, T, 0.1, keys=keys)


def test_soft_labels_that_do_not_fit_are_refused():
    H, y = data(20)
    with pytest.raises(InvalidInputError, match="labels and soft_labels"):
        contrastive_loss(H, y, soft_labels=np.ones((20, 3)))
    with pytest.raises(InvalidInputError, match=r"soft_labels must have shape \(20, 3\)"):
        contrastive_loss(H, soft_labels=np.ones((19, 3)))
    with pytest.raises(InvalidInputError, match="not negative"):
        contrastive_loss(H, soft_labels=-np.ones((20, 3)))
    with pytest.raises(InvalidInputError, match="list of 20 sets"):
        contrastive_loss(H, soft_labels=[{1}] * 19 + [2])
    means = {"keys": H[:3], "key_labels": np.eye(3)}  # prototypes with terms of their own
    with pytest.raises(InvalidInputError, match="soft labels have no classes"):
        contrastive_loss(H, soft_labels=np.ones((20, 3)), loss="prototypes", **means)
    weighted = losses.SupCon(class_weights={0: 1.0})
    of_classes = ["class-averaged", "soft-targets:epsilon=0.1", weighted, "negatives-only",
                  "supcon:class_weights=balanced"]  # fmt: skip
    for loss in of_classes:
        with pytest.raises(InvalidInputError, match="soft labels have no classes"):
            contrastive_loss(H, soft_labels=np.ones((20, 3)), loss=loss)
    with pytest.raises(InvalidInputError, match="give them as keys"):
        contrastive_loss(H, soft_labels=np.ones((20, 3)), loss="prototypes:loss_terms=false")


# --------------------------------------------------------------- samples without a class


@members
def test_samples_without_a_class_are_left_out(name):
    H, y = data(60)
    y[::7] = -1
    loss, kept = MEMBERS[name][0], y != -1
    result = contrastive_loss_and_grad(H, y, loss=loss, ignore=-1)
    alone = contrastive_loss_and_grad(H[kept], y[kept], loss=loss)
    assert (result.loss, result.temperature) == (alone.loss, alone.temperature)
    np.testing.assert_array_equal(result.gradient[kept], alone.gradient)
    assert (result.gradient[~kept] == 0).all()
    each = contrastive_loss(H, y, loss=loss, ignore=-1, reduction="none")
    assert each.shape == (60,)
    assert (each[~kept] == 0).all()
    assert contrastive_loss(H, y, loss=loss) != result.loss


@pytest.mark.parametrize("n", [60, 500])
@members
def test_or_negatives_of_all_others(name, n):
    H, y = data(n)
    y[::7] = -1
    loss, option = MEMBERS[name]
    loud = np.flatnonzero(y != -1)
    a, w, T = softmax_member(name, y, anchors=loud, option=option)
    result = contrastive_loss_and_grad(H, y, loss=loss, ignore=-1, ignored="negatives")
    check(result, H, a / a.sum(), w, T, 0.1)


def test_samples_without_a_class_need_no_weight_and_have_no_prototype():
    H, y = data(60)
    y[::7] = -1
    weights = {int(label): 1.0 + label for label in set(y) if label != -1}
    weighted = losses.SupCon(class_weights=weights)
    a, w, T = softmax_member("supcon", y, anchors=np.flatnonzero(y != -1))
    a = a * np.array([weights.get(int(label), 0.0) for label in y])
    options = {"ignore": -1, "ignored": "negatives"}
    check(contrastive_loss_and_grad(H, y, loss=weighted, **options), H, a / a.sum(), w, T, 0.1)
    names = np.unique(y[y != -1])
    means = np.array([H[y == label].mean(axis=0) for label in names])
    tied = contrastive_loss(H, y, loss="prototypes", **options)
    given = contrastive_loss(H, y, loss="prototypes", keys=means, key_labels=names, **options)
    assert tied == pytest.approx(given, rel=1e-13)


def test_what_cannot_be_left_out_is_refused():
    H, y = data(20)
    with pytest.raises(InvalidInputError, match="items of a batch"):
        contrastive_loss(H[None], y[None], ignore=0)
    with pytest.raises(InvalidInputError, match="every label is 1"):
        contrastive_loss(H, np.ones(20, int), ignore=1)
    with pytest.raises(InvalidInputError, match="there are no labels"):
        contrastive_loss(H, soft_labels=np.ones((20, 1)), ignore=1)
    with pytest.raises(InvalidInputError, match="ignored"):
        contrastive_loss(H, y, ignore=1, ignored="gone")


def test_text_labels_may_be_ignored_too():
    H, y = data(20)
    text = np.array(["?" if label == 0 else str(label) for label in y])
    found = contrastive_loss(H, text, ignore="?")
    assert found == screlax.contrastive_loss(H[y != 0], y[y != 0])


def test_targets_by_class_are_spread_over_keys_alone():
    (H, y), (K, z) = data(40), queue(60, classes=7)
    y[0] = 0
    T = np.random.default_rng(0).dirichlet(np.ones(7), 7)
    loss = losses.SoftTargets(T)
    target = np.zeros((100, 100))
    target[:40, 40:] = T[np.ix_(y, z)] / np.bincount(z)[z]
    weight = np.zeros((100, 100))
    weight[:40, 40:] = 1.0
    a = np.repeat([1.0, 0.0], [40, 60])
    options = {"keys": K, "key_labels": z, "contrast_with": "keys"}
    result = contrastive_loss_and_grad(H, y, loss=loss, **options)
    check(result, np.concatenate([H, K]), a / 40, weight, target, 0.1, keys=60)
    with pytest.raises(InvalidInputError, match="depend on the number of samples"):
        contrastive_loss(H, y, loss=losses.SoftTargets(epsilon=0.1), **options)
    both = np.stack([H, H], axis=1)
    with pytest.raises(InvalidInputError, match="no views to be targets"):
        contrastive_loss(both, y, loss=losses.InstanceMix(0.1), **options)

"""What an excess is made of, against the formulas of the duality written down in plain numpy."""

import json
import math

import numpy as np
import pytest
from every_loss import COMPARED, LOSSES, SIZES, TEMPERATURE, control_of
from problems import labels_of

from screlax import UFM, Ball, Budget, Ridge, Sphere, compare, solve_relaxation

N = np.array([12, 7, 3, 5])
TAU = 0.5
LABELS = np.repeat(range(4), N)
CONTROLS = [Ridge(0.05), Sphere(1.0), Ball(2.0), Budget(1.5)]


def noisy(solution, noise, seed=0, dim=6):
    labels = np.array(labels_of(solution.problem.points))
    best = solution.prototypes(dim)[labels]
    return best + noise * np.random.default_rng(seed).standard_normal(best.shape), labels


def scale_of(control, squares):
    """Return what the control multiplies rows by."""
    if isinstance(control, Sphere):
        return np.sqrt(1.0 / squares)
    if isinstance(control, Ball):
        return np.minimum(np.sqrt(2.0 / squares), 1.0)
    if isinstance(control, Budget):
        return np.full_like(squares, min(math.sqrt(1.5 / squares.mean()), 1.0))
    return np.ones_like(squares)


def softmax_rows(gram):
    """Return P of class means, with n_c − 1 on the diagonal."""
    weight = np.tile(N.astype(float), (4, 1)) - np.eye(4)
    rows = weight * np.exp(gram / TAU - (gram / TAU).max())
    return rows / rows.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("control", CONTROLS, ids=lambda one: one.name)
@pytest.mark.parametrize("noise", [1e-3, 0.3])
def test_the_identity_of_the_duality_holds_for_samples(control, noise):
    """Rows of all samples, the kernel, spread and norms: their sum is the excess of compare."""
    solution = solve_relaxation(N, control, temperature=TAU)
    rows, y = noisy(solution, noise)
    rows = rows * scale_of(control, (rows**2).sum(axis=1))[:, None]
    best = solution.class_gram
    p = softmax_rows(best)
    slope = N[:, None] * (p - np.eye(4)) / TAU
    slope = (slope + slope.T) / 2
    if isinstance(control, Ridge):
        multiplier = np.full(4, 0.05 / 2) * N
    else:
        multiplier = -np.einsum("ij,ij->i", slope, best) / np.diag(best)
    bound = {"sphere": 1.0, "ball": 2.0, "budget": 1.5, "ridge": 0.0}[control.name]
    means = np.array([rows[y == c].mean(axis=0) for c in range(4)])
    apart = np.array([((rows[y == c] - means[c]) ** 2).sum() for c in range(4)])
    squares = np.array([(rows[y == c] ** 2).sum() for c in range(4)])
    inner = rows @ rows.T / TAU
    np.fill_diagonal(inner, -np.inf)
    q = np.exp(inner - inner.max(axis=1, keepdims=True))
    q /= q.sum(axis=1, keepdims=True)
    # a row of the optimum, spread over samples: the positives share p_cc, others their class's
    share = p / (N - np.eye(4))
    target = share[np.ix_(y, y)]
    np.fill_diagonal(target, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        divergence = np.where(target > 0, target * np.log(target / q), 0.0).sum()
    kernel = np.vdot(slope + np.diag(multiplier), means @ means.T)
    rate = multiplier / N + (1 - np.diag(p)) / ((N - 1) * TAU)
    norms = 0.0 if isinstance(control, Ridge) else multiplier @ (bound - squares / N)
    total = divergence + kernel + rate @ apart + norms
    found = compare(rows, y, solution)
    assert total == pytest.approx(found.loss.gap, rel=1e-9, abs=1e-10)
    split = found.split
    assert split.spread + split.angles + split.norms == pytest.approx(found.loss.gap, rel=1e-12)
    assert min(split.spread, split.angles, split.norms) > -1e-11


@pytest.mark.parametrize("control", CONTROLS, ids=lambda one: one.name)
@pytest.mark.parametrize("noise", [1e-2, 0.3])
def test_parts_are_those_of_the_lagrangian(control, noise):
    """At class means, at these as long as their embeddings, and at the norms of the optimum."""
    solution = solve_relaxation(N, control, temperature=TAU)
    rows, y = noisy(solution, noise)
    rows = rows * scale_of(control, (rows**2).sum(axis=1))[:, None]
    best = solution.class_gram
    slope = N[:, None] * (softmax_rows(best) - np.eye(4)) / TAU
    slope = (slope + slope.T) / 2
    if isinstance(control, Ridge):
        multiplier, bound = np.full(4, 0.05 / 2) * N, None
    else:
        multiplier = -np.einsum("ij,ij->i", slope, best) / np.diag(best)
        bound = control.parameter

    def lagrangian(gram):
        weight = np.tile(N.astype(float), (4, 1)) - np.eye(4)
        loss = np.log((weight * np.exp(gram / TAU)).sum(axis=1)) - np.diag(gram) / TAU
        return N @ loss + multiplier @ np.diag(gram)

    def above(means, squares=None):
        if squares is not None:
            means = means * np.sqrt(squares / (means**2).sum(axis=1))[:, None]
        return lagrangian(means @ means.T) - lagrangian(best)

    means = np.array([rows[y == c].mean(axis=0) for c in range(4)])
    squares = np.array([(rows[y == c] ** 2).sum(axis=1).mean() for c in range(4)])
    found = compare(rows, y, solution)
    as_long = min(above(means), above(means, squares))
    unused = 0.0 if bound is None else multiplier @ (bound - squares)
    split = found.split
    assert split.spread == pytest.approx(found.loss.gap - as_long - unused, rel=1e-8)
    least = min(as_long, above(means, np.diag(best)))
    if control.fixes_norms:
        assert split.angles == pytest.approx(least, rel=1e-8)
    else:
        assert 0 <= split.angles <= least * (1 + 1e-9)
    assert split.norms == pytest.approx(as_long - split.angles + unused, rel=1e-7, abs=1e-10)


@pytest.mark.parametrize("how", ["samples", "class-means"])
@pytest.mark.parametrize("kind", ["ridge", "ball", "sphere", "budget"])
@pytest.mark.parametrize("name", COMPARED)
def test_parts_of_every_loss_are_nonnegative_and_add_up(name, kind, how):
    loss = LOSSES[name]
    solution = solve_relaxation(UFM(SIZES, control_of(name, kind), TEMPERATURE, loss=loss))
    if not solution.class_gram.any():
        return
    rows, y = noisy(solution, 0.2, dim=5)
    if loss.view_count > 1:
        rows, y = rows.reshape(-1, loss.view_count, 5), y[:: loss.view_count]
    found = compare(rows, y, solution, loss=how, search=False)
    split = found.split
    if how == "samples" and not (loss.collapses and solution.collapses):
        assert not split.is_known
        assert "class-means" in split.how or "apart" in split.how
        assert found.to_dict()["split"]["angles"] is None
        return
    parts = (split.spread, split.angles, split.norms)
    assert sum(parts) == pytest.approx(found.loss.gap, rel=1e-10)
    assert min(parts) > -1e-9 * max(1.0, abs(found.loss.value))
    assert (split.spread == 0) == (how == "class-means")
    json.dumps(found.to_dict(), allow_nan=False)


def test_each_part_is_found_alone():
    """A scaled optimum costs norms only, a moved class mean angles only, symmetric noise spread."""
    ridge = solve_relaxation([6, 4, 4], Ridge(0.2), temperature=TAU)
    y = np.repeat(range(3), [6, 4, 4])
    best = ridge.prototypes(4)[y]
    scaled = compare(1.2 * best, y, ridge).split
    assert scaled.norms == pytest.approx(compare(1.2 * best, y, ridge).loss.gap, rel=1e-5)
    sphere = solve_relaxation([6, 4, 4], Sphere(1.0), temperature=TAU)
    turned = np.eye(3)[y]
    angles = compare(turned, y, sphere).split
    assert angles.angles == pytest.approx(compare(turned, y, sphere).loss.gap, rel=1e-9)
    best = sphere.prototypes(9)[y]
    best[::2, 4] += 0.1
    best[1::2, 4] -= 0.1  # of classes of even size: the means stay
    best /= np.linalg.norm(best, axis=1, keepdims=True)
    found = compare(best, y, sphere)
    assert found.split.largest[0] == "differences within classes"
    assert found.split.angles < 1e-9 * found.loss.gap
    assert found.decision.means_excess < 1e-9 * found.decision.relative_excess


def test_norms_below_a_bound_have_the_price_of_the_bound():
    solution = solve_relaxation([6, 4, 4], Ball(1.0), temperature=TAU)
    y = np.repeat(range(3), [6, 4, 4])
    found = compare(0.7 * solution.prototypes(3)[y], y, solution)
    assert found.split.norms == pytest.approx(found.loss.gap, rel=1e-6)
    assert abs(found.split.spread) < 1e-9 * found.loss.gap


def test_an_expected_loss_is_split_at_class_means():
    solution = solve_relaxation(
        [40, 10, 5], Budget(1.0), temperature=0.3, batches="shuffle:size=16"
    )
    y = np.repeat(range(3), [40, 10, 5])
    rng = np.random.default_rng(0)
    means = solution.prototypes(4) * [[1.1], [0.9], [1.0]] + 0.1 * rng.standard_normal((3, 4))
    found = compare(means[y], y, solution)
    split = found.split
    assert split.spread == 0
    assert min(split.angles, split.norms) > 0
    assert split.angles + split.norms == pytest.approx(found.loss.gap, rel=1e-12)


def test_nonnegative_features_are_split_too():
    solution = solve_relaxation([6, 4, 4], Sphere(1.0), temperature=TAU, features="nonnegative")
    y = np.repeat(range(3), [6, 4, 4])
    rows = np.abs(np.eye(3)[y] + 0.1 * np.random.default_rng(0).standard_normal((14, 3)))
    found = compare(rows, y, solution, normalize=True)
    parts = (found.split.spread, found.split.angles, found.split.norms)
    assert sum(parts) == pytest.approx(found.loss.gap, rel=1e-12)
    assert min(parts) > -1e-12

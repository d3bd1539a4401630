"""The loss as the formulas say: dense, with its gradient, and by loops in any precision."""

from __future__ import annotations

import mpmath
import numpy as np
from scipy.special import logsumexp


def dense_loss(embeddings, labels, temperature=0.1, *, negatives_only=False, weights=None):
    """One loss per sample and the gradient of their weighted sum; weights default to the mean."""
    H, y = np.asarray(embeddings, dtype=np.float64), np.asarray(labels)
    others = ~np.eye(len(H), dtype=bool)
    positive = (y[:, None] == y[None, :]) & others
    terms = others & ~positive if negatives_only else others
    return masked_loss(H, positive.astype(float), terms, temperature, weights)


def masked_loss(H, positive, terms, temperature, weights=None):
    """The same from the positives, in proportion to the entry, and the terms of the denominator."""
    logits = H @ H.T / temperature
    count = positive.sum(axis=1)
    anchor = (count > 0) & terms.any(axis=1)
    target = positive / np.where(count > 0, count, 1.0)[:, None]
    masked = np.where(terms, logits, -np.inf)
    normalizer = np.zeros(len(H))
    normalizer[anchor] = logsumexp(masked[anchor], axis=1)
    losses = np.where(anchor, normalizer - (target * logits).sum(axis=1), 0.0)
    if weights is None:
        weights = np.full(len(H), 1.0 / max(anchor.sum(), 1))
    weights = np.where(anchor, weights, 0.0)
    softmax = np.exp(masked - np.where(anchor, normalizer, np.inf)[:, None])
    pull = weights[:, None] * (softmax - target)
    return losses, (pull + pull.T) @ H / temperature


def weighted_loss(points, anchors, weight, target, temperature):
    """Σ a_i [log Σ_j w_ij e^{s_ij} − Σ_j T_ij s_ij], dense: terms, gradient, slope by τ.

    The slope is from the terms themselves, not from the gradient.
    """
    H = np.asarray(points, dtype=np.float64)
    logits = H @ H.T / temperature
    on = np.flatnonzero(anchors)
    losses, softmax = np.zeros(len(H)), np.zeros_like(logits)
    there = np.where(weight[on] > 0, logits[on], -np.inf)
    there += np.log(np.where(weight[on] > 0, weight[on], 1.0))
    losses[on] = logsumexp(there, axis=1) - (target * logits).sum(axis=1)[on]
    softmax[on] = np.exp(there - logsumexp(there, axis=1, keepdims=True))
    mass = np.asarray(anchors)[:, None]
    pull = mass * (softmax - np.where(mass > 0, target, 0.0))
    return losses, (pull + pull.T) @ H / temperature, -(pull * logits).sum() / temperature


def softmax_member(name, labels, anchors=None, instances=None, option=None):
    """a, w and T of a member by its definition, for points of which `anchors` have terms.

    Dense; `instances` numbers the samples that points are views of.
    """
    y, n = np.asarray(labels), len(labels)
    same = (y[:, None] == y[None, :]) & ~np.eye(n, dtype=bool)
    apart = y[:, None] != y[None, :]
    size = np.array([(y == label).sum() for label in y], dtype=float)
    mean = same / np.maximum(size - 1, 1)[:, None]
    weight, target = (same | apart).astype(float), mean
    mass = np.ones(n)
    if name == "negatives-only":
        weight = apart.astype(float)
    if name.startswith("class-averaged"):
        weight = mean + apart / size
        if name.endswith("classes"):
            mine = y if anchors is None else y[anchors]
            mass = 1 / np.array([max((mine == label).sum(), 1) for label in y])
    if name == "soft-targets":  # ε
        target = same + option * apart
        target = target / target.sum(axis=1, keepdims=True)
    if name == "label-smoothing":
        k = len(set(labels))
        target = (1 - option + option / k) * mean + option / k * apart / size
    if name == "instance-mix":  # α
        views = (instances[:, None] == instances[None, :]) & ~np.eye(n, dtype=bool)
        target = (1 - option) * mean + option * views / views.sum(axis=1, keepdims=True)
    has_terms = (target.sum(axis=1) > 0) & (weight.sum(axis=1) > 0) & same.any(axis=1)
    if anchors is not None:
        has_terms &= np.isin(np.arange(n), np.arange(n)[anchors])
    return np.where(has_terms, mass, 0.0), weight, target


def mean_loss(losses, labels):
    """The mean over the samples whose class has another one."""
    y = np.asarray(labels)
    anchors = (y[:, None] == y[None, :]).sum(axis=1) > 1
    return losses[anchors].mean() if anchors.any() else 0.0


def exact_losses(embeddings, positives, temperature):
    """log Σ_{l≠i} e^{s_il} less the mean of the positives, and that less log of their number.

    By loops over numbers of as many digits as mpmath is set to.
    """
    rows = [[mpmath.mpf(float(x)) for x in row] for row in embeddings]
    n, tau = len(rows), mpmath.mpf(float(temperature))
    losses, heights = [mpmath.mpf(0)] * n, [mpmath.mpf(0)] * n
    for i in range(n):
        s = [mpmath.fdot(rows[i], rows[j]) / tau for j in range(n)]
        mine = [j for j in range(n) if positives[i][j] and j != i]
        if mine:
            mean = mpmath.fsum(s[j] for j in mine) / len(mine)
            total = mpmath.fsum(mpmath.exp(s[j] - mean) for j in range(n) if j != i)
            losses[i], heights[i] = mpmath.log(total), mpmath.log(total / len(mine))
    return losses, heights


def unit(rng, *shape, dtype=np.float64):
    """Random unit vectors."""
    H = rng.standard_normal(shape)
    return (H / np.linalg.norm(H, axis=-1, keepdims=True)).astype(dtype)


def relative(value, reference):
    """Norm of the difference over the norm of the reference."""
    value, reference = np.asarray(value, np.float64), np.asarray(reference, np.float64)
    return float(np.linalg.norm(value - reference) / max(np.linalg.norm(reference), 1e-300))

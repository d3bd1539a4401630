"""The class Gram matrices that a network is compared with, beyond what screlax proves.

screlax's relaxation has the loss of all samples at once and features of either sign. A final ReLU
and mini-batches change the problem, and with it the geometry to expect.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

import screlax

Matrix = NDArray[np.float64]

COMPOSITIONS = 20_000
"""Batches drawn for an expected loss."""


def orthogonal_frame(problem: screlax.UFM) -> Matrix:
    """Return the optimal class Gram matrix of features without negative entries, shape (k, k).

    Inner products cannot be negative then, and the loss rises in those between classes, so that
    they vanish: an orthogonal frame (Kini et al. 2023, arXiv 2306.07960). On the sphere all norms
    are √ρ. With a ridge each class is a problem in one number, whose derivative vanishes at

        M_cc = τ max(0, log[ (n−n_c)/(n_c−1) · (1−λτ/2)/(λτ/2) ]).

    Raises
    ------
    ValueError
        For other controls, and with singletons.
    """
    sizes, control = np.asarray(problem.class_sizes, dtype=float), problem.control
    if sizes.min() < 2:
        raise ValueError("the formula needs classes of at least two samples")
    if isinstance(control, screlax.Sphere):
        return control.radius_squared * np.eye(len(sizes))
    if not isinstance(control, screlax.Ridge):
        raise ValueError(f"the formula is for Sphere and Ridge, not {control}")
    half = control.strength * problem.temperature / 2
    odds = (sizes.sum() - sizes) / (sizes - 1) * (1 - half) / half
    return np.diag(problem.temperature * np.maximum(0.0, np.log(odds)))


def expected_batch_gram(
    problem: screlax.UFM, batch_size: int, *, nonnegative: bool = False, seed: int = 0
) -> Matrix:
    """Return the class Gram matrix that minimises the *expected* loss of random mini-batches.

    Batches without replacement, each with the mean over its own anchors; the expectation over
    their class counts is an average over `COMPOSITIONS` drawn ones, and the result is averaged over
    classes of equal size (the problem is convex in the Gram matrix and symmetric in them).
    Features collapse within classes by the argument for the full loss, so k vectors suffice.
    Unlike screlax's solutions this one, L-BFGS on the vectors, comes without a certificate.

    Parameters
    ----------
    problem : UFM
        Sphere or Ridge; the ridge weighs a batch's mean squared norm by λ/2.
    batch_size : int
        All samples give back the full loss, divided by its number of anchors.
    nonnegative : bool
        Whether the vectors may have negative entries, as they cannot after a ReLU.
    seed : int
        Of the drawn compositions and of the start.
    """
    sizes = np.asarray(problem.class_sizes)
    rng = np.random.default_rng(seed)
    counts = rng.multivariate_hypergeometric(sizes, batch_size, size=COMPOSITIONS)
    if batch_size == sizes.sum():
        counts = counts[:1]
    loss = _loss_of_compositions(counts.astype(float), problem.temperature)
    on_vectors = _on_vectors(loss, problem)
    start = rng.normal(size=(len(sizes), len(sizes) + 1))
    if nonnegative:
        start = np.eye(len(sizes)) + 0.1 * rng.random((len(sizes), len(sizes)))
    bounds = [(0, None)] * start.size if nonnegative else None
    options = {"maxiter": 2000, "maxfun": 4000, "ftol": 1e-15, "gtol": 1e-9}
    result = optimize.minimize(
        lambda flat: on_vectors(flat.reshape(start.shape)),
        start.ravel(),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options=options,
    )
    vectors = _placed(result.x.reshape(start.shape), problem)[0]
    return _averaged(vectors @ vectors.T, sizes)


_Value = Callable[[Matrix], tuple[float, Matrix]]


def _loss_of_compositions(counts: Matrix, temperature: float) -> _Value:
    """Return the mean loss of batches with these class counts (m, k), and its derivative by M.

    Row c of a batch with counts b has Z = Σ_c' b_c' e^{M_cc'/τ} − e^{M_cc/τ}: all but the anchor.
    """
    anchors = np.where(counts > 1, counts, 0.0)
    weight = anchors / anchors.sum(axis=1, keepdims=True) / len(counts)
    share = weight.sum(axis=0)

    def loss(gram: Matrix) -> tuple[float, Matrix]:
        top = gram.max(axis=1) / temperature  # so that nothing overflows
        exponential = np.exp(gram / temperature - top[:, None])
        total = np.where(weight > 0, counts @ exponential.T - np.diag(exponential), 1.0)
        value = np.sum(weight * np.log(total)) + share @ (top - np.diag(gram) / temperature)
        ratio = weight / total
        slope = (ratio.T @ counts - np.diag(ratio.sum(axis=0))) * exponential - np.diag(share)
        return float(value), slope / temperature

    return loss


def _placed(vectors: Matrix, problem: screlax.UFM) -> tuple[Matrix, Matrix]:
    """Return the vectors, on the sphere if that is the control, and their norms before."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    if isinstance(problem.control, screlax.Sphere):
        return vectors / norms * np.sqrt(problem.control.radius_squared), norms
    return vectors, norms


def _on_vectors(loss: _Value, problem: screlax.UFM) -> _Value:
    """Return the objective as a function of one vector per class, with its gradient."""
    mass = np.asarray(problem.class_sizes) / problem.samples

    def objective(vectors: Matrix) -> tuple[float, Matrix]:
        placed, norms = _placed(vectors, problem)
        value, slope = loss(placed @ placed.T)
        gradient = (slope + slope.T) @ placed
        if isinstance(problem.control, screlax.Ridge):
            strength = problem.control.strength
            value += strength / 2 * float(mass @ norms[:, 0] ** 2)
            return value, (gradient + strength * mass[:, None] * vectors).ravel()
        radius = problem.control.radius_squared
        inward = (gradient * placed).sum(axis=1, keepdims=True) / radius * placed
        return value, ((gradient - inward) * np.sqrt(radius) / norms).ravel()

    return objective


def _averaged(gram: Matrix, sizes: NDArray) -> Matrix:
    """Average a class Gram matrix over permutations of classes of equal size."""
    _, orbit = np.unique(sizes, return_inverse=True)
    member = np.eye(orbit.max() + 1)[orbit]
    count = member.sum(axis=0)
    diagonal = np.diag(gram)
    own = (diagonal @ member) / count
    between = member.T @ (gram - np.diag(diagonal)) @ member
    pairs = np.outer(count, count) - np.diag(count)
    pair = np.divide(between, pairs, out=np.zeros_like(between), where=pairs > 0)
    result = pair[np.ix_(orbit, orbit)]
    np.fill_diagonal(result, own[orbit])
    return result

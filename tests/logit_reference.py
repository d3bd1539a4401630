"""Programs over logits by mpmath: objective, dual bound, and optima in few unknowns."""

import mpmath as mp
import numpy as np

from screlax.problem.logit_norms import NuclearPenalty
from screlax.problem.logits import LogitProgram

mp.mp.dps = 50


def exact(values):
    """Return doubles as numbers of 50 digits."""
    values = np.asarray(values, dtype=float)
    return mp.matrix(values.tolist()) if values.ndim == 2 else [mp.mpf(x) for x in values.tolist()]


def random_program(rng, orbits, norm=None, several=True, adjusted=True):
    """Return a program with numbers over several orders of magnitude."""
    ones = np.ones(orbits)
    copies = rng.integers(1, 5, orbits).astype(float) if several else ones
    if copies.sum() < 2:
        copies[0] = 2.0
    anchors = np.floor(np.exp(rng.uniform(0, 12, orbits)))
    return LogitProgram(
        copies=copies,
        anchors=anchors * (rng.uniform(0.2, 3, orbits) if adjusted else ones),
        slope=rng.uniform(0.3, 2, orbits) if adjusted else ones,
        offset=2 * rng.standard_normal(orbits) if adjusted else 0 * ones,
        feature_mass=anchors if rng.random() < 0.5 else ones,
        classifier_mass=rng.uniform(0.5, 2, orbits) if adjusted else ones,
        norm=NuclearPenalty(1.0) if norm is None else norm,
    )


def classes_of(program):
    """Return the orbit of every class, an array of integers."""
    return np.repeat(np.arange(program.size), program.copies.astype(int))


def objective(program, gram):
    """Return loss and nuclear norm of logits in 50 digits, by class."""
    orbit = classes_of(program)
    logits = exact(gram.unit_logits.lifted(orbit))
    names = "anchors", "slope", "offset", "feature_mass", "classifier_mass"
    anchors, slope, offset, left, right = (exact(getattr(program, name)[orbit]) for name in names)
    count, loss = len(orbit), mp.mpf(0)
    for c in range(count):
        exponents = [slope[j] * logits[c, j] + offset[j] for j in range(count)]
        loss += anchors[c] * mp.log(mp.fsum(mp.exp(e - exponents[c]) for e in exponents))
    scaled = mp.matrix(count, count)
    for c, j in np.ndindex(count, count):
        scaled[c, j] = mp.sqrt(left[c] * right[j]) * logits[c, j]
    return loss, mp.fsum(mp.svd_r(scaled, compute_uv=False))


def dual_rows(program, rows):
    """Return P of rows less the identity, own from the others, and σ₁ of M, in 50 digits."""
    orbit = classes_of(program)
    less = exact(rows.lifted(orbit))
    names = "anchors", "slope", "feature_mass", "classifier_mass"
    anchors, slope, left, right = (exact(getattr(program, name)[orbit]) for name in names)
    count = len(orbit)
    for c in range(count):
        less[c, c] = -mp.fsum(less[c, j] for j in range(count) if j != c)
    matrix = mp.matrix(count, count)
    for c, j in np.ndindex(count, count):
        matrix[c, j] = anchors[c] * slope[j] * less[c, j] / mp.sqrt(left[c] * right[j])
    return less, max(mp.svd_r(matrix, compute_uv=False))


def dual_bound(program, rows):
    """Return the lower bound of rows P − I, mixed with the identity for a penalty."""
    orbit = classes_of(program)
    less, sigma = dual_rows(program, rows)
    anchors, offset = exact(program.anchors[orbit]), exact(program.offset[orbit])
    amount, count = mp.mpf(program.norm.amount), len(orbit)
    kept = min(mp.mpf(1), amount / sigma) if program.norm.is_penalty and sigma > 0 else mp.mpf(1)
    bound = mp.mpf(0) if program.norm.is_penalty else -amount * sigma
    for c in range(count):
        row = [kept * less[c, j] + (j == c) for j in range(count)]
        assert min(row) >= 0
        entropy = -mp.fsum(p * mp.log(p) for p in row if p > 0)
        shift = mp.fsum(p * t for p, t in zip(row, offset, strict=True)) - offset[c]
        bound += anchors[c] * (entropy + shift)
    return bound


def optimum_of_two(program):
    """Return the least value for two classes and a penalty: Y = x uᵀ, u beside the kernel."""
    a, slope, t, left, right = (
        exact(getattr(program, name))
        for name in ("anchors", "slope", "offset", "feature_mass", "classifier_mass")
    )
    kernel = [mp.sqrt(right[j]) / slope[j] for j in range(2)]
    size = mp.sqrt(kernel[0] ** 2 + kernel[1] ** 2)
    unit = [kernel[1] / size, -kernel[0] / size]
    amount = mp.mpf(program.norm.amount)
    per = [  # difference of the exponents of the other and of the own class, per x_c
        (-1) ** c
        * (slope[1] * unit[1] / mp.sqrt(right[1]) - slope[0] * unit[0] / mp.sqrt(right[0]))
        / mp.sqrt(left[c])
        for c in range(2)
    ]
    shift = [t[1] - t[0], t[0] - t[1]]

    def value(x, y):
        losses = [mp.log(1 + mp.exp(per[c] * z + shift[c])) for c, z in enumerate((x, y))]
        return a[0] * losses[0] + a[1] * losses[1] + amount * mp.sqrt(x * x + y * y)

    def slopes(x, y):
        norm = mp.sqrt(x * x + y * y)
        share = [a[c] * per[c] / (1 + mp.exp(-per[c] * z - shift[c])) for c, z in enumerate((x, y))]
        return share[0] + amount * x / norm, share[1] + amount * y / norm

    zero = [a[c] * per[c] / (1 + mp.exp(-shift[c])) for c in range(2)]
    if mp.sqrt(zero[0] ** 2 + zero[1] ** 2) <= amount:
        return value(mp.mpf(0), mp.mpf(0))
    return slopes, value, unit


def optimum_of_equal(program):
    """Return the least value of one orbit and a penalty: its logit gap is a logarithm."""
    classes, amount = mp.mpf(program.copies[0]), mp.mpf(program.norm.amount)
    a, slope, left, right = (
        mp.mpf(float(getattr(program, name)[0]))
        for name in ("anchors", "slope", "feature_mass", "classifier_mass")
    )
    weight = slope / mp.sqrt(left * right)
    if a * weight <= amount:
        return classes * a * mp.log(classes)
    apart = 1 - amount / (a * weight)
    gap = mp.log((1 + apart * (classes - 1)) / (1 - apart))
    loss = classes * a * mp.log(1 + (classes - 1) * mp.exp(-gap))
    return loss + amount * (classes - 1) * gap / weight

"""Geometries to compare with: what random features, a frame, a simplex lose, and how far they are.

All but the first are the same for equal classes, so that their loss is a sum over orbits. Random
features are drawn, for up to so many classes; for more, what they lose on average is bounded: the
mean of a row's logarithm is at most the logarithm of its mean, and that is the loss at a matrix
whose entries are log E exp(⟨h, h'⟩/τ).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from ...gram.cells import CellGram, Level
from ...gram.class_products import class_distance, inner_product, squared_norm
from ...gram.rounding import product
from ...problem.program import Program, build_program
from ...types import Matrix
from .optimum import Optimum

DIMENSION = 128
"""Of the random features, where nothing says that of a network."""

_DRAWN = 200
"""Up to so many classes random features are drawn."""

_SAME_SCALE, _ZERO, _MOST_STEPS = 1e-5, 1e-12, 60
"""Relative change of a scale that the value does not notice; scales that are zero; Newton steps."""


@dataclass(frozen=True)
class Reference:
    """A geometry to compare with: its distance from the optimum, and what it loses.

    Attributes
    ----------
    name : str
    distance : float
        ‖G/‖G‖ − G*/‖G*‖‖ over class means; of random features of many classes, on average.
    relative_excess : float
        (objective − optimal value)/|optimal value|, at its best scale where norms are free.
    rank : int
        The least dimension of embeddings that have it.
    is_average : bool
        Whether it is a bound on the average over random features, of too many classes to be drawn.
    """

    name: str
    distance: float
    relative_excess: float
    rank: int
    is_average: bool = False


def reference_geometries(optimum: Optimum, dim: int = DIMENSION) -> tuple[Reference, ...]:
    """Return the references of an optimum, at norms that the control allows.

    The random features are of dimension `dim`; the others have their own, whatever that is.
    """
    program, copies = optimum.program, optimum.program.cells.points
    count, m = float(copies.sum()), len(copies)
    classes = int(count)
    shapes = {
        "orthogonal frame": (_equal(np.zeros((m, m)), program), classes),
        "simplex ETF": (_equal(np.full((m, m), -1 / (count - 1)), program), classes - 1),
        "all collapsed": (_equal(np.ones((m, m)), program), 1),
    }
    found = [
        Reference(
            name,
            class_distance(shape, optimum.gram, program.cells.points),
            _relative(program, shape, optimum),
            rank,
        )
        for name, (shape, rank) in shapes.items()
    ]
    random = _drawn if count <= _DRAWN else _on_average
    return (random(optimum, dim), *found)


def _equal(pair: Matrix, program: Program) -> CellGram:
    """Return a matrix of ones on the diagonal, `pair` elsewhere."""
    np.fill_diagonal(pair, np.where(program.cells.points > 1, np.diagonal(pair), 1.0))
    return CellGram(np.ones(len(pair)), pair)


def _relative(program: Program, shape: CellGram, optimum: Optimum) -> float:
    """Return the relative excess of a matrix of unit diagonal at its best scale."""
    scale = program.control.parameter
    if program.control.is_penalty:
        copies = optimum.program.cells.points
        scale = _best_scale(program, shape, float(copies @ optimum.gram.own / copies.sum()))
    return (program.value(shape.scaled(scale)) - optimum.value) / abs(optimum.value)


def _best_scale(program: Program, shape: CellGram, scale: float) -> float:
    """Return where a convex objective is smallest along a ray, by Newton steps in a bracket."""
    low, high = 0.0, math.inf
    for _ in range(_MOST_STEPS):
        at = program.loss.expand(shape.scaled(scale))
        slope = product(program.slack(at, program.penalty), shape)
        bend = product(program.loss.curvature(at, shape), shape)
        if slope > 0:
            high = scale
        else:
            low = scale
        step = -slope / bend if bend > 0 else math.inf
        if abs(step) <= _SAME_SCALE * scale:
            break
        newton = scale + step
        if not low < newton < high:
            newton = (low + high) / 2 if math.isfinite(high) else 2 * scale
        scale = newton
        if high <= _SAME_SCALE * scale or scale <= _ZERO:
            return 0.0
    return scale


def _drawn(optimum: Optimum, dim: int) -> Reference:
    """Return random features of one draw."""
    problem, gram = optimum.problem, optimum.gram
    orbit = problem.points.orbit_index()
    random = np.random.default_rng(0).standard_normal((len(orbit), dim))
    random /= np.linalg.norm(random, axis=1, keepdims=True)
    shape = random @ random.T
    lifted = gram.pair[np.ix_(orbit, orbit)]
    np.fill_diagonal(lifted, gram.own[orbit])
    distance = np.linalg.norm(shape / np.linalg.norm(shape) - lifted / np.linalg.norm(lifted))
    program = build_program(problem, Level.CLASSES)
    lost = _relative(program, CellGram.from_matrix(shape), optimum)
    return Reference(f"random in {dim}", float(distance), lost, min(dim, len(orbit)))


def _on_average(optimum: Optimum, dim: int) -> Reference:
    """Return what random features lose on average at most, and how far they are on average.

    At the scale that is best for an orthogonal frame, which in many dimensions they nearly are.
    """
    program, copies = optimum.program, optimum.program.cells.points
    count, m = float(copies.sum()), len(copies)
    frame = _equal(np.zeros((m, m)), program)
    scale = program.control.parameter
    if program.control.is_penalty:
        scale = _best_scale(program, frame, float(copies @ optimum.gram.own / count))
    entry = _log_mean_exponential(scale, dim) / scale if scale > 0 else 0.0
    value = program.value(_equal(np.full((m, m), entry), program).scaled(scale))
    size = math.sqrt(count + count * (count - 1) / dim)
    own = math.sqrt(squared_norm(optimum.gram, copies))
    nearness = inner_product(frame, optimum.gram, copies) / (size * own)
    lost = (value - optimum.value) / abs(optimum.value)
    rank = min(dim, int(count))
    return Reference(f"random in {dim}", math.sqrt(2 - 2 * nearness), lost, rank, True)


def _log_mean_exponential(scale: float, dim: int) -> float:
    """Return log E e^{scale t}, t the inner product of random unit vectors.

    Γ(ν + 1) (2/x)^ν I_ν(x) with ν = d/2 − 1.
    """
    order = dim / 2 - 1
    with np.errstate(divide="ignore"):
        scaled = float(np.log(special.ive(order, scale)))
    if not math.isfinite(scaled):  # x is small beside ν: the first terms of the series
        return scale**2 / (2 * dim)
    return float(special.gammaln(order + 1)) + order * math.log(2 / scale) + scaled + scale

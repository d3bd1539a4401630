"""Expected losses of the rows of a block, their slopes and Hessians."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...gram.rounding import UNIT
from ...types import Matrix, Vector
from .block import Block, Terms
from .columns import Columns
from .complex_numbers import Parts, real_sums, times
from .contour import Circles, Nodes, nodes_on
from .draws import Draws
from .moments import Part
from .profile import Profile

_ROUGH = 1e-4
"""Accuracy that is enough to see which nodes are needed."""

_COARSEST = 0.01
"""Error of logarithms on circles that hardly matter."""

_SEEN = 1e-10
"""Accuracy of Hessians, which no bound rests on."""


@dataclass(frozen=True, eq=False)
class Evaluated:
    """Generating functions of some rows at their nodes, and means of the number of each class.

    Attributes
    ----------
    block : Block
    each : ndarray, shape (R, m)
        κ e.
    columns : Columns
    nodes : Nodes
    terms : Terms
    mean : ndarray, shape (…, M, q)
        y φ'(y) at nodes and columns.
    profile : Profile
        Where the weights are those of the sum of the softmax.
    interpolated : ndarray, shape (K,)
        Errors of logarithms by interpolation.
    """

    block: Block
    each: Matrix
    columns: Columns
    nodes: Nodes
    terms: Terms
    mean: Parts
    profile: Profile
    interpolated: Vector

    @property
    def _count(self) -> Matrix:
        """∂Y of drawing every unit of each orbit, (R, m)."""
        return np.asarray(self.block.draws.units * self.block.views * self.each)

    @cached_property
    def _weighted(self) -> Parts:
        weights = self.block.rule.weights[self.nodes.term]
        return np.asarray(self.terms.values * (self.nodes.weight * weights))

    @cached_property
    def _weighted_by_time(self) -> Parts:
        return np.asarray(self._weighted * self.block.rule.nodes[self.nodes.term])

    @cached_property
    def softmax(self) -> Matrix:
        """V e_j E[1 b_j/Y], (R, m)."""
        found = real_sums(self._weighted, self.columns.of(self.mean))
        return np.asarray(self._count * self.columns.spread(found))

    def errors(self) -> Vector:
        """Bound the sums of the errors of each softmax, relative to its sum, (R,)."""
        uneven = _uneven(self.block.draws, self.each)
        found = self.profile.errors(self.softmax.sum(axis=1), self.interpolated, uneven)
        return found + self.block.rule.error

    def diagonal(self) -> Matrix:
        """See `Moments`."""
        kernel = self.columns.of(self.block.draws.variance_parts(self.mean))
        found = real_sums(self._weighted_by_time, kernel)
        return np.asarray(self.block.views * self.each * self._count * self.columns.spread(found))

    def part(self, rows: NDArray[np.int64], room: Vector) -> Part:
        """See `Part`."""
        mean = self.columns.of(self.mean)
        size = np.abs(mean).max(axis=(0, 1))
        count = 1 + int(np.flatnonzero(size > _SEEN * size.max(initial=0.0)).max(initial=0))
        if self.columns.x is None:
            count = len(size)
        first, second = np.triu_indices(count)
        found = real_sums(self._weighted_by_time, times(mean[..., first], mean[..., second]))
        core = np.empty((len(rows), count, count))
        core[:, first, second] = core[:, second, first] = room[:, None] * found
        return Part(rows, self.columns.first(count), core, self._count)


def evaluated(block: Block, each: Matrix) -> Evaluated:
    """Evaluate the generating functions for gradient and Hessian at κ e (R, m)."""
    draws, rule = block.draws, block.rule
    radius = block.log_radii(each)
    circles = Circles(block.decay, radius, np.zeros(len(radius)))
    columns = block.columns(each, circles, np.full(len(radius), _ROUGH))
    terms, (mean,) = _at_columns(block, columns, Nodes.real(radius))
    weights, slopes = columns.gathered(draws.units), columns.gathered(draws.units * each)
    means, variances = columns.of(mean).T, columns.of(draws.variance(mean)).T
    moved = rule.weights * np.abs(block.views * slopes @ means)
    profile = block.profile(terms, moved, radius, weights @ means, weights @ variances)
    nodes = nodes_on(draws, radius, profile.spread)
    allowed = np.minimum(_allowed(draws) / np.clip(profile.importance, 1e-300, 1.0), _COARSEST)
    columns = block.columns(each, _circles(block, nodes), allowed)
    terms, mean = _at_columns(block, columns, nodes)
    return Evaluated(block, each, columns, nodes, terms, mean, profile, columns.errors(allowed))


def _at_columns(block: Block, columns: Columns, nodes: Nodes) -> tuple[Terms, Parts]:
    """Return generating functions at nodes, and means of a unit there at the columns."""
    draws = block.draws
    log_factor, mean = nodes.unit(draws, -block.decay[nodes.term, None] * columns.places)
    weights = columns.gathered(draws.units)
    return block.terms(weights, columns.of(log_factor), nodes), mean


def _at_zero(block: Block, weights: Matrix) -> tuple[Nodes, Terms, Profile]:
    """Return nodes for e = 0 and the generating functions there.

    Parameters
    ----------
    block : Block
    weights : ndarray, shape (K,) or (R, K)
        Of the terms in the result.
    """
    draws = block.draws
    others = draws.units.sum(axis=1, keepdims=True)
    radius = block.log_radii(np.zeros_like(draws.units))
    nothing = np.zeros((1, 1))
    real = Nodes.real(radius)
    terms = block.terms(others, real.unit(draws, nothing)[0], real)
    mean = draws.mean(radius)
    profile = block.profile(terms, weights, radius, others * mean, others * draws.variance(mean))
    nodes = nodes_on(draws, radius, profile.spread)
    return nodes, block.terms(others, nodes.unit(draws, nothing)[0], nodes), profile


def excesses(block: Block, each: Matrix) -> Matrix:
    """Return the losses at κ e (R, m) less those at zero, and bounds of their errors, (R, 2).

    Both are relative: accurate also where the losses are tiny.
    """
    draws, rule = block.draws, block.rule
    mean = (draws.units * each).sum(axis=1) / np.maximum(draws.units.sum(axis=1), 1e-300)
    over = rule.weights / rule.nodes
    seen = np.minimum(2.0, np.outer(mean * draws.wanted, block.decay))
    nodes, terms, profile = _at_zero(block, over * seen)
    allowed = _allowed(draws) * np.minimum(1.0, seen.min(axis=0))
    columns = block.columns(each, _circles(block, nodes), allowed, from_zero=True)
    decay, places = block.decay[nodes.term, None], columns.places
    log_radius = nodes.log_radius[:, None]
    change = draws.change(log_radius, nodes.angles, np.expm1(-decay * places))
    at_once = -decay * draws.unit(log_radius, nodes.angles)[1]
    slope = np.where(places > 0, change / np.where(places > 0, places, 1.0), at_once)
    weights = columns.gathered(draws.units * each)
    lost = terms.lost(weights @ np.swapaxes(columns.of(slope), 1, 2))
    found = lost[0] @ (over[nodes.term] * nodes.weight)
    interpolated = columns.errors(np.full(len(allowed), _allowed(draws)))
    errors = profile.errors(found, interpolated, _uneven(draws, each)) + rule.error
    return np.stack([found, errors * found], axis=1)


def _uneven(draws: Draws, each: Matrix) -> float:
    """Return the largest ratio of the largest κ e of a row to its mean."""
    largest = np.where(draws.units > 0, each, 0.0).max(axis=1, initial=0.0)
    mean = (draws.units * each).sum(axis=1) / np.maximum(draws.units.sum(axis=1), 1e-300)
    return float(np.divide(largest, mean, out=np.ones_like(mean), where=mean > 0).max())


def _allowed(draws: Draws) -> float:
    """Return an error of logarithms that is that of their rounding."""
    return UNIT * (8 + math.sqrt(draws.wanted))


def _circles(block: Block, nodes: Nodes) -> Circles:
    """Return the circles of nodes."""
    angle, radius = np.zeros(len(block.decay)), np.zeros(len(block.decay))
    np.maximum.at(angle, nodes.term, nodes.angle)
    radius[nodes.term] = nodes.log_radius
    return Circles(block.decay, radius, angle)

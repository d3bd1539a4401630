"""Expected losses of the rows of a block, their slopes and Hessians."""

from __future__ import annotations

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
from .draws import Array, Draws
from .moments import Part

_ROUGH = 1e-4
"""Accuracy that is enough to see which nodes are needed."""

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
    """

    block: Block
    each: Matrix
    columns: Columns
    nodes: Nodes
    terms: Terms
    mean: Parts

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

    def softmax(self) -> Matrix:
        """V e_j E[1 b_j/Y], (R, m)."""
        found = real_sums(self._weighted, self.columns.of(self.mean))
        return np.asarray(self._count * self.columns.spread(found))

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
    count = len(radius)
    circles = Circles(block.decay, radius, np.zeros(count))
    columns = block.columns(each, circles, np.full(count, _ROUGH))
    real = Nodes.real(radius)
    terms, mean = _at_columns(block, columns, real)
    weights = columns.gathered(draws.units)
    means = weights @ columns.of(mean[0]).T
    variances = weights @ columns.of(draws.variance(mean[0])).T
    spread = block.spread(radius, terms.weighted(rule.weights), means, variances)
    nodes = nodes_on(draws, radius, spread)
    allowed = _allowed(draws) / np.minimum(spread.importance, 1.0)
    columns = block.columns(each, _circles(block, nodes), np.minimum(allowed, 0.01))
    return Evaluated(block, each, columns, nodes, *_at_columns(block, columns, nodes))


def _at_columns(block: Block, columns: Columns, nodes: Nodes) -> tuple[Terms, Parts]:
    """Return generating functions at nodes, and means of a unit there at the columns."""
    draws = block.draws
    log_factor, mean = nodes.unit(draws, -block.decay[nodes.term, None] * columns.places)
    weights = columns.gathered(draws.units)
    return block.terms(weights, columns.of(log_factor), nodes), mean


def at_zero(block: Block, weights: Array) -> tuple[Nodes, Terms]:
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
    variance = others * draws.variance(mean)
    spread = block.spread(radius, terms.weighted(weights), others * mean, variance)
    nodes = nodes_on(draws, radius, spread)
    return nodes, block.terms(others, nodes.unit(draws, nothing)[0], nodes)


def excesses(block: Block, each: Matrix) -> Vector:
    """Return the losses at κ e (R, m) less those at zero, accurate also where they are tiny."""
    draws, rule = block.draws, block.rule
    mean = (draws.units * each).sum(axis=1) / np.maximum(draws.units.sum(axis=1), 1e-300)
    over = rule.weights / rule.nodes
    seen = np.minimum(1.0, np.outer(mean * draws.wanted, block.decay))
    nodes, terms = at_zero(block, over * seen)
    allowed = np.full(len(rule.nodes), _allowed(draws))
    columns = block.columns(each, _circles(block, nodes), allowed, from_zero=True)
    decay, places = block.decay[nodes.term, None], columns.places
    log_radius = nodes.log_radius[:, None]
    change = draws.change(log_radius, nodes.angles, np.expm1(-decay * places))
    at_once = -decay * draws.unit(log_radius, nodes.angles)[1]
    slope = np.where(places > 0, change / np.where(places > 0, places, 1.0), at_once)
    weights = columns.gathered(draws.units * each)
    lost = terms.lost(weights @ np.swapaxes(columns.of(slope), 1, 2))
    return np.asarray(lost[0] @ (over[nodes.term] * nodes.weight))


def _allowed(draws: Draws) -> float:
    """Return an error of logarithms that is that of their rounding."""
    return 2 * UNIT * (8 + draws.wanted)


def _circles(block: Block, nodes: Nodes) -> Circles:
    """Return the circles of nodes."""
    angle, radius = np.zeros(len(block.decay)), np.zeros(len(block.decay))
    np.maximum.at(angle, nodes.term, nodes.angle)
    radius[nodes.term] = nodes.log_radius
    return Circles(block.decay, radius, angle)

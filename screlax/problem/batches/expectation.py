"""The expected loss of an anchor over the rest of its batch, by generating functions.

With b_j embeddings of class j in the rest of the batch, V views, e_j = exp(M_cj − M_cc),

    E[ 1 log Y ],   Y = V b_c + V − 1 + Σ_{j≠c} V b_j e_j,   1 where the anchor has a positive,

1/Y and log Y are sums of exponentials (`exponential_sum`), the expectation of e^{−tY} is a
coefficient of a generating function (`draws`, `contour`). Gradient and Hessian use the same nodes,
so that they are those of the computed value. Rows, one for the anchors of each orbit, are evaluated
together, in blocks that fit in a cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...errors import InvalidInputError
from ...gram.rounding import UNIT
from ...types import Matrix, Vector
from .columns import Columns, Evaluate, fewest_columns
from .complex_numbers import expm1_of
from .contour import half_circle, saddle_points
from .draws import Array, Draws
from .exponential_sum import ExponentialSum, exponential_sum

_BLOCK = 4
"""Rows that are evaluated together: a cache holds them."""

_TESTED = slice(None, None, 5)
"""Nodes t at which interpolation is tested."""


@dataclass(frozen=True, eq=False)
class _Nodes:
    """Generating functions at the nodes (t_k, z_kl), divided by their value for all batches.

    Attributes
    ----------
    rule : ExponentialSum
    z, logs, factor : ndarray, shape (R, K, L)
        Where they are taken, the logarithm of what the classes contribute, and all the rest.
    drawn, log_factor : ndarray, shape (R, K, L, q)
        z y^κ at the columns, and φ of it.
    """

    rule: ExponentialSum
    z: Array
    logs: Array
    factor: Array
    drawn: Array
    log_factor: Array

    @cached_property
    def terms(self) -> Array:
        """Numbers whose real parts sum over l to E[1 e^{−t_k Y}], shape (R, K, L)."""
        return np.asarray(self.factor * np.exp(self.logs))

    def lost(self, change: Array) -> Matrix:
        """Return how much less that is where the logarithms change, shape (R, K)."""
        far = change.real > 0.5
        near = self.terms * expm1_of(np.where(far, 0.0, change))
        away = self.factor * np.exp(np.where(far, self.logs + change, -np.inf)) - self.terms
        return np.asarray(-np.where(far, away, near).real.sum(axis=2))


@dataclass(frozen=True, eq=False)
class Moments:
    """Softmax of every row in expectation, and its Hessian diag(softmax − diagonal) − B C Bᵀ.

    Attributes
    ----------
    softmax : ndarray, shape (R, m)
        ∂/∂M_cj = V e_j E[1 b_j/Y].
    diagonal, basis, core : ndarray, shapes (R, m), (R, m, q), (R, q, q)
        V² e_i e_j E[1 b_i b_j/Y²] = diagonal δ_ij + (B C Bᵀ)_ij: along δ_j = dM_cj − dM_cc the
        second derivative is Σ softmax_j δ_j² less the quadratic form of that.
    """

    softmax: Matrix
    diagonal: Matrix
    basis: list[Array]
    core: list[Array]

    def leading(self) -> Matrix:
        """Return φ of the best B C Bᵀ ≈ φ φᵀ of rank one, for each row, shape (R, m)."""
        found = []
        for basis, core in zip(self.basis, self.core, strict=True):
            values, vectors = np.linalg.eigh(core)
            scaled = vectors[:, :, -1] * np.sqrt(np.maximum(values[:, -1:], 0.0))
            found.append((basis @ scaled[..., None])[..., 0])
        return np.concatenate(found)

    def curvature(self, direction: Matrix) -> Matrix:
        """Return the Hessians applied to δ, shape (R, m)."""
        found = (self.softmax - self.diagonal) * direction
        first = 0
        for basis, core in zip(self.basis, self.core, strict=True):
            block = slice(first, first + len(basis))
            seen = np.swapaxes(basis, 1, 2) @ direction[block, :, None]
            found[block] -= (basis @ (core @ seen))[..., 0]
            first += len(basis)
        return found


class Expectation:
    """The expected losses of the anchors of every orbit as functions of e.

    Parameters
    ----------
    draws : Draws
        Of R rows.
    views : int
    """

    def __init__(self, draws: Draws, views: int) -> None:
        self.draws, self.views = draws, views
        self._least_columns = 0

    @property
    def has_positives(self) -> NDArray[np.bool_]:
        """Whether anchors of each row ever have a positive, shape (R,)."""
        within = self.draws.own_units + self.draws.own_fixed
        return np.asarray((within > 0) | (self.views > 1))

    @cached_property
    def error(self) -> float:
        """Largest relative error of values and derivatives; sums of fifty digits find two thirds.

        Units drawn independently have the odds as a factor each, which the normaliser takes out.
        """
        draws = self.draws
        factor = 1.0 if draws.degree is not None else 1 + float(np.log1p(draws.odds))
        return UNIT * (200 + 32 * factor * float(draws.mean_units.max()))

    @cached_property
    def floor(self) -> Vector:
        """E[1 log(V b_c + V − 1)], the loss where e is zero, shape (R,)."""
        return np.concatenate([block._floors() for block in self._split])

    @cached_property
    def floor_error(self) -> Vector:
        """Largest error of each floor, shape (R,).

        One of several numbers of positives is a difference of numbers as large as their chance.
        """
        chance = np.concatenate([block._chance for block in self._split])
        lost = np.where(self._has_one_floor, 0.0, chance)
        return np.asarray(self.error * (np.abs(self.floor) + lost))

    def excess(self, e: Matrix) -> Vector:
        """Return the losses less their floor, accurate also where they are tiny, shape (R,)."""
        found = np.concatenate([b._excesses(e[rows]) for rows, b in self._blocks_of()])
        return np.asarray(self._room * found)

    def softmax(self, e: Matrix) -> Matrix:
        """Return the softmax of `moments` alone, shape (R, m)."""
        found = np.concatenate([b._softmaxes(e[rows]) for rows, b in self._blocks_of()])
        return np.asarray(self._room[:, None] * found)

    def moments(self, e: Matrix) -> Moments:
        """Return softmax and Hessians at e (R, m)."""
        parts = [block._moments(e[rows]) for rows, block in self._blocks_of()]
        softmax, diagonal, basis, core = zip(*parts, strict=True)
        room = self._room[:, None]
        scaled = [b._room[:, None, None] * of for b, of in zip(self._split, basis, strict=True)]
        every = room * np.concatenate(softmax), room * np.concatenate(diagonal)
        return Moments(*every, scaled, list(core))

    def _blocks_of(self) -> Iterator[tuple[slice, Expectation]]:
        for index, block in enumerate(self._split):
            yield slice(index * _BLOCK, (index + 1) * _BLOCK), block

    @cached_property
    def _split(self) -> list[Expectation]:
        """The rows in blocks."""
        firsts = range(0, len(self.draws.units), _BLOCK)
        rows = [self.draws.rows(slice(first, first + _BLOCK)) for first in firsts]
        return [Expectation(draws, self.views) for draws in rows]

    def _floors(self) -> Vector:
        one = np.zeros((len(self.draws.units), 1))
        rule, least = self._rule(one, one), self._least(0.0)
        nodes = self._nodes(Columns(one), rule, self.draws.units.sum(axis=1, keepdims=True))
        at_least = np.exp(-least[:, None] * rule.nodes)
        lost = self._chance[:, None] * at_least - nodes.terms.real.sum(axis=2)
        more = np.where(self._has_one_floor, 0.0, lost @ (rule.weights / rule.nodes))
        return np.asarray(self._chance * np.log(least) + more)

    @property
    def _room(self) -> Vector:
        """Zero where a positive takes all the room that there is beside an anchor, else one, (R,).

        No negative is met there, which a sum over a contour finds only up to rounding.
        """
        is_full = (self.draws.own_fixed == 0) & (self.draws.degree == 1) & (self.views == 1)
        return np.where(is_full, 0.0, 1.0)

    @property
    def _has_one_floor(self) -> NDArray[np.bool_]:
        """Whether batches with a positive all have equally many, shape (R,)."""
        draws, views = self.draws, self.views
        most = np.where(draws.own_units > 0, draws.most_units, 0.0)
        if not draws.replaced:
            most = np.minimum(most, draws.own_units)
        return np.asarray(most <= (views * draws.own_fixed + views == 1))

    @cached_property
    def _chance(self) -> Vector:
        """Probability of a positive, shape (R,)."""
        everything = self.draws.units.sum(axis=1, keepdims=True)
        start = ExponentialSum(np.zeros(1), np.ones(1))
        nodes = self._nodes(Columns(np.zeros_like(everything)), start, everything)
        return np.asarray(nodes.terms.real.sum(axis=(1, 2)))

    def _excesses(self, e: Matrix) -> Vector:
        draws, each = self.draws, self.draws.samples_each * e
        zero, units = np.zeros((len(e), 1)), draws.units
        rule = self._rule(zero, each)
        at_zero = self._nodes(Columns(zero), rule, units.sum(axis=1, keepdims=True))

        def change_at(places: Matrix, some: slice = slice(None)) -> Array:
            decay = rule.nodes[some, None, None] * (self.views * places[:, None, None, :])
            return draws.change_of_log_factor(at_zero.z[:, some, :, None], np.expm1(-decay))

        def evaluated(columns: Columns) -> tuple[Array, Callable[[Matrix], Array], Array]:
            last[:] = [change_at(columns.places)]
            terms = at_zero.terms[:, _TESTED]
            return last[0][:, _TESTED], lambda places: change_at(places, _TESTED), terms

        last: list[Array] = []
        columns = self._columns(each, evaluated)
        is_last = last and last[0].shape[3] == columns.places.shape[1]
        change = last[0] if is_last else change_at(columns.places)
        change = (change @ columns.gathered(units)[:, None, :, None])[..., 0]
        return np.asarray(at_zero.lost(change) @ (rule.weights / rule.nodes))

    def _columns(self, each: Matrix, evaluated: Evaluate) -> Columns:
        """Return the fewest columns, beginning with as many as were right the last time."""
        size = float(self.draws.mean_units.max())
        columns = fewest_columns(each, self.draws.units, size, evaluated, self._least_columns)
        self._least_columns = 0 if columns.basis is None else columns.places.shape[1]
        return columns

    def _softmaxes(self, e: Matrix) -> Matrix:
        nodes, columns = self._at(e)
        weighted = nodes.terms * nodes.rule.weights[:, None]
        found = _summed(weighted, self.draws.mean(nodes.drawn))
        return np.asarray(self._count(e) * columns.spread(found))

    def _moments(self, e: Matrix) -> tuple[Matrix, Matrix, Array, Array]:
        draws, count, (nodes, columns) = self.draws, self._count(e), self._at(e)
        mean = draws.mean(nodes.drawn)
        weighted = nodes.terms * nodes.rule.weights[:, None]
        softmax = count * columns.spread(_summed(weighted, mean))
        weighted = weighted * nodes.rule.nodes[:, None]
        flat = mean.reshape(len(e), -1, mean.shape[3])
        scaled = weighted.reshape(len(e), -1, 1) * flat
        core = (np.swapaxes(scaled, 1, 2) @ flat).real
        kernel = _summed(weighted, mean)
        if not draws.replaced:  # the derivative of the mean is mean − mean²
            kernel = kernel - np.diagonal(core, axis1=1, axis2=2)
        diagonal = count * self.views * draws.samples_each * e * columns.spread(kernel)
        return softmax, diagonal, columns.scaled_basis(count), core

    def _count(self, e: Matrix) -> Matrix:
        """Return ∂Y of drawing every unit of each orbit, shape (R, m)."""
        return np.asarray(self.draws.units * self.views * self.draws.samples_each * e)

    def _at(self, e: Matrix) -> tuple[_Nodes, Columns]:
        """Evaluate the generating functions for gradient and Hessian."""
        draws, views = self.draws, self.views
        each = draws.samples_each * e
        rule = self._rule(each, each)
        last: list[_Nodes] = []

        def evaluated(columns: Columns) -> tuple[Array, Callable[[Matrix], Array], Array]:
            nodes = self._nodes(columns, rule)
            last[:] = [nodes]

            def log_factor_at(places: Matrix) -> Array:
                decay = rule.nodes[_TESTED, None, None] * (views * places[:, None, None, :])
                return draws.log_factor(nodes.z[:, _TESTED, :, None] * np.exp(-decay))

            return nodes.log_factor[:, _TESTED], log_factor_at, nodes.terms[:, _TESTED]

        columns = self._columns(each, evaluated)
        is_last = last and last[0].drawn.shape[3] == columns.places.shape[1]
        return last[0] if is_last else self._nodes(columns, rule), columns

    def _least(self, e: float) -> Vector:
        """Return the smallest Y of a batch with a positive, all others having at least e, (R,)."""
        draws, views = self.draws, self.views
        own = views * draws.own_fixed + views - 1
        missing = own == 0
        others = draws.most_units if draws.degree is not None else np.zeros(len(own))
        rest = np.maximum(0.0, others - missing)
        return np.asarray(np.where(missing, 1.0, own) + rest * views * min(e, 1.0))

    def _rule(self, least: Matrix, each: Matrix) -> ExponentialSum:
        """Return a rule for every Y that can occur from `least` to e."""
        most = self.views * np.maximum(each.max(axis=1, initial=0.0), 1.0)
        top = self.views * (self.draws.own_fixed + 1) + self.draws.most_units * most
        if not np.isfinite(top).all():
            raise InvalidInputError(
                "the expected loss of batches is known where inner products of class means are at "
                "most about 700 τ above squared norms, and here they are further; normalise the "
                "embeddings, or take a higher temperature"
            )
        low = self._least(float(least.min()))
        return exponential_sum(float(low.min()), float(top.max()))

    def _nodes(self, columns: Columns, rule: ExponentialSum, units: Matrix | None = None) -> _Nodes:
        """Evaluate the generating functions at every node; `units` are those at the columns."""
        draws, views, t = self.draws, self.views, rule.nodes
        units = columns.gathered(draws.units) if units is None else units
        own, rows = np.exp(-t * views), len(units)
        fixed = np.exp(-t * (views * draws.own_fixed[:, None] + views - 1))
        drawn = np.exp(-t[:, None] * views * columns.places[:, None, :])
        if draws.degree is None:
            z, weights = np.full((rows, len(t), 1), draws.odds), np.ones(1)
            power: Array = np.zeros((rows, len(t), 1))
        else:
            log_radius = saddle_points(draws, units, drawn, own)
            at, weight = np.exp(log_radius), units[:, :, None]
            variance = (draws.variance_kernel(draws.mean(at[..., None] * drawn)) @ weight)[..., 0]
            inside = draws.own_units[:, None] * draws.variance_kernel(draws.mean(at * own))
            most, least = float((variance + inside).max()), float(variance.min())
            angles, weights = half_circle(draws, most, least)
            z = at[..., None] * np.exp(1j * angles)
            power = draws.degree * (log_radius[..., None] + 1j * angles)
        products = z[..., None] * drawn[:, :, None, :]
        log_factor = draws.log_factor(products)
        logs = (log_factor @ units[:, None, :, None])[..., 0] - power
        log_own, factor = draws.own(z * own[:, None], needed=views == 1)
        logs = logs + log_own - self._log_normalizer[:, None, None]
        return _Nodes(rule, z, logs, weights * factor * fixed[..., None], products, log_factor)

    @cached_property
    def _log_normalizer(self) -> Vector:
        """Log of the same sums over all batches, which cancels errors that both have, (R,)."""
        draws = self.draws
        everything = draws.everything
        if draws.degree is None:
            return np.asarray(everything * np.log1p(draws.odds))
        rows = len(everything)
        log_radius = saddle_points(
            draws, draws.units, np.ones((rows, 1, draws.units.shape[1])), np.ones(1)
        )[:, 0]
        variance = everything * draws.variance_kernel(draws.mean(np.exp(log_radius)))
        angles, weights = half_circle(draws, float(variance.max()), float(variance.min()))
        log_z = log_radius[:, None] + 1j * angles
        logs = everything[:, None] * draws.log_factor(np.exp(log_z)) - draws.degree * log_z
        peak = logs.real.max(axis=1)
        return np.asarray(peak + np.log((np.exp(logs - peak[:, None]) @ weights).real))


def _summed(weights: Array, values: Array) -> Matrix:
    """Return the real sums over nodes of values (R, K, L, q) by weights (R, K, L): (R, q)."""
    rows, columns = len(weights), values.shape[3]
    flat = weights.reshape(rows, 1, -1) @ values.reshape(rows, -1, columns)
    return np.asarray(flat[:, 0].real)

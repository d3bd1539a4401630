"""The expected loss of an anchor over the rest of its batch, by generating functions.

With b_j embeddings of class j in the rest of the batch, V views, e_j = exp(M_cj − M_cc),

    E[ 1 log Y ],   Y = V b_c + V − 1 + Σ_{j≠c} V b_j e_j,   1 where the anchor has a positive,

1/Y and log Y are sums of exponentials (`exponential_sum`), the expectation of e^{−tY} is a
coefficient of a generating function (`draws`, `contour`). Gradient and Hessian use the same nodes,
so that they are those of the computed value.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...gram.rounding import UNIT
from ...types import Matrix, Vector
from .columns import Columns, fewest_columns
from .complex_numbers import expm1_of
from .contour import half_circle, saddle_points
from .draws import Draw
from .exponential_sum import ExponentialSum, exponential_sum


@dataclass(frozen=True, eq=False)
class _Nodes:
    """The generating function at the nodes (t_k, z_kl), divided by its value for all batches.

    Attributes
    ----------
    rule : ExponentialSum
    z : ndarray, shape (K, L)
    logs, factor : ndarray, shape (K, L)
        Logarithm of what the classes but the own contribute, and all the rest.
    drawn : ndarray, shape (K, L, q)
        z y^κ at the columns.
    """

    rule: ExponentialSum
    z: Matrix
    logs: Matrix
    factor: Matrix
    drawn: Matrix

    @cached_property
    def terms(self) -> Matrix:
        """Numbers whose real parts sum over l to E[1 e^{−t_k Y}], shape (K, L)."""
        return np.asarray(self.factor * np.exp(self.logs))

    def lost(self, change: Matrix) -> Vector:
        """Return how much less that is where the logarithms change, shape (K,)."""
        far = change.real > 0.5
        near = self.terms * expm1_of(np.where(far, 0.0, change))
        away = self.factor * np.exp(np.where(far, self.logs + change, -np.inf)) - self.terms
        return np.asarray(-np.where(far, away, near).real.sum(axis=1))


@dataclass(frozen=True, eq=False)
class RowMoments:
    """Softmax of a row in expectation, and its Hessian diag(softmax − diagonal) − B C Bᵀ.

    Attributes
    ----------
    softmax : ndarray, shape (m,)
        ∂/∂M_cj = V e_j E[1 b_j/Y].
    diagonal, basis, core : ndarray, shapes (m,), (m, q), (q, q)
        V² e_i e_j E[1 b_i b_j/Y²] = diagonal δ_ij + (B C Bᵀ)_ij: along δ_j = dM_cj − dM_cc the
        second derivative is Σ softmax_j δ_j² less the quadratic form of that.
    """

    softmax: Vector
    diagonal: Vector
    basis: Matrix
    core: Matrix

    def curvature(self, direction: Vector) -> Vector:
        """Return the Hessian applied to δ, shape (m,)."""
        lowered = self.basis @ (self.core @ (self.basis.T @ direction))
        return np.asarray((self.softmax - self.diagonal) * direction - lowered)


class ExpectedRow:
    """The expected loss of the anchors of one class as a function of e.

    Parameters
    ----------
    draw : Draw
    views : int
    """

    def __init__(self, draw: Draw, views: int) -> None:
        self.draw, self.views = draw, views

    @property
    def is_empty(self) -> bool:
        """Whether the anchor never has a positive."""
        return self.views == 1 and self.draw.own_units == 0 and self.draw.own_fixed == 0

    @cached_property
    def size(self) -> float:
        """Mean number of units that are drawn, which is the size of logarithms that are summed."""
        draw = self.draw
        if draw.degree is not None:
            return draw.degree
        return (float(draw.units.sum()) + draw.own_units) * draw.odds / (1 + draw.odds)

    @property
    def error(self) -> float:
        """Largest relative error of values and derivatives; sums of fifty digits find a third."""
        return UNIT * (200 + 32 * self.size)

    @cached_property
    def floor(self) -> float:
        """E[1 log(V b_c + V − 1)], the loss where e is zero."""
        zero = np.zeros(len(self.draw.units))
        nodes = self._nodes(Columns(zero), self._rule(zero, zero))
        rule, least = nodes.rule, self._least(0.0)
        lost = self._has_positive * np.exp(-rule.nodes * least) - nodes.terms.real.sum(axis=1)
        return self._has_positive * math.log(least) + float(rule.weights / rule.nodes @ lost)

    @cached_property
    def _has_positive(self) -> float:
        """Probability of a positive."""
        if self.views > 1 or self.draw.own_fixed:
            return 1.0
        zero, start = np.zeros(len(self.draw.units)), np.zeros(1)
        nodes = self._nodes(Columns(zero), ExponentialSum(start, np.ones(1), 0.0))
        return float(nodes.terms.real.sum())

    def excess(self, e: Vector) -> float:
        """Return the loss less its floor, accurate also where it is tiny."""
        each = self.draw.samples_each * e
        rule = self._rule(np.zeros(1), each)
        at_zero = self._nodes(Columns(np.zeros(1)), rule, self.draw.units.sum())

        def change_at(places: Vector) -> Matrix:
            growth = np.expm1(-rule.nodes[:, None, None] * self.views * places)
            return self.draw.change_of_log_factor(at_zero.z[:, :, None], growth)

        units, terms = self.draw.units, at_zero.terms
        columns = fewest_columns(each, units, self.size, lambda _: (change_at, terms))
        change = change_at(columns.places) @ columns.gathered(units)
        return float(rule.weights / rule.nodes @ at_zero.lost(change))

    def softmax(self, e: Vector) -> Vector:
        """Return the softmax of `RowMoments` alone, shape (m,)."""
        nodes, columns = self._at(e)
        weighted = nodes.terms * nodes.rule.weights[:, None]
        found = np.einsum("kl,klq->q", weighted, self.draw.mean(nodes.drawn)).real
        return np.asarray(self._count(e) * columns.spread(found))

    def _count(self, e: Vector) -> Vector:
        """Return ∂Y of drawing every unit of each orbit, shape (m,)."""
        return np.asarray(self.draw.units * self.views * self.draw.samples_each * e)

    def _at(self, e: Vector) -> tuple[_Nodes, Columns]:
        """Evaluate the generating function for gradient and Hessian."""
        draw, views = self.draw, self.views
        each = draw.samples_each * e
        rule = self._rule(each, each)

        def evaluated(columns: Columns) -> tuple[Callable[[Vector], Matrix], Matrix]:
            nodes = self._nodes(columns, rule)

            def log_factor_at(places: Vector) -> Matrix:
                decay = np.exp(-rule.nodes[:, None, None] * views * places)
                return draw.log_factor(nodes.z[:, :, None] * decay)

            return log_factor_at, nodes.terms

        columns = fewest_columns(each, draw.units, self.size, evaluated)
        return self._nodes(columns, rule), columns

    def moments(self, e: Vector) -> RowMoments:
        """Return softmax and Hessian at e."""
        draw, count, (nodes, columns) = self.draw, self._count(e), self._at(e)
        mean = draw.mean(nodes.drawn)
        weighted = nodes.terms * nodes.rule.weights[:, None]
        softmax = count * columns.spread(np.einsum("kl,klq->q", weighted, mean).real)
        weighted = weighted * nodes.rule.nodes[:, None]
        flat = mean.reshape(-1, mean.shape[2])
        core = ((weighted.reshape(-1, 1) * flat).T @ flat).real
        kernel = np.einsum("kl,klq->q", weighted, draw.variance_kernel(mean)).real
        diagonal = count * self.views * draw.samples_each * e * columns.spread(kernel)
        return RowMoments(softmax, diagonal, columns.scaled_basis(count), core)

    def _least(self, e: float) -> float:
        """Return the smallest Y of a batch with a positive, all others having at least e."""
        draw, views = self.draw, self.views
        own = views * draw.own_fixed + views - 1
        if own == 0:
            own = 1.0
        others = draw.most_units if draw.degree is not None else 0.0
        rest = max(0.0, others - (1 if views == 1 and draw.own_fixed == 0 else 0))
        return own + rest * views * min(e, 1.0)

    def _rule(self, least: Vector, each: Vector) -> ExponentialSum:
        """Return a rule for every Y that can occur from `least` to e."""
        most = self.views * max(float(each.max(initial=0.0)), 1.0)
        top = self.views * (self.draw.own_fixed + 1) + self.draw.most_units * most
        return exponential_sum(self._least(float(least.min())), top)

    def _nodes(
        self, columns: Columns, rule: ExponentialSum, everything: float | None = None
    ) -> _Nodes:
        """Evaluate the generating function at every node; `everything` are units of one column."""
        draw, views, t = self.draw, self.views, rule.nodes
        units = columns.gathered(draw.units) if everything is None else np.array([everything])
        own = np.exp(-t * views)
        fixed = np.exp(-t * (views * draw.own_fixed + views - 1))
        drawn = np.exp(-t[:, None] * views * columns.places)
        if draw.degree is None:
            z, contour = np.full((len(t), 1), draw.odds), np.ones((len(t), 1))
            power: Matrix = np.zeros((len(t), 1))
        else:
            log_radius = saddle_points(draw, units, drawn, own)
            at = np.exp(log_radius)[:, None]
            variance = draw.variance_kernel(draw.mean(at * drawn)) @ units
            inside = draw.own_units * draw.variance_kernel(draw.mean(at[:, 0] * own))
            angles, weights = half_circle(
                float((variance + inside).max()), float(variance.min()), draw
            )
            z, contour = at * np.exp(1j * angles), np.broadcast_to(weights, (len(t), len(angles)))
            power = draw.degree * (log_radius[:, None] + 1j * angles)
        products = z[:, :, None] * drawn[:, None, :]
        logs = draw.log_factor(products) @ units - power - self._log_normalizer
        log_own, factor = draw.own(z * own[:, None], needed=views == 1)
        return _Nodes(rule, z, logs + log_own, contour * factor * fixed[:, None], products)

    @cached_property
    def _log_normalizer(self) -> float:
        """Log of the same sum over all batches, which cancels the errors that both have."""
        draw = self.draw
        total = draw.units.sum() + draw.own_units
        if draw.degree is None:
            return float(total * np.log1p(draw.odds))
        log_radius = saddle_points(draw, draw.units, np.ones((1, len(draw.units))), np.ones(1))
        at = np.exp(log_radius)[:, None]
        variance = total * float(draw.variance_kernel(draw.mean(at))[0, 0])
        angles, weights = half_circle(variance, variance, draw)
        z = at * np.exp(1j * angles)
        logs = total * draw.log_factor(z) - draw.degree * (log_radius[:, None] + 1j * angles)
        peak = float(logs.real.max())
        return peak + math.log(float((weights * np.exp(logs - peak)).real.sum()))

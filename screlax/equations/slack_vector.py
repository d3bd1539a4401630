"""The slack-vector equations: the whole semidefinite program in 2m numbers.

Where the dual slack has rank one, S = v vᵀ with v > 0, the optimality conditions determine the
Gram matrix from v and the row normalisers. For the losses of `ClassSoftmax`, with anchor mass a,
own weight o, pair weight u and r embeddings a class (τ = 1, κ the number of classes of an orbit),
let Z be u/a times the sum of a row's exponentials, w = o u/a, β = log Z and g = log(v √Z / u), the
*centre*. SC has a = u = r = s, the class size, and w = s − 1. Then

    pair_gh = g_g + g_h − log cosh((β_g − β_h)/2),     own by the control:
    ridge          own = log( p Z/w ),  p = 1 − λr/(2a) + v²/a
    ball, sphere   own = ρ,             p = w e^{ρ−β}

and the unknowns (log v, β) solve, for every orbit,

    (E1) ridge          2 v_g Σ_h κ_h v_h Z_h/(Z_g+Z_h) = λ r_g/2
         ball, sphere   p_g + (2 v_g/a_g) Σ_h κ_h v_h Z_h/(Z_g+Z_h) − v_g²/a_g = 1
                        (the sums run over all classes, a class's own term is v_g/2)
    (E2) own_g v_g + Σ pair_gh v_h over all other classes = 0,     that is, G v = 0.

Budget is ridge with log λ one more unknown and Σ κ r own = ρ Σ κ r one more equation.

*Why a root is an optimum.* −log cosh((β_g−β_h)/2) = −log(Z_g+Z_h) + separable terms is
conditionally positive definite, since log(a) = ∫ (e^{−t} − e^{−ta}) dt/t. Hence G is positive
semidefinite on the complement of the vector of ones as soon as the spreads own_g − pair_gg are
nonnegative, and with G v = 0, v > 0, on the whole space. For ridge with o ≤ u and λ r ≤ 2a they
always are, since own − pair_gg = log(p a u/(o v²)) and p ≥ v²/a, so that every root is the optimum
and the slack has rank one (for SC that is λ ≤ 2, and up to λ_max = 2n/(n−1), just above 2, the
certificate checks it). Beyond that, and on a ball or sphere, a spread can come out negative. The
root may then be right or wrong, as the dense certificate tells; where classes collapse onto each
other it is wrong, and another method takes over.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..gram.kernels import EXACT, Array, Interpolation, Kernels, weighted
from ..problem.constraints.norm_control import NormControl
from ..problem.losses.class_rows import ClassTerms
from ..problem.ufm import UFM
from .linear import StructuredJacobian

ROUGH = 1e-6
"""Interpolation error of kernels that does not show in steps of a hundredth and more."""


@dataclass(frozen=True, eq=False)
class State:
    """Unknowns of a batch of problems.

    Attributes
    ----------
    log_slack : ndarray, shape (B, m)
        log v.
    log_normalizer : ndarray, shape (B, m)
        β = log Z.
    log_strength : ndarray, shape (B,)
        log λ; an unknown for budget, given for ridge, unused for ball and sphere.
    """

    log_slack: Array
    log_normalizer: Array
    log_strength: Array

    def pick(self, index: Array | slice) -> State:
        """Return some of the problems of the batch."""
        return State(self.log_slack[index], self.log_normalizer[index], self.log_strength[index])


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over all classes at a state, each (B, m) unless said otherwise.

    Attributes
    ----------
    slack, centre : ndarray
        v divided by its largest entry, as in all sums here, and g.
    log_peak : ndarray, shape (B, 1)
        Logarithm of that largest entry, which is below the range of doubles where ρ/τ is large.
    peak : ndarray, shape (B, 1)
        Square of that entry: the unit of products of two.
    total : ndarray, shape (B, 1)
        V = Σ κ v.
    share : ndarray
        Σ v_c' Z_c'/(Z_c+Z_c') over the *other* classes c' ≠ c of a class c of orbit g.
    product : ndarray
        Σ v_c' pair_cc' over the other classes.
    interpolation, kernels
        What the sums were made with.
    accuracy : float
        Interpolation error of the kernels, relative to them.
    """

    slack: Array
    centre: Array
    log_peak: Array
    peak: Array
    total: Array
    share: Array
    product: Array
    interpolation: Interpolation
    kernels: Kernels
    accuracy: float


class SlackVectorEquations:
    """Residuals and Jacobians of the equations above for a batch of parameters.

    Parameters
    ----------
    terms : ClassTerms
        a, o, u and r of the classes of each orbit, a and u positive; o positive unless the control
        is a ball or a sphere.
    copies : ndarray, shape (m,)
        Number κ of classes of each orbit.
    control : NormControl
        At unit temperature; its parameter is replaced by `parameters`.
    parameters : ndarray, shape (B,)
        λ for ridge, ρ for the others, one per problem of the batch.
    """

    def __init__(
        self, terms: ClassTerms, copies: Array, control: NormControl, parameters: Array
    ) -> None:
        self.terms = terms
        self.anchors, self.pair, self.embeddings = terms.anchors, terms.pair, terms.embeddings
        self.copies = np.asarray(copies, dtype=float)
        self.control = control
        self.parameters = np.asarray(parameters, dtype=float)
        self.weight = terms.own * (self.pair / self.anchors)  # w
        with np.errstate(divide="ignore"):  # none on itself where there is no own weight
            self._log_weight = np.log(self.weight)
        self.mass = self.embeddings * self.copies
        self.total_mass = float(self.mass.sum())
        self._mass_per_anchor = self.embeddings / self.anchors
        self.has_own = bool((terms.own > 0).all())
        self.is_penalty = not control.fixes_norms
        self.is_budget = not (control.fixes_norms or control.is_penalty)

    def at(self, parameters: Array) -> SlackVectorEquations:
        """Return the same equations for other parameters, shape (B,)."""
        others = copy.copy(self)
        others.parameters = np.asarray(parameters, dtype=float)
        return others

    @cached_property
    def infimum(self) -> float:
        """`UFM.infimum`."""
        return self.terms.floor(self.copies)

    @cached_property
    def others(self) -> Array:
        """Sum of the pair weights of all other classes, shape (m,)."""
        return self.terms.others(self.copies)

    @cached_property
    def _other_classes(self) -> Array:
        """How many classes of each orbit there are beside one of another, shape (m, m)."""
        return np.asarray(self.copies - np.eye(len(self.copies)))

    def moments(self, state: State, accuracy: float = EXACT) -> Moments:
        """Return the sums that residuals, Jacobian and certificate are made of."""
        beta = state.log_normalizer
        log_peak = state.log_slack.max(axis=1, keepdims=True)
        slack = np.exp(state.log_slack - log_peak)
        weight = self.copies * slack
        centre = state.log_slack - np.log(self.pair) + beta / 2
        interpolation = Interpolation.of(beta, accuracy)
        kernels = Kernels.between(interpolation.nodes, beta)
        total = weight.sum(axis=1, keepdims=True)
        share, product = self.sums_over_others(slack, centre, interpolation, kernels)
        peak = np.exp(2 * log_peak)
        return Moments(
            slack, centre, log_peak, peak, total, share, product, interpolation, kernels, accuracy
        )

    def sums_over_others(
        self, slack: Array, centre: Array, interpolation: Interpolation, kernels: Kernels
    ) -> tuple[Array, Array]:
        """Return `share` and `product`; without cancellation where the sums are exact."""
        share = self.share_of_others(slack, interpolation, kernels)
        if interpolation.matrix is None:
            pair = centre[:, :, None] + centre[:, None, :] - kernels.bend
            return share, weighted(self._other_classes * pair, slack)
        weight = self.copies * slack
        total = weight.sum(axis=1, keepdims=True)
        bend = interpolation.extend(weighted(kernels.bend, weight))
        product = centre * total + (weight * centre).sum(axis=1, keepdims=True) - bend
        return share, product - 2 * centre * slack

    def share_of_others(
        self, slack: Array, interpolation: Interpolation, kernels: Kernels
    ) -> Array:
        """Return `share` alone.

        With few classes one of them may outweigh all others by many orders of magnitude, so that
        subtracting its own term from a sum over all would leave nothing of the others.
        """
        if interpolation.matrix is None:
            return weighted(self._other_classes * kernels.logistic, slack)
        return interpolation.extend(weighted(kernels.logistic, self.copies * slack)) - slack / 2

    def outside(self, moments: Moments) -> Array:
        """Return Σ p_cc' over all other classes, from v and Z alone, shape (B, m)."""
        return np.asarray(2 * moments.peak * moments.slack * moments.share / self.anchors)

    def own(self, state: State, moments: Moments) -> tuple[Array, Array]:
        """Return own and p (the softmax weight of a class on itself), each (B, m)."""
        beta = state.log_normalizer
        if self.is_penalty:
            strength = np.exp(state.log_strength)[:, None]
            on_itself = 1 - strength / 2 * self._mass_per_anchor
            on_itself = on_itself + moments.peak * moments.slack**2 / self.anchors
            return np.log(on_itself) + beta - self._log_weight, on_itself
        own = np.broadcast_to(self.parameters[:, None], beta.shape)
        return own, np.exp(self._log_weight + own - beta)

    def residuals(self, state: State, moments: Moments) -> tuple[Array, Array]:
        """Return the residuals (B, 2, m) of (E1) in logarithms and (E2) over V, and own."""
        slack = moments.slack
        own, on_itself = self.own(state, moments)
        if self.is_penalty:
            wanted = state.log_strength[:, None] + np.log(self.embeddings / 2) - moments.log_peak
            first = state.log_slack + np.log(slack + 2 * moments.share) - wanted
        else:
            first = np.log(on_itself + self.outside(moments))
        second = (slack * own + moments.product) / moments.total
        return np.stack([first, second], axis=1), own

    def jacobian(
        self, state: State, moments: Moments, *, exact: bool = False
    ) -> StructuredJacobian:
        """Return the Jacobian of `residuals` by (log v, β), the factor v/V of (E2) held fixed.

        Unless `exact`, its kernels are interpolated to `ROUGH` only: Newton then gains that many
        digits a step at most, and a step costs a fraction.
        """
        slack, total, beta = moments.slack, moments.total, state.log_normalizer
        weight = self.copies * slack
        nodes, kernels = moments.interpolation, moments.kernels
        if moments.accuracy != (wanted := EXACT if exact else ROUGH):
            nodes = Interpolation.of(beta, wanted)
            kernels = Kernels.between(nodes.nodes, beta)
        variance = kernels.logistic * (1 - kernels.logistic)
        mass_flow = nodes.extend(weighted(variance, weight))
        tilt = total - 2 * nodes.extend(weighted(kernels.logistic, weight))
        by_slack, by_normalizer, factor, own_by_slack, own_by_normalizer = self._row_terms(
            state, moments
        )
        relative = slack / total
        blocks = np.empty((len(slack), 2, 2, slack.shape[1]))
        blocks[:, 0, 0] = by_slack
        blocks[:, 0, 1] = by_normalizer - factor * mass_flow
        blocks[:, 1, 0] = relative * (own_by_slack - 2 * moments.centre - 2) + 1
        blocks[:, 1, 0] -= moments.product / total
        blocks[:, 1, 1] = relative * (own_by_normalizer - 1) + (1 - tilt / total) / 2
        left = self._left(moments, nodes, factor)
        right = self._right(moments, kernels, variance, weight)
        return StructuredJacobian(blocks, left, right)

    def _row_terms(self, state: State, moments: Moments) -> tuple[Array, ...]:
        """Return the derivatives that stay within a row, and the factor of the sums in (E1)."""
        slack = moments.slack
        _, on_itself = self.own(state, moments)
        zero, one = np.zeros_like(slack), np.ones_like(slack)
        per_sample = moments.peak * slack / self.anchors
        if self.is_penalty:
            factor = 2 / (slack + 2 * moments.share)
            return one, zero, factor, 2 * per_sample * slack / on_itself, one
        total = on_itself + self.outside(moments)
        by_slack = per_sample * (2 * moments.share - slack) / total
        return by_slack, -on_itself / total, 2 * per_sample / total, zero, zero

    def _left(self, moments: Moments, nodes: Interpolation, factor: Array) -> Array:
        """Return U, shape (B, 2, m, 2q + 1): from nodes to rows."""
        batch, cells = moments.slack.shape
        basis = np.eye(cells)[None] if nodes.matrix is None else nodes.matrix
        count = basis.shape[2]
        left = np.zeros((batch, 2, cells, 2 * count + 1))
        left[:, 0, :, :count] = factor[:, :, None] * basis
        left[:, 1, :, count:-1] = basis
        left[:, 1, :, -1] = moments.centre
        return left

    def _right(self, moments: Moments, kernels: Kernels, variance: Array, weight: Array) -> Array:
        """Return C, shape (B, 2q + 1, 2, m): how every orbit moves the sums at the nodes."""
        batch, count, cells = variance.shape
        column, relative = weight[:, None, :], (weight / moments.total)[:, None, :]
        right = np.empty((batch, 2 * count + 1, 2, cells))
        right[:, :count, 0] = kernels.logistic * column
        right[:, :count, 1] = variance * column
        right[:, count:-1, 0] = relative * (1 + moments.centre[:, None, :] - kernels.bend)
        right[:, count:-1, 1] = relative * (1 - kernels.logistic)
        right[:, -1, 0] = relative[:, 0]
        right[:, -1, 1] = 0.0
        return right

    def by_parameter(self, state: State, moments: Moments) -> tuple[Array, Array]:
        """Return the derivatives of the residuals (B, 2, m) and of own by log λ (by ρ else)."""
        own, on_itself = self.own(state, moments)
        relative = moments.slack / moments.total
        if self.is_penalty:
            own_moves = -np.exp(state.log_strength)[:, None] / 2 * self._mass_per_anchor / on_itself
            first = -np.ones_like(own)
        else:
            own_moves = np.ones_like(own)
            first = on_itself / (on_itself + self.outside(moments))
        return np.stack([first, relative * own_moves], axis=1), own_moves

    def by_terms(self, state: State, moments: Moments, slopes: ClassTerms) -> tuple[Array, Array]:
        """Return derivatives at fixed (log v, β): residuals (1, 2, m, m), own (m, m).

        For a single problem (B = 1). Column h is by a number on which the terms of the classes of
        orbit h depend, with derivatives `slopes`. The centres g = log v − log u + β/2 move too.
        """
        slack, anchors = moments.slack[0], self.anchors
        own, on_itself = (part[0] for part in self.own(state, moments))
        weight = self.copies * slack
        total = float(moments.total[0, 0])
        by_pair, by_anchors = slopes.pair / self.pair, slopes.anchors / anchors
        leave = by_pair - by_anchors  # of log(u/a)
        if self.is_penalty:
            by_mass = slopes.embeddings / self.embeddings
            first = -by_mass
            half = np.exp(state.log_strength[0]) / 2 * self._mass_per_anchor
            moved = (
                half * (by_anchors - by_mass) - moments.peak[0] * slack**2 / anchors * by_anchors
            )
            own_moves = moved / on_itself - slopes.own / self.terms.own - leave
        else:
            outside = self.outside(moments)[0]
            by_own = slopes.own * (self.pair / anchors) + self.weight * leave
            first = by_own * np.exp(own - state.log_normalizer[0]) - outside * by_anchors
            first = first / (on_itself + outside)
            own_moves = np.zeros_like(slack)
        # the sum over the other classes: each pair_gh loses what log u_g and log u_h gain
        moved = -np.repeat((weight * by_pair)[None, :], len(slack), axis=0)
        moved[np.diag_indices_from(moved)] += slack * by_pair
        moved[np.diag_indices_from(moved)] -= (total - slack) * by_pair
        second = (moved + np.diag(slack * own_moves)) / total
        return np.stack([np.diag(first), second])[None], np.diag(own_moves)

    def own_derivatives(self, state: State, moments: Moments) -> Array:
        """Return the derivatives of own by (log v, β), shape (B, 2, m)."""
        _, _, _, by_slack, by_normalizer = self._row_terms(state, moments)
        return np.stack([by_slack, by_normalizer], axis=1)


def kernel_moves(moments: Moments, copies: Array, residual: Array) -> Array:
    """Return how far to move the centres so that G v loses a residual, shape (B, m).

    Centres g + μ change row g of G v by (V − 2v_g) μ_g + Σ κ v μ.
    """
    inverse = 1 / (moments.total - 2 * moments.slack)
    wanted, weight = -inverse * residual, copies * moments.slack
    size = 1 + (weight * inverse).sum(axis=1, keepdims=True)
    common = (weight * wanted).sum(axis=1, keepdims=True) / size
    return np.asarray(wanted - inverse * common)


def why_not(problem: UFM) -> str | None:
    """Return why the equations are not those of a problem, or None where they are."""
    if not problem.has_slack_vector or problem.slack_terms is None:
        return f"its equations do not hold for {problem.description}"
    if not (problem.slack_terms.anchors > 0).all():
        return "its equations are for classes that have anchors, of at least two samples"
    if (problem.slack_terms.own == 0).any() and not problem.control.fixes_norms:
        return (
            f"with {problem.control.name}, its equations are for losses with positives in their "
            "denominator"
        )
    return None


def equations_for(problem: UFM, parameters: Array | None = None) -> SlackVectorEquations:
    """Return the equations of a problem with a slack vector, at unit temperature.

    Parameters
    ----------
    problem : UFM
        One with these equations; see `why_not`.
    parameters : ndarray, shape (B,), optional
        A batch of parameters of the control at unit temperature, by default its own.
    """
    terms, control = problem.slack_terms, problem.control_at_unit_temperature
    assert terms is not None
    if parameters is None:
        parameters = np.array([control.parameter])
    copies = problem.points.multiplicities.astype(float)
    return SlackVectorEquations(terms, copies, control, parameters)

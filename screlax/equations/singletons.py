"""The slack-vector equations with singleton classes: 3m + 1 unknowns, all sums in O(m).

Singletons (κ_0 of them) have no row in the loss and share one point h_0 = −Σ_c B_c h_c/ν_0, where
B_c = a_c p_c0/2, p_c0 is the softmax weight of one singleton, and ν_0 its diagonal slack: λ/2 for
ridge and budget, its multiplier on a ball or sphere. Eliminating them leaves the Schur complement
S_aa − (κ_0/ν_0) B Bᵀ = v vᵀ of the slack. With v and b = √(κ_0/ν_0) B *in units of √ν_0*,
β = log(uZ/a), g = log(v/u) + β/2 + ½ log ν_0 and ξ = log(b/v), two anchored classes have

    pair_gh = g_g + g_h + log(1 + e^{ξ_g + ξ_h}) − log cosh((β_g − β_h)/2)
    y_g = log(2b/(u_0 u)) + β + log ν_0 − ½ log κ_0,     the product with a singleton

and the unknowns (log v, log b, β, log ν_0) solve, row by row, with L = Z'/(Z + Z'),

    (E1) the softmax row sums to one:
         ridge, budget   v Σ v' L + b (Σ b' L + √κ_0) = r/(2 r_0)      (sums over all classes)
         ball, sphere    p_own + (2ν_0/a) [v Σ' v' L + b (Σ' b' L + √κ_0)] = 1       (all others)
    (E2) own v + Σ' pair v' = 0
    (E3) own b + Σ' pair b' + √κ_0 y = 0
    (E4) ridge ν_0 = r_0 λ/2;   ball, sphere corner = ρ;   budget Σ κ r own + κ_0 r_0 corner = ρΣr,

corner = ⟨h_0, h_0⟩ = −Σ κ b y/√κ_0; own = ρ on ball and sphere, else log(p_own Z/o) with
p_own = 1 − ν_0 (r/r_0 − v² − b²)/a. The SC loss has a = r = u = n, o = n − 1, u_0 = r_0 = 1.

With ridge and budget the anchored class means are usually dependent, v > 0. On a ball or sphere,
where h_0 is pulled out to the boundary, and sometimes with ridge and budget, they are independent:
then v = 0, its unknowns and (E2) drop out, and b stands in g for v, without ξ.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..gram.kernels import EXACT, log_cosh_half
from ..gram.shared_point import SingletonGram
from ..problem.constraints.norm_control import NormControl
from ..problem.losses.class_rows import ClassTerms
from ..problem.ufm import UFM
from ..types import Matrix, Vector
from .couplings import Couplings


@dataclass(frozen=True, eq=False)
class SingletonState:
    """Unknowns of a problem with singletons.

    Attributes
    ----------
    log_slack : ndarray, shape (m,), or None
        log v in units of √ν_0; None where v = 0.
    log_pull : ndarray, shape (m,)
        log b in the same units.
    log_normalizer : ndarray, shape (m,)
        β.
    log_strength : float
        log ν_0.
    """

    log_slack: Vector | None
    log_pull: Vector
    log_normalizer: Vector
    log_strength: float

    @property
    def fields(self) -> tuple[Vector, ...]:
        """The logarithms of v, where there is any, and of b."""
        return (self.log_pull,) if self.log_slack is None else (self.log_slack, self.log_pull)

    @property
    def ratio(self) -> Vector | None:
        """ξ, shape (m,)."""
        return None if self.log_slack is None else self.log_pull - self.log_slack

    def moved(self, step: Matrix, strength: float) -> SingletonState:
        """Return the state a step further; its rows are those of `fields`, then β."""
        fields = [field + row for field, row in zip(self.fields, step[:-1], strict=True)]
        slack = None if self.log_slack is None else fields[0]
        beta = self.log_normalizer + step[-1]
        return SingletonState(slack, fields[-1], beta, self.log_strength + strength)

    def without_slack(self) -> SingletonState:
        """Return the state with v = 0."""
        return SingletonState(None, self.log_pull, self.log_normalizer, self.log_strength)


@dataclass(frozen=True, eq=False)
class SingletonMoments:
    """Sums over all classes at a state; lists have one entry for each of `SingletonState.fields`.

    Attributes
    ----------
    vectors : list of ndarray, shape (m,)
        v and b.
    totals : list of float
        Σ κ v, Σ κ b.
    shares, products : list of ndarray, shape (m,)
        Σ' v' L and Σ' pair v' over the other classes.
    centre, within, product : ndarray, shape (m,)
        g, the product of two different classes of the orbit, and y.
    own, on_itself, outside : ndarray, shape (m,)
        own, p_own, and what leaves a class's row: Σ' p over all others, singletons included.
    corner : float
        ⟨h_0, h_0⟩.
    couplings : Couplings
        What the sums were made with.
    """

    vectors: list[Vector]
    totals: list[float]
    shares: list[Vector]
    products: list[Vector]
    centre: Vector
    within: Vector
    product: Vector
    own: Vector
    on_itself: Vector
    outside: Vector
    corner: float
    couplings: Couplings


class SingletonEquations:
    """Sums and residuals of the equations above.

    Parameters
    ----------
    terms : ClassTerms
        a, o, u and r of every orbit of a problem; see `why_no_singletons`.
    copies : ndarray
        Number of classes of every orbit.
    control : NormControl
        At unit temperature.

    Attributes
    ----------
    places : ndarray of int
        Of every orbit of the problem, which of the m anchored ones it is; m where it has no
        anchors. All other arrays are of the anchored orbits.
    """

    def __init__(self, terms: ClassTerms, copies: Vector, control: NormControl) -> None:
        anchored = terms.anchors > 0
        inside, single = terms.take(np.flatnonzero(anchored)), int(np.argmin(anchored))
        self.terms, self.all_copies = terms, copies
        self.places = np.where(anchored, np.cumsum(anchored) - 1, anchored.sum())
        self.anchors, self.own_weight = inside.anchors, inside.own
        self.pair_weight, self.embeddings = inside.pair, inside.embeddings
        self.copies, self.singletons = copies[anchored], float(copies[~anchored].sum())
        self.single_weight = float(terms.pair[single])
        self.single_mass = float(terms.embeddings[single])
        self.mass = self.embeddings * self.copies
        self.points = float(terms.embeddings @ copies)
        self.control = control
        self.bounded = control.fixes_norms
        self.is_budget = not (control.fixes_norms or control.is_penalty)
        self.root = math.sqrt(self.singletons)
        self.share = self.embeddings / self.single_mass
        """r/r_0: the multiplier of a class in units of ν_0, for ridge and budget."""
        self.log_scale = np.log(self.anchors / self.pair_weight)
        """log Z − β."""

    @cached_property
    def infimum(self) -> float:
        """`UFM.infimum`."""
        return self.terms.floor(self.all_copies)

    def under(self, control: NormControl) -> SingletonEquations:
        """Return the equations of the same classes under another control of the same kind."""
        other = copy.copy(self)
        other.control = control
        other.bounded = control.fixes_norms
        other.is_budget = not (control.fixes_norms or control.is_penalty)
        return other

    def moments(self, state: SingletonState, accuracy: float = EXACT) -> SingletonMoments:
        """Return the sums that residuals, Jacobian and certificate are made of."""
        beta, ratio, strength = state.log_normalizer, state.ratio, state.log_strength
        vectors = [np.exp(field) for field in state.fields]
        weights = [self.copies * vector for vector in vectors]
        centre = state.fields[0] - np.log(self.pair_weight) + beta / 2 + strength / 2
        within = 2 * centre + (0.0 if ratio is None else np.logaddexp(0.0, 2 * ratio))
        couplings = Couplings.between(beta, ratio, accuracy)
        if couplings.is_exact:
            others = self.copies - np.eye(len(beta))
            shares = [(others * couplings.kernels.logistic[0]) @ vector for vector in vectors]
            products = [
                (others * pair_products(centre, beta, ratio)) @ vector for vector in vectors
            ]
        else:
            shares = [
                couplings.flow(weight) - vector / 2
                for weight, vector in zip(weights, vectors, strict=True)
            ]
            products = [
                centre * weight.sum()
                + weight @ centre
                - couplings.bend(weight)
                + couplings.rise(weight)
                - vector * within
                for weight, vector in zip(weights, vectors, strict=True)
            ]
        product = math.log(2 / self.single_weight) - np.log(self.pair_weight) + beta
        product = product + state.log_pull + strength - math.log(self.singletons) / 2
        own, on_itself, outside = self._rows(beta, vectors, shares, strength)
        return SingletonMoments(
            vectors=vectors,
            totals=[float(weight.sum()) for weight in weights],
            shares=shares,
            products=products,
            centre=centre,
            within=within,
            product=product,
            own=own,
            on_itself=on_itself,
            outside=outside,
            corner=-float(weights[-1] @ product) / self.root,
            couplings=couplings,
        )

    def _rows(
        self, beta: Vector, vectors: list[Vector], shares: list[Vector], strength: float
    ) -> tuple[Vector, Vector, Vector]:
        """Return own, p_own and what leaves the row."""
        flow = vectors[-1] * self.root
        inside = np.zeros_like(beta)
        for vector, share in zip(vectors, shares, strict=True):
            flow = flow + vector * share
            inside = inside + vector**2
        scale = np.exp(strength) / self.anchors
        outside = 2 * scale * flow
        log_weight = beta + self.log_scale - np.log(self.own_weight)
        if self.bounded:
            own = np.full_like(beta, self.control.parameter)
            return own, np.exp(own - log_weight), outside
        on_itself = 1 - scale * (self.share - inside)
        return np.log(on_itself) + log_weight, on_itself, outside

    def flows(self, moments: SingletonMoments) -> list[Vector]:
        """Return the terms of the left side of (E1) for ridge and budget: of v and of b."""
        flows = [
            vector * (share + vector / 2)
            for vector, share in zip(moments.vectors, moments.shares, strict=True)
        ]
        flows[-1] = flows[-1] + moments.vectors[-1] * self.root
        return flows

    def scales(self, moments: SingletonMoments) -> list[float]:
        """Return what (E2) and (E3) are divided by: Σ κ v, and √κ_0."""
        return [*moments.totals[:-1], self.root]

    def residual(self, state: SingletonState, moments: SingletonMoments) -> Matrix:
        """Return the residuals of (E2), where there is v, (E3), and (E1) in logarithms."""
        if self.bounded:
            first = np.log(moments.on_itself + moments.outside)
        else:
            first = np.log(2 * np.sum(self.flows(moments), axis=0) / self.share)
        rows = [
            (moments.own * vector + product) / scale
            for vector, product, scale in zip(
                moments.vectors, moments.products, self.scales(moments), strict=True
            )
        ]
        rows[-1] = rows[-1] + moments.product
        return np.stack([*rows, first])

    def last(self, moments: SingletonMoments) -> float:
        """Return the residual of (E4); zero for ridge, where ν_0 is given."""
        if self.control.is_penalty:
            return 0.0
        limit = self.control.parameter
        if self.bounded:
            return moments.corner / limit - 1
        trace = float(self.mass @ moments.own) + self.singletons * self.single_mass * moments.corner
        return trace / (self.points * limit) - 1

    def given_log_strength(self) -> float:
        """Return log ν_0 of a ridge."""
        return math.log(self.control.parameter / 2 * self.single_mass)

    def gram(
        self, state: SingletonState, own: Vector, centre: Vector, product: Vector, corner: float
    ) -> SingletonGram:
        """Return the Gram matrix of a state, with these numbers of the anchored classes and h_0."""
        return SingletonGram(
            *(own, centre, state.log_normalizer, state.log_slack, state.log_pull, product),
            *(corner, state.log_strength, self.all_copies, self.places),
        )


def pair_products(centre: Vector, beta: Vector, ratio: Vector | None) -> Matrix:
    """Return `pair` between all classes, shape (m, m)."""
    pair = np.add.outer(centre, centre) - log_cosh_half(np.subtract.outer(beta, beta))
    if ratio is not None:
        pair += np.logaddexp(0.0, np.add.outer(ratio, ratio))
    return np.asarray(pair)


def why_no_singletons(problem: UFM) -> str | None:
    """Return why the equations are not those of a problem, or None where they are."""
    terms = problem.slack_terms
    if not problem.has_slack_vector or terms is None:
        return f"equations with singletons do not hold for {problem.description}"
    bare = terms.anchors == 0
    if not bare.any() or bare.all():
        return "there are no classes without anchors beside others"
    if np.ptp(terms.pair[bare]) > 0 or np.ptp(terms.embeddings[bare]) > 0:
        return "classes without anchors that differ do not share a point"
    return None if (terms.own[~bare] > 0).all() else "some classes have no weight of their own"


def singleton_equations(problem: UFM) -> SingletonEquations:
    """Return the equations of a problem with singletons, at unit temperature."""
    terms = problem.slack_terms
    assert terms is not None
    copies = problem.points.multiplicities.astype(float)
    return SingletonEquations(terms, copies, problem.control_at_unit_temperature)

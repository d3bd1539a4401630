"""The optimum over nonnegative features where the targets are the own class: k separate problems.

For a loss of the family of `screlax.problem.losses.class_softmax` every inner product of different
classes only raises the loss, and over H ≥ 0 none is below zero: orthogonal classes are optimal,
whatever the weights. With M_cc = m_c, U_c = Σ_{c'≠c} u_c' and y_c the multiplier (or the penalty)
of m_c there remain problems in one number,

    minimise  a_c [ log(o_c e^{m_c} + U_c) − m_c ] + y_c m_c   over m_c ≥ 0        (τ = 1):

    m_c = max(0, log( (U_c/o_c) (1−q)/q )),  q = y_c/a_c the share 1 − p_c of the other classes.

Without own weight (o = 0) that is 0 for y_c ≥ a_c, and unbounded below for y_c < a_c.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import optimize

from ..gram.rounding import summation
from ..problem.losses.class_softmax import ClassTerms
from ..problem.ufm import UFM
from ..types import Vector


class OrthogonalClasses:
    """The family's loss at orthogonal classes, by distinct class size, at unit temperature.

    Attributes
    ----------
    terms : ClassTerms
        Of one class of every orbit.
    copies : ndarray, shape (m,)
        Number of classes of every orbit.
    mass : ndarray, shape (m,)
        Number of embeddings of every orbit, κ r.
    anchors : ndarray, shape (m,)
        Anchor mass of every orbit, κ a.
    others : ndarray, shape (m,)
        U_c, the summed weight on all other classes.
    unit : float
        Largest relative error of `others`, and of any sum over the orbits.
    """

    def __init__(self, terms: ClassTerms, copies: Vector) -> None:
        self.terms, self.copies = terms, copies
        self.mass, self.anchors = copies * terms.embeddings, copies * terms.anchors
        self.others = terms.others(copies)
        self.unit = 2 * summation(len(copies))

    @property
    def rates(self) -> Vector:
        """Multiplier per embedding from which on a class is zero, a U/(r (o + U)), shape (m,)."""
        return self.terms.rates(self.copies)

    @property
    def without_own(self) -> Vector:
        """Multiplier per embedding below which there is no optimum, a/r where o = 0, else 0."""
        bare = self.terms.own == 0
        return np.where(bare, self.terms.anchors / self.terms.embeddings, 0.0)

    def norms_at(self, multipliers: Vector) -> Vector:
        """Return the squared norms that minimise the Lagrangian, shape (m,).

        Parameters
        ----------
        multipliers : ndarray, shape (m,)
            y of every orbit: κ y_c of one class; at least `without_own` × mass.
        """
        with np.errstate(divide="ignore"):
            return self._norms(np.log(multipliers))

    def norms_of_mean(self, mean: float) -> Vector:
        """Return the squared norms of least loss with Σ mass m = mean Σ mass, shape (m,).

        Solves for the multiplier μ per embedding by Brent's method in log μ. Where classes without
        own weight keep μ from falling further, those of the largest rate a/r take what is left.

        Parameters
        ----------
        mean : float
            ρ, the mean squared norm over all embeddings.
        """
        limit = mean * float(self.mass.sum())
        with np.errstate(divide="ignore"):
            log_mass, log_rates = np.log(self.mass), np.log(self.rates)
        most = int(np.argmax(log_rates))
        high = float(log_rates[most])

        def excess(log_rate: float) -> float:
            return float(self.mass @ self._norms(log_rate + log_mass)) - limit

        # the norm of the class of the largest rate grows by at least one as log μ falls by one
        low, floor = high - limit / float(self.mass[most]), float(self.without_own.max())
        if floor > 0 and excess(math.log(floor)) <= 0:
            return self._filled(self._norms(math.log(floor) + log_mass), limit)
        low = max(low, math.log(floor)) if floor > 0 else low
        norms = self._norms(_falling_root(excess, low, high) + log_mass)
        total = float(self.mass @ norms)
        if total == 0:  # so small a mean that the norms are lost in rounding
            return np.where(self.rates == self.rates[most], limit / self.mass[most], 0.0)
        return np.asarray(norms * (limit / total))

    def _norms(self, log_multipliers: Vector) -> Vector:
        """Return the squared norms of the Lagrangian; the multipliers may underflow."""
        own = self.terms.own
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            log_share = log_multipliers - np.log(self.anchors)
            norms = np.log(self.others) - np.log(own) + np.log1p(-np.exp(log_share)) - log_share
        inside = (self.anchors > 0) & (own > 0) & (log_share < 0)
        return np.where(inside, np.maximum(norms, 0.0), 0.0)

    def _filled(self, norms: Vector, limit: float) -> Vector:
        """Give what is left of the limit to the classes without own weight, of the largest rate."""
        left = limit - float(self.mass @ norms)
        takes = self.without_own == self.without_own.max()
        return np.asarray(norms + np.where(takes, left / float(self.mass[takes].sum()), 0.0))

    def shares(self, norms: Vector) -> tuple[Vector, Vector]:
        """Return p_c and 1 − p_c of the softmax rows, each with its digits, shape (m,)."""
        own = self.terms.own
        outside = np.where(own > 0, self.others * np.exp(-norms), 1.0)  # may underflow
        total = own + outside
        return own / total, outside / total

    def rows(self, norms: Vector) -> Vector:
        """Return log(o e^m + U) − m, with its digits also where it is nearly zero, shape (m,)."""
        own, bare = self.terms.own, np.log(self.others) - norms
        with np.errstate(divide="ignore"):
            rows = np.log1p(own - 1 + self.others * np.exp(-norms))
        return np.where(own > 0, rows, bare)


def _falling_root(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where a falling function is zero: an end where rounding has the sign wrong there."""
    if function(low) <= 0:
        return low
    if function(high) >= 0:
        return high
    return float(optimize.brentq(function, low, high, xtol=1e-15, rtol=1e-15))


def orthogonal_classes(problem: UFM) -> OrthogonalClasses | None:
    """Return the separate problems of a problem with nonnegative features, None where it has not.

    Examples
    --------
    >>> import screlax
    >>> from screlax.equations.orthogonal import orthogonal_classes
    >>> problem = screlax.UFM([6, 3], screlax.Sphere(1.0), features="nonnegative")
    >>> orthogonal_classes(problem).others
    array([3., 6.])
    """
    if not problem.features.are_nonnegative or problem.constraints:
        return None
    terms = problem.loss.class_terms(problem.class_sizes)
    if terms is None:
        return None
    return OrthogonalClasses(terms, problem.points.multiplicities.astype(float))

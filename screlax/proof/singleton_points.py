"""Feasible Gram matrices of problems with singletons; see `singletons.py`."""

from __future__ import annotations

import math

import numpy as np

from ..equations.singletons import SingletonEquations, SingletonMoments, SingletonState
from ..gram.kernels import log_cosh_half
from ..gram.rounding import UNIT
from ..types import Vector
from .singleton_kernel import smallest_beyond
from .structured_rounding import MOST_MOVED, SUM
from .structured_sums import RESOLVED, sum_error


class SingletonPoint:
    """A Gram matrix with h_0 in the span of the anchored classes, and what rounding does to it.

    Attributes
    ----------
    own, centre, product : ndarray, shape (m,)
        own, g and y.
    corner : float
    stretch : float
        w/√κ_0, and `stretch_error` the largest relative error of its square.
    own_error, entry_error, product_error : ndarray, shape (m,)
        Largest errors of own, of entries between anchored classes and of y, from a matrix that is
        feasible exactly.
    smallest : float
        Lower bound on the eigenvalues of G on the anchored classes, scaled: feasible if positive.
    shift : float
        By how much all centres moved, to meet the trace of a budget.
    is_extended : bool
        Whether it is G with the row of h_0 that has an exact null vector.
    """

    def __init__(
        self, equations: SingletonEquations, state: SingletonState, moments: SingletonMoments
    ) -> None:
        self._equations, self._state, self._moments = equations, state, moments
        self._pull = moments.vectors[-1]
        self._weight = equations.copies * self._pull
        sizes = self._entry_sizes()
        self._wrong = [self._product_error(number, sizes) for number in range(len(moments.vectors))]
        self.entry_error = 2 * UNIT * (sizes + sizes.max())
        self._anchored()
        self.shift, self._moved = 0.0, np.zeros_like(self.own)
        if equations.is_budget:
            self._meet_the_trace()
        self._shared_point()
        spread = self.own - moments.within - 2 * (self.centre - moments.centre)
        self.smallest = smallest_beyond(
            equations.copies,
            spread,
            self.own_error + 2 * self.entry_error,
            self.centre,
            state,
            moments.couplings,
            (self.product, self.corner) if self.is_extended else None,
        )

    def _entry_sizes(self) -> Vector:
        """Return what the sizes of the terms of an entry of G add up to, by class."""
        state = self._state
        sizes = np.abs(state.fields[0]) + np.abs(state.log_normalizer) / 2
        sizes = sizes + np.abs(np.log(self._equations.pair_weight)) + abs(state.log_strength) / 2
        return sizes if state.ratio is None else sizes + np.logaddexp(0.0, 2 * state.ratio)

    def _product_error(self, number: int, sizes: Vector) -> Vector:
        """Return the largest errors of `moments.products`: of entries, and of summing them."""
        state, moments = self._state, self._moments
        vector, total = moments.vectors[number], moments.totals[number]
        weight, centre = self._equations.copies * vector, np.abs(moments.centre)
        width = np.asarray(np.ptp(state.log_normalizer))
        kernel = np.full_like(vector, float(log_cosh_half(width)))
        if state.ratio is not None:
            kernel = kernel + np.logaddexp(0.0, state.ratio + state.ratio.max())
        summed = (centre + kernel) * total + float(weight @ centre)
        summed = summed * sum_error(moments.couplings.by_beta)
        summed = summed + moments.couplings.product_left_out * total
        return np.asarray(2 * UNIT * (sizes * total + float(weight @ sizes)) + summed)

    def _anchored(self) -> None:
        """Set own and centres: with v so that G v = 0, else those of the formula."""
        moments = self._moments
        self.own, self.centre, self._products = moments.own, moments.centre, moments.products[-1]
        self.own_error = np.zeros_like(self.own)
        if self._state.log_slack is not None:
            self.own = 0.0 - moments.products[0] / moments.vectors[0]
            self.own_error = self._wrong[0] / moments.vectors[0]

    def _meet_the_trace(self) -> None:
        """Move to the trace of the budget: with v the centres, and own along; else own alone."""
        equations, moments, pull = self._equations, self._moments, self._pull
        single, with_slack = equations.single_mass, self._state.log_slack is not None
        along, products_along = np.ones_like(self.own), np.zeros_like(self.own)
        if with_slack:
            along = 2 * (1 - moments.totals[0] / moments.vectors[0])
            products_along = 2 * (moments.totals[-1] - pull)
        trace = float(equations.mass @ self.own)
        trace += single * float(self._weight @ (self.own * pull + self._products))
        rate = single * (self._weight @ (along * pull + products_along)) + equations.mass @ along
        move = float((equations.points * equations.control.parameter - trace) / rate)
        wrong = float(equations.mass @ (self.own_error + SUM * np.abs(self.own)))
        wrong += single * float(
            self._weight @ ((self.own_error + SUM * np.abs(self.own)) * pull)
            + self._weight @ self._wrong[-1]
        )
        error = float(wrong / np.abs(rate)) + 4 * UNIT * abs(move)
        self._moved = move * along
        self.own = self.own + self._moved
        self._products = self._products + move * products_along
        self.own_error = self.own_error + error * np.abs(along)
        if with_slack:
            self.shift = move
            self.centre = self.centre + move
            self.entry_error = self.entry_error + 2 * error

    def _shared_point(self) -> None:
        """Put the singletons in the span of the classes: y = −G b/w, corner = bᵀ G b/w²."""
        equations, root = self._equations, self._equations.root
        force = self.own * self._pull + self._products
        error = self.own_error * self._pull + self._wrong[-1]
        error = error + SUM * np.abs(self.own) * self._pull
        square = self._weight @ force
        self.stretch, self.stretch_error, self.is_extended = 1.0, 0.0, False
        if equations.bounded:
            self.stretch = math.sqrt(max(float(square), 0.0) / equations.control.parameter) / root
            self.stretch_error = float(self._weight @ (error + SUM * np.abs(force)) / abs(square))
        self.product = -force / (root * self.stretch)
        self.product_error = error / (root * self.stretch)
        loose = (self.stretch_error + 2 * UNIT) * np.abs(self.product)
        self.product_error = self.product_error + loose
        self.corner = equations.control.parameter if equations.bounded else float(square) / root**2
        if equations.bounded:
            self._move_instead(force, error)

    def _move_instead(self, force: Vector, error: Vector) -> None:
        """Keep y and move the centres by μ so that G b + w y = 0, where that loses fewer digits.

        μ_g (W − 2 b_g) + Σ κ b μ = −(G b + w y)_g with W = Σ κ b; w is such that corner = ρ.
        """
        equations, moments = self._equations, self._moments
        limit = equations.control.parameter
        stretch = moments.corner / limit
        pulled = equations.root * stretch * moments.product
        entry = 2 * UNIT * (np.abs(self._state.log_normalizer) + np.abs(moments.product))
        entry = entry + 2 * UNIT * abs(self._state.log_strength) + self.entry_error
        inverse = 1 / (moments.totals[-1] - 2 * self._pull)
        size = 1 + self._weight @ inverse
        wanted = inverse * (force + pulled)
        common = float(self._weight @ wanted / size)
        wrong = np.abs(inverse) * (error + equations.root * stretch * entry + SUM * np.abs(pulled))
        wrong = wrong + np.abs(inverse) * float(self._weight @ wrong) / abs(size)
        move = inverse * common - wanted
        most = np.abs(move) + wrong
        if not most.max() < self.product_error.max() / 4:
            return
        self.is_extended, self.stretch, self.product = True, stretch, moments.product
        self.stretch_error = float(self._weight @ entry / (equations.root * stretch * limit))
        self.centre, self.product_error = self.centre + move, entry
        self.entry_error = self.entry_error + most + most.max()

    @property
    def is_resolved(self) -> bool:
        """Whether interpolation leaves little out of own and y: errors are taken to first order."""
        moments, stretched = self._moments, self._equations.root * self.stretch
        left_out = moments.couplings.product_left_out
        relative = [float(np.divide(moments.totals[-1], stretched))]  # where w = 0, infinite
        if self._state.log_slack is not None:
            relative.append(float((moments.totals[0] / moments.vectors[0]).max()))
        return left_out * max(relative) <= RESOLVED

    @property
    def has_digits(self) -> bool:
        """Whether nothing it was made of is so much larger that few digits are left."""
        moments = self._moments
        parts = (self.own - self._moved, moments.centre, self.product, moments.product)
        largest = max(float(np.abs(part).max()) for part in parts)
        return largest <= MOST_MOVED * float(np.abs(self.own).max())

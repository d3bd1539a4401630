"""How a solution moves with its parameters: the implicit function theorem on the slack vector.

At a root X = (log v, β) of the equations R(X, θ) = 0 of `screlax.equations.slack_vector`,

    dX/dθ = −(∂R/∂X)^{-1} ∂R/∂θ,

and the Gram matrix is an explicit function of X. The value moves by the envelope theorem: only
through what θ does at a fixed Gram matrix, multipliers included.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..equations.slack_vector import Moments, SlackVectorEquations, State, equations_for
from ..errors import ProblemTooLargeError
from ..gram.cells import CellGram
from ..gram.curve import SlackVectorGram
from ..gram.kernels import Array
from ..io.notebook import TextInNotebook
from ..io.tables import text_lines
from ..problem.losses.class_rows import ClassTerms
from ..problem.ufm import UFM
from ..proof.structured import state_of_gram
from ..types import Matrix, Vector

MOST_ORBITS = 3000
"""Distinct sizes up to which m×m derivatives are formed."""


_LISTED = 12
"""Kinds of class that text has a row for."""


@dataclass(frozen=True, eq=False, repr=False)
class Sensitivity(TextInNotebook):
    """Derivatives of a solution; rows of matrices are distinct class sizes, largest first.

    Attributes
    ----------
    value_by_parameter, value_by_temperature : float
        Of the value by λ (ridge) or ρ (others), and by τ.
    value_by_size : ndarray, shape (m,)
        Of the value by the number of samples of *one* class of that size.
    own_by_parameter, own_by_temperature : ndarray, shape (m,)
        Of the squared norms.
    pair_by_parameter, pair_by_temperature : ndarray, shape (m, m)
        Of the inner products of different classes.
    own_by_size : ndarray, shape (m, m)
        Entry (g, h): of the squared norm of classes of size g as *all* classes of size h grow.
    find_own_by_size : callable
        Returns `own_by_size`, the dearest of all.
    pair_by_size : callable
        `pair_by_size(h)` is the derivative of `pair` as all classes of size h grow, (m, m).

    By sizes they are NaN where there is no derivative: for general targets, and for classes of one
    sample, which become anchors with their second.
    """

    value_by_parameter: float
    value_by_temperature: float
    value_by_size: Vector
    own_by_parameter: Vector
    own_by_temperature: Vector
    pair_by_parameter: Matrix
    pair_by_temperature: Matrix
    find_own_by_size: Callable[[], Matrix]
    pair_by_size: Callable[[int], Matrix]

    @classmethod
    def of_unit(
        cls, problem: UFM, unit: CellGram, value: float, own: Vector, pair: Matrix, **by_size: Any
    ) -> Sensitivity:
        """Make it from derivatives at unit temperature, by λτ or ρ/τ, on which that depends.

        Parameters
        ----------
        problem : UFM
        unit : CellGram
            Its solution over τ.
        value : float
        own : ndarray, shape (m,)
        pair : ndarray, shape (m, m)
            Derivatives of the value and of `unit`.
        **by_size
            The other attributes, as they are.
        """
        tau, control = problem.temperature, problem.control_at_unit_temperature
        power = control.temperature_power
        by_parameter, by_temperature = tau**power, power * control.parameter / tau
        return cls(
            value_by_parameter=value * by_parameter,
            value_by_temperature=value * by_temperature,
            own_by_parameter=tau * own * by_parameter,
            own_by_temperature=unit.own + tau * own * by_temperature,
            pair_by_parameter=tau * pair * by_parameter,
            pair_by_temperature=unit.pair + tau * pair * by_temperature,
            **by_size,
        )

    @cached_property
    def own_by_size(self) -> Matrix:
        """See above; found when it is asked for."""
        return self.find_own_by_size()

    def __repr__(self) -> str:
        return (
            f"<Sensitivity of {len(self.value_by_size):,} kinds of class: value "
            f"{self.value_by_parameter:.4g} by the control, {self.value_by_temperature:.4g} by the "
            "temperature>"
        )

    def __str__(self) -> str:
        """Return the derivatives of value and norms as a table, and where the others are."""
        header = ["class size", "value by its samples", "‖h‖² by λ or ρ", "‖h‖² by τ"]
        columns = self.value_by_size, self.own_by_parameter, self.own_by_temperature
        rows = [
            [_place(n, len(self.value_by_size)), *(f"{column[n]:.6g}" for column in columns)]
            for n in range(min(_LISTED, len(self.value_by_size)))
        ]
        rest = len(self.value_by_size) - _LISTED
        return "\n".join(
            [
                f"value, summed over anchors: {self.value_by_parameter:.6g} by λ or ρ, "
                f"{self.value_by_temperature:.6g} by τ",
                "",
                *text_lines(header, rows),
                *([f"and {rest:,} smaller sizes"] if rest > 0 else []),
                "",
                "inner products of classes: pair_by_parameter, pair_by_temperature, "
                "pair_by_size(h); norms by class sizes: own_by_size",
            ]
        )


def _place(number: int, kinds: int) -> str:
    """Say which of the distinct sizes a row is of."""
    if number in (0, kinds - 1):
        return "largest" if number == 0 else "smallest"
    return f"{number + 1}."


@dataclass(frozen=True, eq=False)
class GramMoves:
    """Derivatives of a Gram matrix by a number of each orbit.

    Attributes
    ----------
    own : ndarray, shape (m, p)
        Column h: of the squared norms by the number of orbit h.
    pair : callable
        `pair(h)` is that of the inner products, (m, m).
    """

    own: Matrix
    pair: Callable[[int], Matrix]


@dataclass(frozen=True, eq=False)
class _Moves:
    """Derivatives at unit temperature by a batch of parameters θ, each of shape (m, p)."""

    own: Matrix
    centre: Matrix
    normalizer: Matrix


def sensitivity_of(problem: UFM, gram: SlackVectorGram) -> Sensitivity:
    """Differentiate a slack-vector solution.

    Parameters
    ----------
    problem : UFM
    gram : SlackVectorGram
        Its solution, in units of G.

    Raises
    ------
    ProblemTooLargeError
        If there are so many distinct sizes that m×m derivatives make no sense.
    """
    tau = problem.temperature
    equations, state, moments = _at(problem, gram)
    slopes = problem.slack_terms_by_size
    by_parameter = _moves_by_parameter(equations, state, moments)
    by_size = _by_terms(problem, gram, equations, state, moments, slopes)
    alone, beta = gram.copies == 1, gram.log_normalizer
    own_slope = by_parameter.own[:, 0]
    pair_slope = _pair_moves(
        beta, by_parameter.centre[:, 0], by_parameter.normalizer[:, 0], own_slope, alone
    )
    value_slope = _value_by_parameter(equations, state, moments, gram)
    unit = CellGram(gram.own / tau, gram.pair / tau)
    return Sensitivity.of_unit(
        *(problem, unit, value_slope, own_slope, pair_slope),
        value_by_size=_value_by_size(equations, state, moments, unit.own, slopes),
        find_own_by_size=lambda: by_size.own,
        pair_by_size=by_size.pair,
    )


def slack_vector_moves(problem: UFM, gram: SlackVectorGram, slopes: ClassTerms) -> GramMoves:
    """Differentiate a slack-vector solution by a number of each orbit that its terms depend on.

    Parameters
    ----------
    problem : UFM
    gram : SlackVectorGram
        Its solution, in units of G.
    slopes : ClassTerms
        Entry h: derivatives of the terms of the classes of orbit h by the number of that orbit.

    Raises
    ------
    ProblemTooLargeError
        If there are so many orbits that m×m derivatives make no sense.
    """
    return _by_terms(problem, gram, *_at(problem, gram), slopes)


def _at(problem: UFM, gram: SlackVectorGram) -> tuple[SlackVectorEquations, State, Moments]:
    """Return the equations, the state and its moments at a solution."""
    m = problem.points.orbits
    if m > MOST_ORBITS:
        raise ProblemTooLargeError(
            f"derivatives by {m:,} class sizes are {m:,}×{m:,} numbers; the limit is {MOST_ORBITS}"
        )
    equations = equations_for(problem)
    state = state_of_gram(equations, gram)
    if equations.is_budget:
        state = _with_multiplier(equations, state)
    return equations, state, equations.moments(state)


def _by_terms(
    problem: UFM,
    gram: SlackVectorGram,
    equations: SlackVectorEquations,
    state: State,
    moments: Moments,
    slopes: ClassTerms,
) -> GramMoves:
    """Return the derivatives by a number of each orbit, in units of G."""
    tau, moved = problem.temperature, _moves_by_size(equations, state, moments, slopes)

    def pair(orbit: int) -> Matrix:
        centre, normalizer = moved.centre[:, orbit], moved.normalizer[:, orbit]
        own, alone = moved.own[:, orbit], gram.copies == 1
        return tau * _pair_moves(gram.log_normalizer, centre, normalizer, own, alone)

    return GramMoves(tau * moved.own, pair)


def _with_multiplier(equations: SlackVectorEquations, state: State) -> State:
    """Return the state of a budget with λ from (E1)."""
    moments = equations.moments(state)
    strength = 2 * _multipliers(moments) / equations.embeddings
    mean = (strength @ equations.mass) / equations.total_mass
    return State(state.log_slack, state.log_normalizer, np.log(mean))


def _moves_by_parameter(equations: SlackVectorEquations, state: State, moments: Moments) -> _Moves:
    """Return derivatives by the control's parameter at unit temperature."""
    residual, own = equations.by_parameter(state, moments)
    if equations.is_budget:
        needed = np.array([[equations.total_mass]])
        zero = np.zeros((1, 2, residual.shape[2], 1))
        return _bordered(equations, state, moments, zero, np.zeros((residual.shape[2], 1)), needed)
    moved = _solve(equations, state, moments, residual[..., None], own.T)
    scale = 1 / float(np.exp(state.log_strength[0])) if equations.is_penalty else 1.0
    return _Moves(moved.own * scale, moved.centre * scale, moved.normalizer * scale)


def _moves_by_size(
    equations: SlackVectorEquations, state: State, moments: Moments, slopes: ClassTerms
) -> _Moves:
    """Return derivatives by the distinct sizes s_h, all other things equal."""
    residual, own = equations.by_terms(state, moments, slopes)
    if equations.is_budget:
        given = own.T @ equations.mass
        excess = equations.own(state, moments)[0][0] - equations.parameters[0]
        needed = -(given + slopes.embeddings * equations.copies * excess)[None, :]
        moved = _bordered(equations, state, moments, residual, own, needed)
    else:
        moved = _solve(equations, state, moments, residual, own)
    centre = moved.centre - np.diag(slopes.pair / equations.pair)  # g = log v − log u + β/2
    return _Moves(moved.own, centre, moved.normalizer)


def _solve(
    equations: SlackVectorEquations,
    state: State,
    moments: Moments,
    residual: Array,
    own: Matrix,
) -> _Moves:
    """Return the moves for ∂R/∂θ of shape (1, 2, m, p) and ∂own/∂θ at fixed X, (m, p)."""
    moved = equations.jacobian(state, moments, exact=True).solve(-residual)[0]
    own_rows = equations.own_derivatives(state, moments)[0]
    own_moves = own + own_rows[0][:, None] * moved[0] + own_rows[1][:, None] * moved[1]
    return _Moves(own_moves, moved[0] + moved[1] / 2, moved[1])


def _bordered(
    equations: SlackVectorEquations,
    state: State,
    moments: Moments,
    residual: Array,
    own: Matrix,
    needed: Matrix,
) -> _Moves:
    """Return the moves of a budget, whose log λ moves so that the trace moves as `needed` (1, p).

    `needed` is what Σ mass own has to change by, beyond what `own` already changes it by.
    """
    direct = _solve(equations, state, moments, residual, own)
    slope, own_slope = equations.by_parameter(state, moments)
    tangent = _solve(equations, state, moments, slope[..., None], own_slope.T)
    target = needed + (equations.mass @ own)[None, :]
    rate = (target - equations.mass @ direct.own) / (equations.mass @ tangent.own)
    return _Moves(
        direct.own + tangent.own * rate,
        direct.centre + tangent.centre * rate,
        direct.normalizer + tangent.normalizer * rate,
    )


def _pair_moves(
    beta: Vector, centre: Vector, normalizer: Vector, own: Vector, alone: Array
) -> Matrix:
    """Return the change of pair_gh = g_g + g_h − log cosh((β_g − β_h)/2)."""
    tangent = np.tanh(np.subtract.outer(beta, beta) / 2)
    moved = np.add.outer(centre, centre) - tangent * np.subtract.outer(normalizer, normalizer) / 2
    moved[np.diag_indices_from(moved)] = np.where(alone, own, np.diagonal(moved))
    return np.asarray(moved)


def _value_by_parameter(
    equations: SlackVectorEquations, state: State, moments: Moments, gram: SlackVectorGram
) -> float:
    """Return the derivative of the value by λ or ρ at unit temperature."""
    if equations.control.is_penalty:
        return float(equations.mass @ gram.unit_own) / 2
    if equations.is_budget:
        return -equations.total_mass * float(np.exp(state.log_strength[0])) / 2
    return -float(equations.copies @ _multipliers(moments)[0])


def _multipliers(moments: Moments) -> Array:
    """Return what the norms are worth, shape (B, m): ν = v² + a(1 − p), a(1 − p) = 2 v share."""
    return moments.peak * moments.slack * (moments.slack + 2 * moments.share)


def _value_by_size(
    equations: SlackVectorEquations,
    state: State,
    moments: Moments,
    own: Vector,
    slopes: ClassTerms,
) -> Vector:
    """Return the derivative of the Lagrangian by the size of one class of each orbit."""
    beta = state.log_normalizer[0] + np.log(equations.anchors / equations.pair)
    # a p_own/o, from own itself: there need be no own weight
    as_positive = equations.pair * np.exp(own - state.log_normalizer[0])
    # as a negative in all other rows: Σ_c a_c p_cj / u_j
    others = (moments.total - moments.slack - moments.share)[0]
    as_negative = 2 * (moments.peak * moments.slack)[0] / equations.pair * others
    slope = slopes.anchors * (beta - own) + slopes.own * as_positive + slopes.pair * as_negative
    if equations.is_penalty:
        strength = float(np.exp(state.log_strength[0]))
        limit = equations.parameters[0] if equations.is_budget else 0.0
        slope = slope + slopes.embeddings * strength / 2 * (own - limit)
    return np.asarray(slope)

"""Damped Newton on the slack-vector equations, from a closed-form guess; batched.

No continuation is needed: from the balanced formula applied class by class, with no logarithm
moving by more than `MAX_MOVE` a step, three to nine steps reach machine precision on every
profile tried. Where the step count runs out, continuation in the parameter takes over.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...equations.linear import StructuredJacobian
from ...equations.slack_vector import ROUGH, SlackVectorEquations, State
from ...gram.kernels import EXACT, Array

MAX_MOVE = 2.0
MAX_STEPS = 25
CONVERGED_STEP = 1e-8
"""A full step below this leaves an error of its square: nothing in double precision."""
STALLED_STEP = 1e-4
"""Steps below this that no longer shrink are rounding, in a badly conditioned problem."""
CHORD_STEP = 5e-5
"""After a step below this the Jacobian is taken once more: what it misses is of that size."""
_FAR = 1e-2
"""After a step above this, sums are as rough as the Jacobian, and their kernels serve both."""


@dataclass(frozen=True, eq=False)
class NewtonResult:
    """Where Newton ended.

    Attributes
    ----------
    state : State
        The last state of each problem of the batch.
    converged : ndarray of bool, shape (B,)
        Whether its last step was full and below `CONVERGED_STEP`, or stalled in rounding.
    steps : int
        Steps taken by the slowest of the batch.
    """

    state: State
    converged: Array
    steps: int


def newton(
    equations: SlackVectorEquations, state: State, max_steps: int = MAX_STEPS
) -> NewtonResult:
    """Iterate until every problem of the batch has converged or broken down."""
    converged = np.zeros(len(state.log_strength), dtype=bool)
    alive = np.ones_like(converged)
    last = np.full(len(converged), np.inf)
    taken, jacobian = 0, None
    with np.errstate(all="ignore"):
        while taken < max_steps and (alive & ~converged).any():
            again = jacobian is not None
            accuracy = ROUGH if (last > _FAR).all() else EXACT
            direction, strength, before, jacobian = _direction(equations, state, jacobian, accuracy)
            size = np.maximum(np.abs(direction).max(axis=(1, 2)), np.abs(strength))
            alive = np.isfinite(size)
            direction = np.where(alive[:, None, None], direction, 0.0)
            strength = np.where(alive, strength, 0.0)
            scale = _step_length(equations, state, direction, strength, size, before, accuracy)
            state = _moved(state, direction, strength, scale)
            stalled = (size < STALLED_STEP) & (size > last / 2) & (not again)
            converged = alive & (scale == 1.0) & ((size < CONVERGED_STEP) | stalled)
            converged &= accuracy == EXACT
            last = size
            taken += 1
            alive &= (scale == 1.0) | (size <= MAX_MOVE * (max_steps - taken))  # within reach
            if again or not (size < CHORD_STEP).all():
                jacobian = None
    return NewtonResult(state, converged, taken)


def _step_length(
    equations: SlackVectorEquations,
    state: State,
    direction: Array,
    strength: Array,
    size: Array,
    before: Array,
    accuracy: float,
) -> Array:
    """Return 1 for a step that is short or lowers the residual, else what keeps it short.

    Long steps are right where a minority class moves far out (squared norms of hundreds), and
    wrong where the linearisation overshoots; the residual tells.
    """
    cautious = np.minimum(1.0, MAX_MOVE / np.maximum(size, MAX_MOVE))
    if (cautious == 1.0).all():
        return cautious
    moved = _moved(state, direction, strength, np.ones_like(size))
    moments = equations.moments(moved, accuracy)
    after = _residual_size(equations, *equations.residuals(moved, moments))
    return np.where(after < 0.9 * before, 1.0, cautious)


def _residual_size(equations: SlackVectorEquations, residual: Array, own: Array) -> Array:
    """Return the size of all residuals, that of the trace of a budget included, (B,)."""
    size = np.sqrt((residual**2).sum(axis=(1, 2)))
    if equations.is_budget:
        excess = own @ equations.mass / (equations.total_mass * equations.parameters) - 1
        size = size + np.abs(excess)
    return np.where(np.isfinite(size), size, np.inf)


def _moved(state: State, direction: Array, strength: Array, scale: Array) -> State:
    step = direction * scale[:, None, None]
    return State(
        state.log_slack + step[:, 0],
        state.log_normalizer + step[:, 1],
        state.log_strength + strength * scale,
    )


def _direction(
    equations: SlackVectorEquations,
    state: State,
    jacobian: StructuredJacobian | None,
    accuracy: float,
) -> tuple[Array, Array, Array, StructuredJacobian | None]:
    """Return the Newton direction, by a Jacobian that is given or that at the state.

    That is (B, 2, m), the direction of log λ (B,), zero unless budget, the size (B,) of the
    residual that it starts from, and the Jacobian.
    """
    moments = equations.moments(state, accuracy)
    residual, own = equations.residuals(state, moments)
    before, none = _residual_size(equations, residual, own), np.zeros(len(residual))
    if not np.isfinite(residual).any():
        return np.full_like(residual, np.nan), none, before, None
    if jacobian is None:
        jacobian = equations.jacobian(state, moments)
    if not equations.is_budget:
        return jacobian.solve(-residual[..., None])[..., 0], none, before, jacobian
    by_strength, own_by_strength = equations.by_parameter(state, moments)
    both = jacobian.solve(np.stack([-residual, by_strength], axis=3))
    # bordered system: the trace equation fixes how far log λ moves along the tangent
    slope = equations.mass * equations.own_derivatives(state, moments)
    excess = own @ equations.mass - equations.total_mass * equations.parameters
    gained = (slope * both[..., 0]).sum(axis=(1, 2))
    lost = (slope * both[..., 1]).sum(axis=(1, 2)) - own_by_strength @ equations.mass
    strength = (excess + gained) / lost
    direction = both[..., 0] - both[..., 1] * strength[:, None, None]
    return direction, strength, before, jacobian

"""Expected losses of batches behind a ReLU: orthogonal classes, k problems in one number each.

Every inner product of different classes only raises the loss, and over H ≥ 0 none is below zero, as
in `screlax.equations.orthogonal`. With m_c the squared norms there remain (τ = 1)

    minimise  a_c E[ 1 log(V b_c + V − 1 + V e^{−m_c} Σ b_c') ] + y_c m_c   over m_c ≥ 0,

coupled by the multiplier of a budget alone. The slope of the loss falls with m_c nearly like
e^{−m_c}, so that Newton's method on its logarithm takes a few steps.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import optimize

from ...gram.cells import CellGram, Level
from ...problem.program import Program, build_program
from ...problem.ufm import UFM
from ...types import Vector

_MAX_STEPS = 60
_CONVERGED = 1e-9
"""A step below this leaves an error of its square."""

_LONGEST = 4.0


def orthogonal_in_batches(problem: UFM) -> CellGram | None:
    """Return the best orthogonal classes at orbit level; None if they are not found.

    Parameters
    ----------
    problem : UFM
        Of an expected loss.

    Examples
    --------
    >>> import screlax
    >>> from screlax.solve.batches.orthogonal import orthogonal_in_batches
    >>> batches = screlax.batches.RandomBatches(16)
    >>> problem = screlax.UFM([40, 10, 5], screlax.Ball(2.0), batches=batches)
    >>> orthogonal_in_batches(problem).own
    array([2., 2., 2.])
    """
    relaxation = build_program(problem, Level.ORBITS)
    cells, control = relaxation.cells, relaxation.control
    if control.fixes_norms:
        return _orthogonal(relaxation, control.limits(cells))
    own = np.full(len(cells), 1.0 if control.is_penalty else control.parameter)
    for _ in range(_MAX_STEPS):
        found = _stepped(relaxation, own)
        size = float(np.abs(found - own).max())
        if not math.isfinite(size):
            return None
        own = own + np.clip(found - own, -_LONGEST, _LONGEST)
        if size < _CONVERGED:
            return _orthogonal(relaxation, own)
    return None


def _orthogonal(relaxation: Program, own: Vector) -> CellGram:
    return CellGram(own, np.diag(np.where(relaxation.cells.points == 1, own, 0.0)))


def _stepped(relaxation: Program, own: Vector) -> Vector:
    """Return the norms after a Newton step."""
    loss, mass = relaxation.loss, relaxation.cells.mass
    at = loss.expand(_orthogonal(relaxation, own))
    longer = CellGram(np.ones_like(own), np.zeros((len(own), len(own))))
    slope, bend = -loss.gradient(at).own, loss.curvature(at, longer).own
    gains = slope > 0
    log_rate = np.log(np.where(gains, 2 * slope / mass, 1.0))
    each = np.where(gains, slope / np.where(gains, bend, 1.0), 0.0)

    def moved(log_strength: float) -> Vector:
        return np.maximum(0.0, np.where(gains, own + each * (log_rate - log_strength), 0.0))

    if relaxation.control.is_penalty:
        return moved(math.log(relaxation.control.parameter))
    limit = relaxation.control.parameter * float(mass.sum())

    def excess(log_strength: float) -> float:
        return float(mass @ moved(log_strength)) - limit

    high = float((log_rate + own / np.where(gains, each, 1.0))[gains].max())
    low = high - 1.0
    while excess(low) < 0:
        low -= 2 * (high - low)
    return moved(float(optimize.brentq(excess, low, high, xtol=1e-14, rtol=1e-14)))

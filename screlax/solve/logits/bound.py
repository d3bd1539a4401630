"""The price μ at which the nuclear norm is a bound ρ.

The least value at price μ is a concave function of μ whose derivative is ‖Y‖_*, so that the norm
falls from infinity to zero at the price from which on zero is optimal. It is nearly linear in
log μ, which secants are drawn in, inside a bracket. Every point starts near the one before and is
only as exact as its secant can use.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Protocol

from .newton import EXACT
from .penalty import Optimum

_CLOSE = 1e-13
_MOST = 60
_FARTHEST = math.log(1e4)
_LOOSEST = 1e-7
_PATIENCE = 12
_SLOW = 3
"""Steps in which the bracket should have halved."""


class Solve(Protocol):
    """Finds the optimum for a price, from near another one."""

    def __call__(self, weight: float, near: Optimum | None, tolerance: float) -> Optimum:
        """Return it; `tolerance` is that of `screlax.solve.logits.newton.polish`."""


@dataclass(frozen=True)
class Guess:
    """A price by its logarithm, and how the norm changes with that."""

    log_price: float
    slope: float


def at_norm(
    solve: Solve,
    bound: float,
    most: float,
    guess: Guess | None,
    near: Optimum | None,
    deadline: float = math.inf,
) -> tuple[Optimum, Guess]:
    """Return the optimum whose norm is a bound, and a guess for a better `solve`.

    Parameters
    ----------
    solve : callable
    bound : float
        ρ > 0.
    most : float
        The least price at which zero is optimal.
    guess : Guess or None
    near : Optimum or None
        Where to begin.
    deadline : float
        Value of `time.perf_counter()` after which to stop.
    """
    above, below = math.log(most), -math.inf  # norm too small, norm too large
    slope = -math.inf if guess is None else guess.slope
    here = above - math.log(2.0) if guess is None else min(guess.log_price, above - 1e-9)
    last = (above, -bound) if guess is None else (here, math.inf)
    tolerance, closest, better = (_LOOSEST if guess is None else EXACT), near, 0
    best, widths = (True, math.inf), [math.inf]  # rough points come after exact ones
    for number in range(_MOST):
        near = solve(math.exp(here), near, tolerance)
        error = near.norm - bound
        rank = (tolerance > EXACT, abs(error))
        if rank < best or closest is None:
            best, closest, better = rank, near, number
        is_close = abs(error) <= _CLOSE * bound and tolerance <= EXACT
        if is_close or number > better + _PATIENCE or time.perf_counter() > deadline:
            break
        if abs(error) > tolerance * bound or tolerance <= EXACT:  # else its sign is not known
            above, below = (above, here) if error > 0 else (here, below)
        if math.isfinite(last[1]) and here != last[0]:
            slope = (error - last[1]) / (here - last[0])
        following = here - error / slope if slope < 0 else -math.inf
        following = max(following, here - _FARTHEST)
        widths.append(above - below)
        is_slow = len(widths) > _SLOW and widths[-1] > widths[-1 - _SLOW] / 2
        if not below < following < above or is_slow:
            following = (above + below) / 2 if below > -math.inf else here - _FARTHEST / 2
            widths = widths[-1:]
        product = abs(error) * min(abs(last[1]), bound) / bound**2
        tolerance = min(max(EXACT, 1e-2 * product), _LOOSEST)
        last = here, error
        if following in (here, above, below):
            break
        here = following
    assert closest is not None
    return closest, Guess(math.log(closest.rows.weight), slope)

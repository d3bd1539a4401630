"""The multipliers of linear constraints: what each bound costs at the optimum."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..gram.cells import Level
from ..problem.program import bounds_at

if TYPE_CHECKING:
    from .solution import Solution

_BINDS = 1e-6
"""Distance from a bound up to which it binds, relative to what the constraint sums."""


@dataclass(frozen=True)
class ConstraintMultiplier:
    """One linear constraint lower ≤ ⟨A, G⟩ ≤ upper at the optimum, and the price of its bound.

    Attributes
    ----------
    constraint : str
        The constraint, or its name.
    value : float
        ⟨A, G⟩ at the Gram matrix that was found, in its units.
    bound : {"upper", "lower", "equal", "none"}
        The bound that the multiplier is of: that which binds.
    limit : float
        That bound; NaN where none binds.
    by_bound : float
        Derivative of the optimal value, summed over anchors, by that bound: −y/τ of the multiplier
        y of the Lagrangian, at most zero for an upper bound, which loosens as it grows, at least
        zero for a lower one. Zero where none binds. Where several are optimal (constraints that
        say the same, an optimum with a kink) it is one of them.

    Examples
    --------
    >>> import screlax
    >>> angle = screlax.constraints.Linear({(1, 2): 1.0}, upper=-0.5)
    >>> solution = screlax.solve_relaxation(
    ...     [50, 20, 5], screlax.Sphere(1.0), constraints=[angle]
    ... )
    >>> print(solution.constraint_multipliers[0])
    G[1, 2] ≤ -0.5: binds at -0.5, value by its upper bound -4
    """

    constraint: str
    value: float
    bound: str
    limit: float
    by_bound: float

    def record(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {**asdict(self), "limit": None if math.isnan(self.limit) else self.limit}

    def __str__(self) -> str:
        if self.bound == "none":
            return f"{self.constraint}: does not bind, value {self.value:.6g}"
        named = "number" if self.bound == "equal" else f"{self.bound} bound"
        return (
            f"{self.constraint}: binds at {self.limit:.6g}, value by its {named} "
            f"{self.by_bound:.3g}"
        )


def constraint_multipliers(solution: Solution) -> tuple[ConstraintMultiplier, ...]:
    """Return one for each linear constraint; none where others are functions, which have none."""
    problem, tau = solution.problem, solution.problem.temperature
    linear, convex = bounds_at(problem, Level.ORBITS)
    if linear is None or convex is not None:
        return ()
    given = None if solution.orbit_dual is None else solution.orbit_dual.linear
    dual = np.zeros(len(linear)) if given is None else linear.admissible(given)
    gram = solution.point_gram.dense().scaled(1 / tau)
    values, sizes = linear.values(gram), linear.sizes(gram)
    found = []
    for place, (name, value, y) in enumerate(zip(linear.names, values, dual, strict=True)):
        low, high = linear.lower[place], linear.upper[place]
        limit = high if y > 0 else low
        if y == 0 or abs(value - limit) > _BINDS * sizes[place]:  # what solvers leave of zero
            found.append(ConstraintMultiplier(name, float(tau * value), "none", math.nan, 0.0))
            continue
        bound = "equal" if low == high else "upper" if y > 0 else "lower"
        numbers = float(tau * value), bound, float(tau * limit), float(-y / tau)
        found.append(ConstraintMultiplier(name, *numbers))
    return tuple(found)

"""The two verdicts a certificate can give."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """What the certificate proved, never what the solver said.

    Examples
    --------
    >>> import screlax
    >>> solution = screlax.solve_relaxation([50, 20, 5], screlax.Sphere(1.0))
    >>> solution.status is screlax.Status.OPTIMAL, solution.status == "optimal"
    (True, True)
    """

    OPTIMAL = "optimal"
    """The certified relative gap is at most the tolerance."""

    INACCURATE = "inaccurate"
    """A feasible point with a certified gap above the tolerance."""

"""The two verdicts a certificate can give."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """What the certificate proved, never what the solver said."""

    OPTIMAL = "optimal"
    """The certified relative gap is at most the tolerance."""

    INACCURATE = "inaccurate"
    """A feasible point with a certified gap above the tolerance."""

"""Counting attacks, and keeping the false proofs they found."""

from __future__ import annotations

import math
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mpmath

from screlax import Certificate
from screlax.errors import ScrelaxError

from .logit_truth import LogitTruth
from .truth import Truth

_KEPT = 20
_ROUNDING = 1e-13
"""Excess, relative to the optimum, up to which a false bound is one of rounding."""


@dataclass
class Tally:
    """What became of the attacks of one kind.

    Attributes
    ----------
    kind : str
    tried : int
        Attacks made.
    refused : int
        How many ended in an error of screlax's own.
    unproved : int
        How many ended in bounds that screlax itself does not call optimal.
    false : int
        False statements: a bound on the wrong side of the optimum, a bound out of order, a Gram
        matrix that is not feasible or not worth what is claimed, an exception that is no error
        message.
    rounding : int
        How many of those are bounds beyond the optimum by no more than rounding.
    worst : float
        Largest excess of a false bound, relative to the optimum.
    found : list of (float, str)
        The worst ones.
    """

    kind: str
    tried: int = 0
    refused: int = 0
    unproved: int = 0
    false: int = 0
    rounding: int = 0
    worst: float = 0.0
    found: list[tuple[float, str]] = field(default_factory=list)

    def report(self, text: str, excess: float = math.inf) -> None:
        """Count one false statement; those that are no number have no excess."""
        self.false += 1
        self.rounding += excess <= _ROUNDING
        if math.isfinite(excess):
            self.worst = max(self.worst, excess)
        self.found = sorted([*self.found, (excess, text)], key=_gravity, reverse=True)[:_KEPT]

    @contextmanager
    def attack(self, what: str) -> Iterator[None]:
        """Count one attack; screlax may refuse it, any other exception is reported."""
        self.tried += 1
        try:
            yield
        except ScrelaxError:
            self.refused += 1
        except Exception as error:  # noqa: BLE001  (that is what an attack looks for)
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            self.report(f"{what}: {type(error).__name__} in {where}: {error}")

    def check_bounds(self, what: str, certificate: Certificate, truth: Truth | LogitTruth) -> None:
        """Compare two proved bounds with the optimum and with each other."""
        lower, upper, scale = certificate.lower, certificate.upper, abs(truth.upper)
        if not lower <= truth.upper:
            excess = float((lower - truth.upper) / scale)
            self.report(f"{what}: lower {lower!r} > optimum {digits(truth.upper)}", excess)
        if not upper >= truth.lower:
            excess = float((truth.lower - upper) / scale)
            self.report(f"{what}: upper {upper!r} < optimum {digits(truth.lower)}", excess)
        if not (certificate.gap >= 0 and certificate.relative_gap >= 0):
            excess = abs(certificate.relative_gap)
            self.report(f"{what}: gap {certificate.gap!r}, {certificate.relative_gap!r}", excess)
        if not certificate.infimum <= lower <= upper:
            order = f"infimum {certificate.infimum!r}, lower {lower!r}, upper {upper!r}"
            self.report(f"{what}: {order}")
        if not certificate.infimum <= truth.program.infimum:
            self.report(f"{what}: infimum {certificate.infimum!r}")


def _gravity(found: tuple[float, str]) -> tuple[bool, float]:
    """Sort false bounds before what is no number, and rounding last."""
    excess, _ = found
    return _ROUNDING < excess < math.inf, excess


def digits(value: Any) -> str:
    """Return a number of high precision as text, some digits beyond double precision."""
    return str(mpmath.nstr(value, 22))

"""What every backend takes and gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..errors import InvalidInputError
from ..gram.cells import Level
from ..gram.curve import AnyGram
from ..problem.ufm import UFM
from ..proof.dual import DualPoint


@dataclass(frozen=True)
class SolverOptions:
    """What the caller asked of a solver.

    Attributes
    ----------
    tol : float
        Certified relative gap that is wanted.
    time_limit : float or None
        Seconds; the solver stops with its best point so far.
    verbose : bool
        Whether the solver may print.
    extra : mapping
        Options in the solver's own spelling, passed through untouched.
    """

    tol: float
    time_limit: float | None = None
    verbose: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class BackendResult:
    """A point that a backend ended at; nothing about it is taken on trust.

    Attributes
    ----------
    gram : CellGram or SlackVectorGram
        Approximate solution G/τ; the latter at orbit level.
    duals : tuple of DualPoint
        Dual variables the solver also found, as further candidates for the certificate.
    iterations : int or None
        Iterations the solver counted, where it counts.
    message : str
        The solver's own status word, kept for the record only.
    seconds : mapping
        Wall time of the backend's phases.
    """

    gram: AnyGram
    duals: tuple[DualPoint, ...] = ()
    iterations: int | None = None
    message: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)


class Backend(Protocol):
    """A way to an approximate solution of a relaxation.

    Attributes
    ----------
    name : str
        What `solve_relaxation` calls it.
    default_tol : float
        Certified relative gap that it usually reaches: the tolerance where none is given.
    """

    name: str
    default_tol: float

    def why_not(self, problem: UFM, level: Level) -> str | None:
        """Return why this backend cannot take the problem, or None when it can."""

    def solve(self, problem: UFM, level: Level, options: SolverOptions) -> BackendResult:
        """Return an approximate solution at the level, feasible or not.

        Raises
        ------
        SolverFailedError
            If there is no finite point to return.
        """


def reject_options(name: str, options: SolverOptions) -> None:
    """Raise an `InvalidInputError` that names them if a backend without options was given any."""
    if options.extra:
        raise InvalidInputError(
            f"solver {name!r} takes no options of its own, got {sorted(options.extra)}"
        )

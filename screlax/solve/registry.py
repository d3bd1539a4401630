"""The registry: from a solver's name to a backend, and the choice `auto` makes."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import InvalidInputError
from ..gram.cells import Level
from ..problem.ufm import UFM
from .base import Backend, BackendResult, SolverOptions
from .cascade import BurerMonteiroBackend, NativeBackend, SlackVectorBackend
from .closed_form import ClosedFormBackend
from .conic import ConicBackend
from .conic_solvers import installed_conic_solvers

__all__ = [
    "Backend",
    "BackendResult",
    "SlackVectorBackend",
    "SolverOptions",
    "available_solvers",
    "choose_backend",
]

_NATIVE: dict[str, Callable[[], Backend]] = {
    backend.name: backend
    for backend in (ClosedFormBackend, NativeBackend, SlackVectorBackend, BurerMonteiroBackend)
}


def available_solvers() -> list[str]:
    """Return every solver name that `solve_relaxation` accepts on this machine."""
    return [*_NATIVE, *installed_conic_solvers()]


def choose_backend(solver: str, problem: UFM, level: Level) -> tuple[Backend, str]:
    """Return the backend for a problem, and why it was chosen.

    Raises
    ------
    SolverUnavailableError, SolverCapabilityError
        If the solver is not installed or cannot take the cones.
    InvalidInputError
        If the solver cannot take this problem, with its reason.
    """
    if solver.lower() == "auto":
        return _best_backend(problem, level)
    if solver.lower() in _NATIVE:
        backend = _NATIVE[solver.lower()]()
        reason = backend.why_not(problem, level)
        if reason is not None:
            raise InvalidInputError(f"solver {solver!r} cannot take this problem: {reason}")
        return backend, "requested"
    return ConicBackend(solver), "requested"


def _best_backend(problem: UFM, level: Level) -> tuple[Backend, str]:
    closed_form = ClosedFormBackend()
    if closed_form.why_not(problem, level) is None:
        return closed_form, "the problem has a closed form"
    return (
        NativeBackend(),
        "the default where there is no closed form; conic solvers are the reference",
    )

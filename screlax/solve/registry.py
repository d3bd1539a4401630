"""From a solver's name to a method, and the choice `auto` makes."""

from __future__ import annotations

from ..errors import InvalidInputError
from ..extensions import load_installed
from ..gram.cells import Level
from ..problem.ufm import UFM
from .base import METHODS, Method
from .cascade import Native
from .closed_form import ClosedForm
from .conic import Conic
from .conic_solvers import installed_conic_solvers


def available_solvers() -> list[str]:
    """Return every solver name that `solve_relaxation` accepts on this machine."""
    load_installed()
    return [*METHODS, *installed_conic_solvers()]


def choose_method(solver: str, problem: UFM, level: Level) -> tuple[Method, str]:
    """Return the method for a problem, and why it was chosen.

    Raises
    ------
    SolverUnavailableError, SolverCapabilityError
        If the solver is not installed or cannot take the cones.
    InvalidInputError
        If the solver cannot take this problem, with its reason.
    """
    name = solver.lower()
    if name == "auto":
        return _best_method(problem, level)
    if name not in METHODS:
        load_installed()
    if name in METHODS:
        method = METHODS[name]()
        reason = method.why_not(problem, level)
        if reason is not None:
            raise InvalidInputError(f"solver {solver!r} cannot take this problem: {reason}")
        return method, "requested"
    return Conic(solver), "requested"


def _best_method(problem: UFM, level: Level) -> tuple[Method, str]:
    if not problem.has_linear_constraints:
        name = "CLARABEL" if "CLARABEL" in installed_conic_solvers() else "SCS"
        return Conic(name), "constraints that are functions of the cvxpy variable"
    closed_form = ClosedForm()
    if closed_form.why_not(problem, level) is None:
        return closed_form, "the problem has a closed form"
    reason = "the default where there is no closed form; conic solvers are the reference"
    return Native(), reason

"""Solvers reached through cvxpy: which are installed, how each spells a tolerance, what they need.

The memory figures are fits to measured peak memory on the orbit problem without repeated sizes
(m cells: m² exponential cones, a PSD block of m(m+1)/2 entries).
"""

from __future__ import annotations

from typing import Any

from ..errors import SolverCapabilityError, SolverUnavailableError
from ..spelling import hint
from .base import METHODS, SolverOptions

FIRST_ORDER = frozenset({"SCS", "COSMO"})
"""Solvers that factor only the constraint matrix; all others are taken as interior-point."""

_EXTRAS = {
    "CLARABEL": "pip install 'screlax[clarabel]'",
    "MOSEK": "pip install mosek, and a licence",
    "SCS": "pip install scs",
}


def installed_conic_solvers() -> list[str]:
    """Return the installed solvers that take semidefinite and exponential cones.

    Each candidate is asked to compile a two-by-two problem; nothing is solved.
    """
    import cvxpy

    return [name for name in cvxpy.installed_solvers() if _takes_cones(name)]


def resolve_conic_solver(name: str) -> str:
    """Return cvxpy's spelling of a solver name.

    Raises
    ------
    SolverUnavailableError
        If it is unknown or not installed; names the installed ones and what to install.
    SolverCapabilityError
        If it is installed but cannot take the cones.
    """
    import cvxpy

    wanted = name.upper()
    if wanted not in cvxpy.installed_solvers():
        usable = ", ".join(installed_conic_solvers()) or "none"
        known = wanted in _EXTRAS or wanted in cvxpy.settings.SOLVERS
        remedy = _EXTRAS.get(wanted, f"install the Python package of {name}")
        near = "" if known else hint(name, [*METHODS, "auto", *cvxpy.settings.SOLVERS])
        raise SolverUnavailableError(
            f"solver {name!r} is {'not installed' if known else 'unknown'}{near}; "
            f"installed solvers that take this problem: {usable}"
            + (f"; to add it: {remedy}" if known else "")
        )
    if not _takes_cones(wanted):
        usable = ", ".join(installed_conic_solvers()) or "none"
        raise SolverCapabilityError(
            f"solver {name!r} is installed but does not take semidefinite and exponential cones; "
            f"installed solvers that do: {usable}"
        )
    return wanted


def solver_arguments(name: str, options: SolverOptions, eps: float) -> dict[str, Any]:
    """Return cvxpy keyword arguments: tolerance and time limit in the solver's own spelling.

    The certified gap is what counts, so that a solver is asked for `eps`, somewhat more than the
    tolerance: a model says how much. Explicit options of the caller win.
    """
    limit = options.time_limit
    arguments: dict[str, Any] = {}
    if name == "SCS":
        arguments = {"eps_abs": eps, "eps_rel": eps, "max_iters": 200_000}
        if limit is not None:
            arguments["time_limit_secs"] = limit
    elif name == "CLARABEL":
        arguments = {"tol_gap_abs": eps, "tol_gap_rel": eps, "tol_feas": eps}
        arguments["accept_unknown"] = True  # a stalled point is certified like any other
        if limit is not None:
            arguments["time_limit"] = limit
    elif name == "MOSEK":
        parameters = {
            f"MSK_DPAR_INTPNT_CO_TOL_{which}": eps for which in ("REL_GAP", "PFEAS", "DFEAS")
        }
        if limit is not None:
            parameters["MSK_DPAR_OPTIMIZER_MAX_TIME"] = limit
        arguments = {"mosek_params": parameters, "accept_unknown": True}
    return {**arguments, **options.extra}


def conic_memory(name: str, cells: int) -> float:
    """Estimate the peak memory in bytes of modelling and solving.

    Parameters
    ----------
    name : str
        cvxpy's name of the solver.
    cells : int
        Order of the PSD block; there are about as many exponential cones as its entries.
    """
    triangle = cells * (cells + 1) / 2
    modelling = 8000 * triangle
    return modelling if name in FIRST_ORDER else modelling + 60 * triangle**2


def _takes_cones(name: str) -> bool:
    import cvxpy

    gram = cvxpy.Variable((2, 2), PSD=True)
    exponent = cvxpy.Variable()
    probe = cvxpy.Problem(
        cvxpy.Minimize(cvxpy.trace(gram)), [cvxpy.ExpCone(exponent, gram[0, 0], gram[1, 1])]
    )
    try:
        probe.get_problem_data(name)
    except (cvxpy.error.SolverError, cvxpy.error.DCPError):
        return False
    return True

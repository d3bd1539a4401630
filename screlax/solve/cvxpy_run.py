"""Running a solver on a cvxpy problem, without cvxpy's warnings; what it says of itself."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any, ClassVar

import numpy as np

from ..solution.solver_statistics import Cones, SolverStatistics

Memory = MutableMapping[str, Any]
"""Where a solver ended at the last point of a path, by form of the program; the next starts there.
"""

WARM = frozenset({"SCS"})
"""Solvers that start from an iterate; an interior-point method starts from its own centre."""


@dataclass(frozen=True)
class Run:
    """How a run ended: cvxpy's word for the status, and the solver's own account."""

    status: str
    statistics: SolverStatistics


class CvxpyModel:
    """A cvxpy problem, and the form of the program that it is."""

    form: ClassVar[str]
    problem: Any

    def solve(
        self, solver: str, verbose: bool, arguments: dict[str, Any], memory: Memory | None = None
    ) -> Run:
        """Run a solver, from what is in the memory; return how it ended."""
        return run_cvxpy(self.problem, solver, verbose, arguments, self.form, memory)


def run_cvxpy(
    problem: Any,
    solver: str,
    verbose: bool,
    arguments: dict[str, Any],
    form: str,
    memory: Memory | None = None,
) -> Run:
    """Run a solver; leave its numbers in the variables and return how it ended.

    It starts from what is in the memory, where that is of a program of this shape, and leaves its
    own end there. Posing is not repeated from parameters: it takes 0.03 s where SCS takes a minute.

    The steps of `cvxpy.Problem.solve` without its warning that the solution may be inaccurate,
    which the certificate supersedes: warning filters belong to all threads of the process.
    """
    import cvxpy

    data, chain, inverse = problem.get_problem_data(solver, verbose=verbose, solver_opts=arguments)
    start = None if memory is None or solver not in WARM else memory.get(form)
    if start is not None and _fits(start, data):
        given = {"scale": start["info"]["scale"], **arguments}
        found = chain.solver.solve_via_data(data, True, verbose, given, {solver: start})
    else:
        found = chain.solve_via_data(problem, data, False, verbose, dict(arguments))
    solution = chain.invert(found, inverse)
    if solution.status in cvxpy.settings.ERROR:
        raise cvxpy.error.SolverError(f"its status is {solution.status}")
    problem.unpack(solution)
    if memory is not None and solver in WARM:
        memory[form] = found
    said = _WORDS.get(solver, _told_by_cvxpy)(found, solution)
    return Run(
        str(solution.status),
        SolverStatistics(form, solver, _version(solver), **said, **_sizes(data)),
    )


def _fits(start: Any, data: Any) -> bool:
    """Whether an iterate is finite, and of a program of this shape."""
    rows, variables = data["A"].shape
    return (
        start["x"].shape == (variables,)
        and start["y"].shape == start["s"].shape == (rows,)
        and all(np.isfinite(start[name]).all() for name in ("x", "y", "s"))
    )


def cone_sizes(dims: Any) -> Cones:
    """Return cvxpy's dimensions of cones as SCS spells them, those there are."""
    sizes: dict[str, int | tuple[int, ...]] = {"z": int(dims.zero), "l": int(dims.nonneg)}
    sizes |= {"q": tuple(dims.soc), "s": tuple(dims.psd), "ep": int(dims.exp)}
    return {name: size for name, size in sizes.items() if size}


def _sizes(data: Any) -> dict[str, Any]:
    """Return the sizes of a cone program, where cvxpy hands it over as matrices and cones."""
    matrix, dims = data.get("A"), data.get("dims")
    if matrix is None or dims is None:
        return {"variables": None, "rows": None, "nonzeros": None, "cones": {}}
    rows, variables = map(int, matrix.shape)
    return {
        "variables": variables,
        "rows": rows,
        "nonzeros": int(matrix.nnz),
        "cones": cone_sizes(dims),
    }


def _version(solver: str) -> str:
    """Return the release of a solver's package, which most are named like."""
    try:
        return metadata.version(solver.lower())
    except metadata.PackageNotFoundError:
        return ""


def _told_by_scs(found: Any, _solution: Any) -> dict[str, Any]:
    info = found["info"]
    return {
        "status": str(info["status"]),
        "iterations": int(info["iter"]),
        "primal_residual": float(info["res_pri"]),
        "dual_residual": float(info["res_dual"]),
        "gap": float(info["gap"]),
        "setup_seconds": info["setup_time"] / 1000,
        "solve_seconds": info["solve_time"] / 1000,
    }


def _told_by_clarabel(found: Any, _solution: Any) -> dict[str, Any]:
    return {
        "status": str(found.status),
        "iterations": int(found.iterations),
        "primal_residual": float(found.r_prim),
        "dual_residual": float(found.r_dual),
        "gap": abs(float(found.obj_val) - float(found.obj_val_dual)),
        "setup_seconds": None,
        "solve_seconds": float(found.solve_time),
    }


def _told_by_cvxpy(_found: Any, solution: Any) -> dict[str, Any]:
    """Return what cvxpy reads of any other solver."""
    attributes = solution.attr
    iterations = attributes.get("num_iters")
    return {
        "status": str(solution.status),
        "iterations": None if iterations is None else int(iterations),
        "primal_residual": None,
        "dual_residual": None,
        "gap": None,
        "setup_seconds": attributes.get("setup_time"),
        "solve_seconds": attributes.get("solve_time"),
    }


_WORDS: dict[str, Callable[[Any, Any], dict[str, Any]]] = {
    "SCS": _told_by_scs,
    "CLARABEL": _told_by_clarabel,
}
"""How to read what a solver says of itself; of others there is what cvxpy reads."""

"""Running a solver on a cvxpy problem, without cvxpy's warnings."""

from __future__ import annotations

from typing import Any


def run_cvxpy(
    problem: Any, solver: str, verbose: bool, arguments: dict[str, Any]
) -> tuple[str, int | None]:
    """Run a solver; return its status and number of iterations.

    The steps of `cvxpy.Problem.solve` without its warning that the solution may be inaccurate,
    which the certificate supersedes: warning filters belong to all threads of the process.
    """
    import cvxpy

    data, chain, inverse = problem.get_problem_data(solver, verbose=verbose, solver_opts=arguments)
    found = chain.solve_via_data(problem, data, False, verbose, dict(arguments))
    solution = chain.invert(found, inverse)
    if solution.status in cvxpy.settings.ERROR:
        raise cvxpy.error.SolverError(f"its status is {solution.status}")
    problem.unpack(solution)
    iterations = solution.attr.get(cvxpy.settings.NUM_ITERS)
    return str(solution.status), None if iterations is None else int(iterations)

"""Regularisation paths: one problem at many strengths, radii or temperatures, each certified.

The native method solves all points together: the slack vector is interpolated in ρ, or in the log
odds of λ, from thirty-three Chebyshev points, which leaves one or two Newton steps a point, taken
in batches. A method that is named takes them in turn (`in_turn`).
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..checks import check_kind
from ..equations.slack_vector import equations_for
from ..gram.cells import Level
from ..gram.curve import SlackVectorGram
from ..problem.ufm import UFM
from ..proof.certificate import Certificate
from ..proof.structured import prove
from ..samples.workers import Workers
from ..solution.solution import Solution
from .base import SolverOptions, reject_options
from .cascade import Native, SlackVector
from .in_turn import point_named, solved_in_turn
from .path_problems import problems_of_path
from .slack_vector.interpolated import interpolated_starts
from .slack_vector.newton import newton
from .solve import check_limits, solve_relaxation, warn_of_gap

_MAX_POLISHING = 8
_BATCH_NUMBERS = 25_000
"""Kernel entries evaluated at once: enough to amortise the interpreter, few enough for a cache."""


def regularization_path(
    problem: UFM,
    strengths: ArrayLike | None = None,
    *,
    temperatures: ArrayLike | None = None,
    batch_sizes: ArrayLike | None = None,
    vary: str | None = None,
    points: int | None = None,
    tol: float | None = None,
    solver: str = "auto",
    warm_start: bool = True,
    **solver_options: Any,
) -> list[Solution]:
    """Solve a problem along a path of its control's parameter, the temperature or the batch size.

    Parameters
    ----------
    problem : UFM
        Its own parameter (or temperature) is replaced along the path.
    strengths : array-like, optional
        Values of λ (ridge) or ρ (ball, sphere, budget), in the order wanted. By default `points`
        values in geometric progression: λ from λ_max down to λ_max/10⁶, or to where the objective
        is bounded (`UFM.bounded_threshold`), ρ from 10τ/10³ to 10τ.
    temperatures : array-like, optional
        Values of τ instead; not together with `strengths`.
    batch_sizes : array-like of int, optional
        Sizes of mini-batches instead: of the problem's sampler, else of shuffled batches.
    vary : str, optional
        Which number of a control with several moves, by its name: of `WeightDecay` and
        `LayerPeeled` "features" or "classifier", the other staying. By default all move in
        proportion, and strengths are their geometric mean (`Control.parameter`).
    points : int, default 100
        Number of points of the default path, of no other.
    tol : float, optional
        Relative gap up to which a point counts as optimal: by default 1e-9, and 1e-6 for conic
        solvers.
    solver : str, default "auto"
        "auto" and "native" solve all points together; any other name that `solve_relaxation` takes
        solves them in turn.
    warm_start : bool, default True
        Whether SCS starts each point from where it ended at the last one, iterates and scale. It
        changes the iterations, not what is proved; other methods have no use for it.
    **solver_options
        Passed through to a conic solver in its own spelling; the other solvers take none.

    Returns
    -------
    list of Solution
        One per point, in order. Points at which the slack is not of rank one (singletons, minority
        collapse) are solved one by one with ``solver="auto"``.

    Raises
    ------
    InvalidInputError
        If several kinds of path are given, or a value is not positive and finite.
    SolverUnavailableError, SolverCapabilityError, SolverFailedError
        As `solve_relaxation`, of a solver that is named.

    Warns
    -----
    InaccurateWarning
        For every point that a named solver leaves with a larger gap.

    Examples
    --------
    >>> import screlax
    >>> problem = screlax.UFM([50, 20, 5], screlax.Ridge(0.1))
    >>> path = screlax.regularization_path(problem, points=10)
    >>> {str(solution.status) for solution in path}
    {'optimal'}
    >>> path[0].rank, path[-1].rank  # from λ_max, where the optimum is zero
    (0, 2)
    >>> conic = screlax.regularization_path(problem, [0.2, 0.1, 0.05], solver="SCS")
    >>> alone = screlax.solve_relaxation(conic[-1].problem, solver="SCS")
    >>> conic[-1].iterations < alone.iterations  # it started from the optimum at 0.1
    True
    """
    check_kind(problem, UFM, "problem")
    check_limits(solver, tol, None)
    problems = problems_of_path(problem, strengths, temperatures, batch_sizes, vary, points)
    if solver.lower() not in ("auto", "native"):
        found = solved_in_turn(
            problems, solver=solver, tol=tol, warm_start=warm_start, **solver_options
        )
        for solution in found:
            warn_of_gap(solution)
        return found
    tol = Native.default_tol if tol is None else tol
    reject_options(solver, SolverOptions(tol, extra=solver_options))
    start = time.perf_counter()
    with Workers(1):  # BLAS threads cost these small products more than they save
        proofs = _batched_proofs(problems)
    seconds = (time.perf_counter() - start) / len(problems)
    return [
        _solution(member, proved, tol, seconds)
        for member, proved in zip(problems, proofs, strict=True)
    ]


_Proved = tuple[Certificate, SlackVectorGram]


def _batched_proofs(problems: list[UFM]) -> list[_Proved | None]:
    """Return, for each point, a certificate in O(m) and the Gram matrix it is of, or None."""
    located: list[_Proved | None] = [None] * len(problems)
    if SlackVector().why_not(problems[0], Level.ORBITS) is not None:
        return located
    inside = [number for number, member in enumerate(problems) if not member.is_zero_optimal()]
    controls = [problems[number].control_at_unit_temperature for number in inside]
    if not controls:
        return located
    parameters = np.array([control.parameter for control in controls])
    everything = equations_for(problems[inside[0]], parameters)
    starts = interpolated_starts(everything)
    size = max(1, _BATCH_NUMBERS // (16 * problems[0].points.orbits))
    for first in range(0, len(inside), size):
        batch = slice(first, first + size)
        local = everything.at(parameters[batch])
        # the step tells, not the gap: that is of second order, and nothing where ρ/τ is large
        polished = newton(local, starts.pick(batch), max_steps=_MAX_POLISHING)
        proof = prove(local, polished.state)
        for index, number in enumerate(inside[batch]):
            if polished.converged[index]:
                located[number] = proof.certificate(index), proof.gram(local.copies, index)
    return located


def _solution(problem: UFM, proved: _Proved | None, tol: float, seconds: float) -> Solution:
    if proved is None or not proved[0].proves(tol):
        with point_named(problem):
            return solve_relaxation(problem, tol=tol)
    certificate, gram = proved
    return Solution(
        problem=problem,
        point_gram=gram.scaled(problem.temperature),
        orbit_dual=None,
        certificate=certificate,
        tol=tol,
        solver="native",
        solver_reason="path",
        level=Level.ORBITS.value,
        level_reason="path",
        iterations=None,
        seconds={"total": seconds},
        solver_message="slack-vector Newton",
    )

"""`solve_relaxation`: choose a level and a solver, run it, prove the result. Orchestration only."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import replace
from typing import Any

from numpy.typing import ArrayLike

from ..checks import positive_number
from ..errors import InaccurateWarning, InvalidInputError, SolverFailedError, Status
from ..gram.cells import Level, ScatteredGram, check_level
from ..optional import require_level_memory
from ..problem.batches.base import Batches
from ..problem.class_sizes import ClassSizes
from ..problem.constraints.norms import Control
from ..problem.features import Features
from ..problem.losses.base import Loss
from ..problem.own_constraints.given import check_constraints
from ..problem.program import level_size
from ..problem.ufm import UFM
from ..proof.certifiers import require_verifiable, require_verified
from ..proof.prover import Prover
from ..solution.solution import Solution
from .apart import solve_apart
from .base import Candidate, Method, SolverOptions
from .registry import choose_method
from .settle import settle

_LOG = logging.getLogger(__name__)


def solve_relaxation(
    problem: UFM | ClassSizes | ArrayLike | Mapping[Any, int],
    control: Control | None = None,
    *,
    temperature: float | None = None,
    loss: Loss | str | None = None,
    features: Features | str | None = None,
    batches: Batches | str | None = None,
    constraints: Iterable[Any] | None = None,
    solver: str = "auto",
    level: str = "auto",
    tol: float | None = None,
    time_limit: float | None = None,
    rigorous: bool = False,
    verbose: bool = False,
    **solver_options: Any,
) -> Solution:
    """Find the globally optimal geometry of a supervised contrastive problem, with a proof.

    Parameters
    ----------
    problem : UFM, or array-like of int, shape (k,), mapping or Series
        A problem, or class sizes as `UFM` takes them (then `control` is required).
    control : Ridge, Ball, Sphere or Budget, optional
        What keeps the embeddings bounded, or with cross-entropy features and classifier
        (WeightDecay, LayerPeeled or Normalized); only together with class sizes.
    temperature : float, optional
        τ, 1.0 by default as in `UFM` (losses of embeddings take 0.1); only together with class
        sizes.
    loss : Loss or str, optional
        As for `UFM`, `SupCon()` by default; only together with class sizes.
    batches : Batches or str, optional
        How mini-batches are drawn, as for `UFM`; only together with class sizes.
    features : {"real", "nonnegative"}, optional
        As for `UFM`, "real" by default; only together with class sizes.
    constraints : sequence of Linear, functions or records, optional
        Constraints of your own on the class Gram matrix, as for `UFM` (`screlax.constraints`); with
        a problem, they come to those that it has. Linear ones are certified by their multipliers;
        under functions of the cvxpy variable the status is "feasible, not certified" unless the
        optimum without them satisfies them.
    solver : str, default "auto"
        "auto" is the closed form where there is one, else "native" (slack-vector Newton, then
        Burer–Monteiro); also "slack-vector", "burer-monteiro", "closed-form", and "SCS",
        "Clarabel" or any installed solver of cvxpy's that takes semidefinite and exponential cones.
    level : str, default "auto"
        "samples" (n×n), "classes" (k×k) or "orbits" (m×m, m distinct sizes); "auto" is the
        smallest, orbits. All have the same optimal value. With a loss whose classes need not
        collapse, "instances" (k×k) keeps the samples of a class apart; it replaces classes and
        orbits where these do not prove optimal.
    tol : float, optional
        Relative duality gap up to which the solution counts as optimal: by default 1e-9, and 1e-6
        for conic solvers, which rarely reach below 1e-6 to 1e-8.
    time_limit : float, optional
        Seconds after which the solver stops with its best point; by default there is no limit.
        Posing the program and the certificate, which at level "samples" can take longer than the
        solver, are not part of it; `seconds` of the solution lists each.
    rigorous : bool, default False
        Prove the result against rounding as well, as `Solution.recheck` does: bounds that hold in
        exact arithmetic. It takes milliseconds where the solution has a slack vector, and about a
        second for the logits of 300 different classes with cross-entropy, or ten classes in
        mini-batches. No default: on real class counts it makes the call 1.3 to 16 times as long,
        and bounds would differ with what is installed.
    verbose : bool, default False
        Let the solver print.
    **solver_options
        Passed through to a conic solver in its own spelling; the other solvers take none. With
        cross-entropy `form` says what it is given: "dual" (the default), "nuclear" or "psd".

    Returns
    -------
    Solution
        `status` is optimal only when the gap computed here is at most `tol`; otherwise it is
        inaccurate and one `InaccurateWarning` states gap and tolerance, or under constraints that
        are functions "feasible, not certified".

    Raises
    ------
    InvalidInputError
        If the input makes no problem, an argument is out of range, or linear constraints exclude
        each other: the message names them.
    SolverUnavailableError, SolverCapabilityError, ProblemTooLargeError
        If the solver is missing, cannot take the problem, or memory would not suffice.
    SolverFailedError
        If the solver left no finite point.

    Examples
    --------
    >>> import screlax
    >>> solution = screlax.solve_relaxation([50, 20, 5], control=screlax.Ridge(0.1))
    >>> solution.status
    <Status.OPTIMAL: 'optimal'>
    """
    posed = _as_problem(
        problem,
        control,
        temperature=temperature,
        loss=loss,
        features=features,
        batches=batches,
        constraints=constraints,
    )
    if rigorous:
        require_verifiable(posed)
        require_verified()
    solution = silent_solution(
        posed,
        solver=solver,
        level=level,
        tol=tol,
        time_limit=time_limit,
        verbose=verbose,
        **solver_options,
    )
    if rigorous:
        solution = _proved_rigorously(solution)
    _LOG.info("%r in %.3g s", solution, solution.seconds["total"])
    warn_of_gap(solution)
    return solution


def _proved_rigorously(solution: Solution) -> Solution:
    """Return the solution with bounds that no rounding can have moved."""
    start = time.perf_counter()
    certificate = solution.recheck(rigorous=True)
    spent = time.perf_counter() - start
    seconds = dict(solution.seconds)
    for phase in ("certify", "total"):
        seconds[phase] += spent
    return replace(solution, certificate=certificate, seconds=seconds)


def silent_solution(
    ufm: UFM,
    *,
    solver: str = "auto",
    level: str = "auto",
    tol: float | None = None,
    time_limit: float | None = None,
    verbose: bool = False,
    memory: MutableMapping[str, Any] | None = None,
    **solver_options: Any,
) -> Solution:
    """Solve as `solve_relaxation` does; only the status says where the result is inaccurate.

    From the memory of a conic solver, see `SolverOptions`.
    """
    start = time.perf_counter()
    check_limits(solver, tol, time_limit)
    if ufm.loss.is_apart:
        given: dict[str, Any] = {"tol": tol, "time_limit": time_limit, "verbose": verbose}
        return solve_apart(ufm, silent_solution, level, solver=solver, **given, **solver_options)
    ufm.require_bounded()
    chosen_level, level_reason = _choose_level(ufm, level)
    if chosen_level is not Level.ORBITS:  # before anything is lifted; orbits may need no matrix
        cells = level_size(ufm, chosen_level)
        require_level_memory(chosen_level, cells, ufm.points.orbits)
    method, solver_reason = choose_method(solver, ufm, chosen_level)
    wanted = float(method.default_tol if tol is None else tol)
    limit = None if time_limit is None else float(time_limit)
    prover = Prover(ufm)
    options = SolverOptions(wanted, limit, verbose, solver_options, prover, memory)
    result, found_level = _run(method, ufm, chosen_level, options)
    solved = time.perf_counter()
    certificate, orbit_gram, orbit_dual = settle(prover, found_level, result, wanted)
    if _may_be_apart(ufm, found_level) and not certificate.proves(wanted):
        found, _ = _run(method, ufm, Level.INSTANCES, options)
        solved = time.perf_counter()
        apart = settle(prover, Level.INSTANCES, found, wanted)
        if apart[0].gap < certificate.gap:
            result, (certificate, orbit_gram, orbit_dual) = found, apart
    if isinstance(orbit_gram, ScatteredGram) and chosen_level is not Level.SAMPLES:
        chosen_level, level_reason = Level.INSTANCES, "samples of a class do not coincide"
    end = time.perf_counter()
    seconds = {**(result.seconds or {"solve": solved - start}), "certify": end - solved}
    return Solution(
        problem=ufm,
        point_gram=orbit_gram.scaled(ufm.temperature),
        orbit_dual=orbit_dual,
        certificate=certificate,
        tol=wanted,
        solver=method.name,
        solver_reason=solver_reason,
        level=chosen_level.value,
        level_reason=level_reason,
        iterations=result.iterations,
        seconds={**seconds, "total": end - start},
        solver_message=result.message,
        solver_statistics=result.statistics,
    )


def _as_problem(problem: Any, control: Control | None, **others: Any) -> UFM:
    given = {name: value for name, value in others.items() if value is not None}
    if isinstance(problem, UFM):
        own = given.pop("constraints", ())
        if control is not None:
            given = {"control": control, **given}
        for name, value in given.items():
            raise InvalidInputError(
                f"the problem already has a {name}, {getattr(problem, name)}, and {value} was "
                f"given as well; give it in one place only"
            )
        if not own:
            return problem
        return replace(problem, constraints=(*problem.constraints, *check_constraints(own)))
    if control is None:
        raise InvalidInputError(
            "class sizes alone do not bound the embeddings: choose a control, "
            "Ridge(λ), Ball(ρ), Sphere(ρ) or Budget(ρ); normalised embeddings are Sphere(1.0), and "
            "with loss='cross-entropy' it is WeightDecay, LayerPeeled or Normalized"
        )
    return UFM(problem, control, **given)


def check_limits(solver: Any, tol: Any, time_limit: Any) -> None:
    """Raise an `InvalidInputError` unless solver, tolerance and time limit make sense."""
    if not isinstance(solver, str):
        raise InvalidInputError(f"solver must be the name of one, got {solver!r}")
    if tol is not None:
        positive_number(tol, "tol")
    if time_limit is not None:
        positive_number(time_limit, "time_limit, unless it is None,", " seconds")


def _choose_level(problem: UFM, level: str) -> tuple[Level, str]:
    if level == "auto":
        m, k = problem.points.orbits, problem.classes
        return Level.ORBITS, f"the smallest exact program: {m} distinct sizes of {k} classes"
    chosen = check_level(level)
    if chosen is Level.INSTANCES and problem.loss.collapses:
        raise InvalidInputError(
            f"level 'instances' is for losses whose classes need not collapse, and loss "
            f"{problem.loss} is none; use 'classes' or 'samples'"
        )
    return chosen, "requested"


def _run(
    method: Method, problem: UFM, level: Level, options: SolverOptions
) -> tuple[Candidate, Level]:
    """Return what a method finds, and at which level."""
    result = method.solve(problem, level, options)
    if not result.gram.is_finite():
        raise SolverFailedError(
            f"{method.name} left a Gram matrix with NaN or infinite entries ({result.message}); "
            "try another solver"
        )
    return result, level if result.level is None else result.level


def _may_be_apart(problem: UFM, level: Level) -> bool:
    """Whether the samples of a class, one point at this level, need not coincide."""
    return not problem.loss.collapses and level in (Level.ORBITS, Level.CLASSES)


def warn_of_gap(solution: Solution) -> None:
    """Warn of a solution that is not proved optimal and could be, as the caller's caller."""
    if solution.certificate.proves(solution.tol) or solution.status is Status.FEASIBLE:
        return
    certificate, tol = solution.certificate, solution.tol
    ended = (
        f"({solution.solver} at level '{solution.level}' ended with '{solution.solver_message}')"
    )
    reason = certificate.shortfall(tol)
    why = (
        f"{ended}: {reason}; accept a larger tol"
        if reason
        else f"{ended}; try another solver, a smaller solver tolerance, a longer time_limit, or "
        "accept a larger tol"
    )
    warnings.warn(
        f"not proved optimal: certified relative gap {certificate.gap_in_words} exceeds "
        f"tol {tol:.0e} of {solution.problem.description} {why}",
        InaccurateWarning,
        stacklevel=3,
    )

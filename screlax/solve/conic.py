"""The conic method: any installed solver that takes semidefinite and exponential cones."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InvalidInputError, SolverFailedError
from ..gram.cells import CellGram, Level
from ..optional import require_memory
from ..problem.program import Program, build_program, level_size
from ..problem.ufm import UFM
from .base import Candidate, SolverOptions, with_room
from .conic_model import ConicModel
from .conic_solvers import FIRST_ORDER, conic_memory, resolve_conic_solver, solver_arguments
from .constraints.feasible import made_feasible, require_feasible, strictly_inside
from .cvxpy_run import Run
from .entropy_model import EntropyModel, PlainEntropyModel
from .functions import solve_with_functions
from .logits.conic import solve_logits_by_cones
from .logits.conic_model import LogitModel

_INACCURATE = "optimal_inaccurate"
"""What cvxpy says where an interior-point solver stalled; of others where a limit stopped them."""


Model = ConicModel | EntropyModel | LogitModel


def forms_of(program: Program, solver: str) -> list[type[Model]]:
    """Return the forms for a solver to try in turn.

    The dual one first, where there is one: solvers take fewer steps and end nearer to the optimum.
    """
    known = program.loss.softmax_rows is not None and not program.is_nonnegative
    if program.linear is not None or program.convex is not None:
        return [ConicModel]  # the dual form does not know of them
    if not known or program.control.conic_dual(program.cells) is None:
        return [ConicModel]
    plain = program.control.is_penalty and solver not in FIRST_ORDER
    return [PlainEntropyModel if plain else EntropyModel, ConicModel]


@dataclass(frozen=True, eq=False)
class _Attempt:
    """What a solver made of one form, and the seconds of posing and solving it."""

    model: Model
    run: Run
    modelling: float
    solving: float


def _looser(problem: UFM) -> str:
    """Name the constraints that are functions: whether they can hold is the solver's word alone."""
    names = [str(one) for one in problem.constraints if not one.is_linear]
    return f", or looser constraints: {', '.join(names)}" if names else ""


class Conic:
    """One conic solver, reached through cvxpy.

    Parameters
    ----------
    name : str
        Name of the solver, in any case.

    Raises
    ------
    SolverUnavailableError, SolverCapabilityError
        If the solver is not installed or cannot take the cones.
    """

    default_tol = 1e-6

    def __init__(self, name: str) -> None:
        self.name = resolve_conic_solver(name)

    def why_not(self, problem: UFM, level: Level) -> str | None:
        """Return None: a conic solver takes every problem that fits in memory."""
        return None

    def solve(self, problem: UFM, level: Level, options: SolverOptions) -> Candidate:
        """Model, solve and read back; see `Method.solve`.

        Raises
        ------
        ProblemTooLargeError
            If modelling and solving would not fit in memory.
        SolverFailedError
            If the solver left no finite point.
        InvalidInputError
            If the solver does not know one of the options.
        """
        if problem.loss.has_classifier:
            return solve_logits_by_cones(problem, level, options, self.name, self._attempt)
        self._require_memory(problem, level)
        if not problem.has_linear_constraints:
            return solve_with_functions(problem, level, options, self._by_cones)
        return self._by_cones(problem, level, options)

    def _by_cones(self, problem: UFM, level: Level, options: SolverOptions) -> Candidate:
        """Solve by one form, or by the other where the solver stalls on it."""
        program = build_program(with_room(problem, self.default_tol / 10), level)
        inside = self._strictly_inside(program)
        tried: list[_Attempt] = []
        for form in forms_of(program, self.name):
            tried.append(self._attempt(form, program, options))
            if tried[-1].run.status != _INACCURATE or self.name in FIRST_ORDER:
                break  # else it stalled: the other form is rarely too hard where one is
        last = tried[-1]
        gram = last.model.found()
        if gram is None or not gram.is_finite():
            raise SolverFailedError(
                f"{self.name} left no finite point (its status: {last.run.status}); "
                f"try another solver, a larger tol or a longer time_limit{_looser(problem)}"
            )
        if program.linear is not None and isinstance(gram, CellGram):
            gram = made_feasible(program, gram, inside)
        duals = [one.model.dual() for one in tried]
        statistics = tuple(one.run.statistics for one in tried)
        counted = [one.iterations for one in statistics if one.iterations is not None]
        return Candidate(
            gram,
            duals=tuple(dual for dual in duals if dual is not None),
            iterations=sum(counted) if counted else None,
            message=last.run.status,
            seconds={
                "model": sum(one.modelling for one in tried),
                "solve": sum(one.solving for one in tried),
            },
            statistics=statistics,
        )

    def _strictly_inside(self, program: Program) -> CellGram | None:
        """Return a matrix strictly inside linear constraints; refuse those that cannot hold."""
        if program.linear is None:
            return None
        start = CellGram(np.ones(program.size), np.eye(program.size))
        return strictly_inside(program, require_feasible(program, start).gram)

    def _require_memory(self, problem: UFM, level: Level) -> None:
        sizes = problem.points
        cells = level_size(problem, level)
        hint = f"; level='orbits' has {sizes.orbits:,} cells" if level is not Level.ORBITS else ""
        require_memory(
            conic_memory(self.name, cells),
            f"the conic form at level '{level}' ({cells:,} cells, solver {self.name})",
            hint,
        )

    def _attempt(
        self, form: Callable[[Any], Model], program: Any, options: SolverOptions
    ) -> _Attempt:
        """Pose a form of the program and solve it."""
        start = time.perf_counter()
        model = form(program)
        modelled = time.perf_counter()
        run = self._solved(model, options)
        return _Attempt(model, run, modelled - start, time.perf_counter() - modelled)

    def _solved(self, model: Model, options: SolverOptions) -> Run:
        import cvxpy

        eps = model.accuracy(self.name, options.tol)
        arguments = solver_arguments(self.name, options, eps)
        try:
            return model.solve(self.name, options.verbose, arguments, options.memory)
        except cvxpy.error.SolverError as error:
            raise SolverFailedError(
                f"{self.name} failed: {error}; try another solver or a larger tol"
            ) from error
        except (TypeError, AttributeError, ValueError, OverflowError) as error:
            if options.extra:
                raise InvalidInputError(
                    f"{self.name} does not take the options {dict(options.extra)}: {error}"
                ) from error
            raise SolverFailedError(f"{self.name} failed: {error}") from error

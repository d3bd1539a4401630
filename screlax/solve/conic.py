"""The conic method: any installed solver that takes semidefinite and exponential cones."""

from __future__ import annotations

import time

from ..errors import InvalidInputError, SolverFailedError
from ..gram.cells import Level
from ..optional import require_memory
from ..problem.program import build_program, level_size
from ..problem.ufm import UFM
from .base import Candidate, SolverOptions, with_room
from .conic_model import ConicModel
from .conic_solvers import conic_memory, resolve_conic_solver, solver_arguments


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
        start = time.perf_counter()
        self._require_memory(problem, level)
        model = ConicModel(build_program(with_room(problem, self.default_tol / 10), level))
        modelled = time.perf_counter()
        status, iterations = self._run(model, options)
        seconds = {"model": modelled - start, "solve": time.perf_counter() - modelled}
        gram, dual = model.found(), model.dual()
        if gram is None or not gram.is_finite():
            raise SolverFailedError(
                f"{self.name} left no finite point (its status: {status}); "
                "try another solver, a larger tol or a longer time_limit"
            )
        return Candidate(
            gram,
            duals=() if dual is None else (dual,),
            iterations=iterations,
            message=status,
            seconds=seconds,
        )

    def _require_memory(self, problem: UFM, level: Level) -> None:
        sizes = problem.points
        cells = level_size(problem, level)
        hint = f"; level='orbits' has {sizes.orbits:,} cells" if level is not Level.ORBITS else ""
        require_memory(
            conic_memory(self.name, cells),
            f"the conic form at level '{level}' ({cells:,} cells, solver {self.name})",
            hint,
        )

    def _run(self, model: ConicModel, options: SolverOptions) -> tuple[str, int | None]:
        import cvxpy

        arguments = solver_arguments(self.name, options)
        try:
            return model.solve(self.name, options.verbose, arguments)
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

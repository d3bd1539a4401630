"""What every method takes and gives back."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

from ..checks import check_registered
from ..errors import InvalidInputError
from ..gram.cells import Level
from ..gram.curve import AnyGram
from ..problem.ufm import UFM
from ..proof.dual import DualPoint
from ..proof.prover import Prover
from ..solution.solver_statistics import SolverStatistics


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
    prover : Prover or None
        Proves a method's roots of the problem, so that they need no second proof.
    memory : mutable mapping or None
        Where a conic solver ended at a neighbouring problem, to start from, and to be replaced.
    """

    tol: float
    time_limit: float | None = None
    verbose: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)
    prover: Prover | None = None
    memory: MutableMapping[str, Any] | None = None

    def prover_of(self, problem: UFM) -> Prover:
        """Return the prover of a problem: that given, if it is of this very problem."""
        given = self.prover
        return given if given is not None and given.problem is problem else Prover(problem)


@dataclass(frozen=True, eq=False)
class Candidate:
    """A point that a method ended at; nothing about it is taken on trust.

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
        Wall time of the method's phases.
    level : Level or None
        The level of `gram` where it is not the one asked for: samples of a class do not coincide.
    statistics : tuple of SolverStatistics
        What a conic solver said of each of its runs.
    """

    gram: AnyGram
    duals: tuple[DualPoint, ...] = ()
    iterations: int | None = None
    message: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    level: Level | None = None
    statistics: tuple[SolverStatistics, ...] = ()


ROOM = 1e-11
"""See `with_room`."""


def with_room(problem: UFM, share: float) -> UFM:
    """Return the problem to solve so that an optimum up to rounding proves the one given.

    Where a penalty and a loss without infimum leave no way to repair a dual slack that rounding
    made indefinite, that is the problem of a smaller λ, by `share`: its slack is positive definite
    for the λ given, and its optimum is worse by share · (λ/2) tr G at most.
    """
    control = problem.control
    if not control.is_penalty or math.isfinite(problem.infimum):
        return problem
    least = max(
        control.parameter * (1 - share), (control.parameter + problem.bounded_threshold()) / 2
    )
    return replace(problem, control=control.with_parameter(least))


class Method(Protocol):
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
        """Return why this method cannot take the problem, or None when it can."""

    def solve(self, problem: UFM, level: Level, options: SolverOptions) -> Candidate:
        """Return an approximate solution at the level, feasible or not.

        Raises
        ------
        SolverFailedError
            If there is no finite point to return.
        """


METHODS: dict[str, Callable[[], Method]] = {}
"""Every method by name, besides the conic solvers that are installed."""

Known = TypeVar("Known", bound=Callable[[], Method])


def register_method(method: Known) -> Known:
    """Make a method known to `solve_relaxation`, sweeps and the command line; a class decorator.

    Parameters
    ----------
    method : type
        A class without arguments, with the attributes and methods of `Method`; `name` in small
        letters.

    Examples
    --------
    >>> import screlax
    >>> from screlax.solve.base import METHODS
    >>> from screlax.solve.cascade import BurerMonteiro
    >>> @screlax.register_method
    ... class Mine(BurerMonteiro):
    ...     name = "mine"
    >>> screlax.solve_relaxation([5, 3, 2], screlax.Sphere(1.0), solver="mine").solver
    'mine'
    >>> del METHODS["mine"]
    """
    check_registered(method, "method")
    METHODS[vars(method)["name"]] = method
    return method


def deadline_of(options: SolverOptions, start: float) -> float:
    """Return the value of `time.perf_counter()` after which to stop."""
    return math.inf if options.time_limit is None else start + options.time_limit


def reject_options(name: str, options: SolverOptions) -> None:
    """Raise an `InvalidInputError` that names them if a method without options was given any."""
    if options.extra:
        raise InvalidInputError(
            f"solver {name!r} takes no options of its own, got {sorted(options.extra)}"
        )

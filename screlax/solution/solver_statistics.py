"""What a conic solver said of its own run; nothing here or elsewhere depends on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..checks import real_number

Cones = Mapping[str, int | tuple[int, ...]]
"""Numbers and orders of cones, as SCS spells them."""


@dataclass(frozen=True)
class SolverStatistics:
    """One run of a conic solver, in its own words: a record, never a proof.

    What is proved is in the certificate alone. Residuals and gap are as the solver defines them, of
    the cone program it was given: absolute in SCS, relative to the data in Clarabel, whose gap here
    is the difference of its two objectives. None stands for what a solver does not say.

    Attributes
    ----------
    form : {"primal", "dual", "psd", "nuclear"}
        The program that was posed: over Gram matrices, or over the rows of the softmax; of
        cross-entropy also over the Gram matrix of features and classifier, or logits and a norm.
    solver, version : str
        Who ran, and of which release; the latter is empty where that is not known.
    status : str
        The solver's own status word.
    iterations : int or None
        Its iterations.
    primal_residual, dual_residual, gap : float or None
        What it says it ended at, per anchor.
    setup_seconds, solve_seconds : float or None
        What it says it took; Clarabel counts its setup as part of the solve.
    variables, rows, nonzeros : int or None
        Size of the constraint matrix, and its entries.
    cones : mapping of str to int or tuple of int
        As SCS spells them: "z" equations, "l" inequalities, "q" orders of second-order cones, "s"
        orders of semidefinite ones, "ep" number of exponential ones; those there are.

    Examples
    --------
    >>> import screlax
    >>> solution = screlax.solve_relaxation([50, 20, 5], screlax.Ridge(0.1), solver="SCS")
    >>> run, = solution.solver_statistics
    >>> run.form, run.solver, run.status, run.iterations == solution.iterations
    ('dual', 'SCS', 'solved', True)
    >>> run.cones["s"], run.cones["ep"]
    ((3,), 9)
    """

    form: str
    solver: str
    version: str
    status: str
    iterations: int | None
    primal_residual: float | None
    dual_residual: float | None
    gap: float | None
    setup_seconds: float | None
    solve_seconds: float | None
    variables: int | None
    rows: int | None
    nonzeros: int | None
    cones: Cones

    def record(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)

    def __str__(self) -> str:
        """Return one line: form, status, iterations and residuals, as the solver says them."""
        names = {"primal_residual": "primal residual", "dual_residual": "dual residual"}
        names["gap"] = "gap"
        said = [f"{words} {getattr(self, name):.1e}" for name, words in names.items()
                if getattr(self, name) is not None]  # fmt: skip
        if self.iterations is not None:
            said.insert(0, f"{self.iterations} iterations")
        title = f"{self.solver} {self.version}".rstrip()
        return ", ".join([f"{title} on the {self.form} form says {self.status!r}", *said])


_TEXT = ("form", "solver", "version", "status")
_WHOLE = ("iterations", "variables", "rows", "nonzeros")


def statistics_of_record(record: Mapping[str, Any]) -> SolverStatistics:
    """Return the statistics that `record` wrote.

    Raises
    ------
    TypeError, ValueError, LookupError
        If something is missing, or of another kind.
    """
    found = {field.name: record[field.name] for field in fields(SolverStatistics)}
    for name, value in found.items():
        if name in _TEXT and not isinstance(value, str):
            raise TypeError(f"{name} must be text, got {value!r}")
        if name in _WHOLE and value is not None and type(value) is not int:
            raise TypeError(f"{name} must be a whole number, got {value!r}")
        if name not in (*_TEXT, *_WHOLE, "cones") and value is not None:
            found[name] = real_number(value)
    found["cones"] = {str(cone): _orders(count) for cone, count in found["cones"].items()}
    return SolverStatistics(**found)


def _orders(count: Any) -> int | tuple[int, ...]:
    """Return a number of cones, or their orders."""
    listed = count if isinstance(count, list | tuple) else [count]
    if any(type(number) is not int for number in listed):
        raise TypeError(f"numbers of cones must be whole, got {count!r}")
    return tuple(listed) if isinstance(count, list | tuple) else count

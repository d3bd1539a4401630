"""The methods of the suite: each returns a Gram matrix, and what it says of it does not count.

Those of `solve_relaxation` come from its registry, the conic solvers as they are installed, and
descents on the embeddings from `screlax.bench.descents`; what others registered
(`screlax.register_method`) is among the first.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from ..errors import ScrelaxError
from ..gram.cells import Level
from ..problem.ufm import UFM
from ..solution.solution import Solution
from ..solve.base import METHODS
from ..solve.registry import available_solvers
from ..solve.solve import silent_solution
from ..types import Matrix


@dataclass(frozen=True)
class Answer:
    """What a method ended with.

    `found` is a `Solution`, whose certificate is ours, or a class-level Gram matrix of shape
    (k, k), to be certified. `ran` says what really ran, by the method's own report, `iterations`
    as it counts them, and `seconds` how long, where not all of the call is to count.
    """

    found: Solution | Matrix
    ran: str = ""
    iterations: int | None = None
    seconds: float | None = None


Run = Callable[[UFM, float, float], Answer]
"""Of a problem, the relative accuracy asked for, and the seconds it has."""


_FLOOR = 1e-14
"""Smallest relative accuracy that makes sense in double precision."""


@dataclass(frozen=True)
class Method:
    """A method, what it is and under which conditions it runs; `kind` is one of `KINDS`, or empty.

    `refusal(problem)` is the reason why it cannot take a problem, or empty. Beyond `most_sizes`
    distinct sizes or `most_classes` it is not tried: that would take hours. Where it `asks`, it is
    run once for each accuracy; otherwise it always goes as far as it can, and is run once.
    `further` asks for the square of the smallest accuracy as well, which a proof from a point's own
    dual takes.
    """

    name: str
    run: Run
    conditions: str = ""
    kind: str = ""
    asks: bool = True
    further: bool = False
    most_sizes: float = math.inf
    most_classes: float = math.inf
    package: str = ""
    refusal: Callable[[UFM], str] = lambda problem: ""

    def asked(self, accuracies: Sequence[float]) -> list[float]:
        """Return what it is asked for in turn, where these accuracies are judged by."""
        if not self.asks:
            return [min(accuracies)]
        more = max(min(accuracies) ** 2, _FLOOR)
        return [*accuracies, *([more] if self.further and more not in accuracies else [])]

    def why_not(self, problem: UFM) -> str:
        """Return the reason why it cannot take a problem, or an empty string."""
        if self.package and find_spec(self.package) is None:
            return f"{self.package} is not installed: pip install 'screlax[bench]'"
        return self.refusal(problem)

    def too_large(self, problem: UFM) -> str:
        """Return the reason why it is not tried on a problem that it could take, or nothing."""
        if problem.class_sizes.orbits > self.most_sizes:
            return f"beyond {self.most_sizes:g} distinct sizes"
        if problem.classes > self.most_classes:
            return f"beyond {self.most_classes:g} classes"
        return ""


_CONDITIONS = {
    "closed-form": "Evaluates a formula, where there is one.",
    "native": (
        "What screlax does by default where there is no closed form: it tries faster ways first, "
        "slack-vector Newton among them, so that on many problems it is slack-vector by another "
        "name. What ran is said at each problem."
    ),
    "slack-vector": (
        "Newton on the slack-vector equations from their own start; a root, whether or not it "
        "proves optimal."
    ),
    "burer-monteiro": (
        "Trust-region Newton on factors of the Gram matrix by class size, from separate classes, "
        "never from the optimum; it ends where the gradient is rounding."
    ),
}
_OTHER = "Registered by a module (--with) or an installed package."
CONIC, DESCENT = "conic solver", "descent"

KINDS = {
    CONIC: (
        "Reached through cvxpy, from a cold start, at the level of class sizes; the dual form "
        "where there is one, the primal one where there is none, and where an interior-point "
        "solver stalls. The time includes posing and compiling the program. What is asked of the "
        "solver is more than the accuracy, since its own measure is another than the certified "
        "gap. The gap proved is of its primal point and the better of its own dual and ours."
    ),
    DESCENT: (
        "Minimises over one embedding a class in dimension k + 1, where the relaxation is no "
        "relaxation, from one random start of seed 0, never from the optimum or near it. Stops "
        "once its value is within the accuracy asked of the certified bound of the relaxation, "
        "which is computed beforehand and not counted, and which nobody has who descends alone; "
        "else where it is stationary to rounding, or at the limits. It has no bound of its own: "
        "the gap proved is with the dual point that its Gram matrix gives. As this takes far more "
        "accurate points than a near value, it is asked for the square of the smallest accuracy "
        "as well."
    ),
}
"""What methods of a kind have in common."""

_CONDITIONS_OF_CONIC = {
    "SCS": (
        "First-order splitting: eps_abs and eps_rel a tenth of the accuracy (dual form) or a "
        "hundredth (primal), at least 1e-12; at most 200,000 iterations."
    ),
    "CLARABEL": (
        "Interior point: tolerances 1e-7, or 1000 times the square of an accuracy below 1e-6 "
        "(dual form); 1e-10 or less (primal); a stalled point counts like any other."
    ),
}
_MOST_SIZES = {"burer-monteiro": 400, "SCS": 100, "CLARABEL": 60}
_SHOWN = {"CLARABEL": "Clarabel"}


def all_methods() -> list[Method]:
    """Return every method of the suite, whether or not what it needs is installed."""
    from .descents import descents

    conic = dict.fromkeys(["SCS", "CLARABEL"])
    conic |= dict.fromkeys(name for name in available_solvers() if name not in METHODS)
    return [
        *(_registered(name) for name in sorted(METHODS, key=_native_first)),
        *(_conic(name) for name in conic),
        *descents(),
    ]


def method_named(name: str) -> Method:
    """Return one of `all_methods`, without asking which conic solvers there are."""
    from .descents import descents

    if name in METHODS:
        return _registered(name)
    of_name = {method.name: method for method in descents()}
    return of_name[name] if name in of_name else _conic(name.upper())


def _native_first(name: str) -> int:
    order = ["native", "slack-vector", "closed-form", "burer-monteiro"]
    return order.index(name) if name in order else len(order)


def _registered(name: str) -> Method:
    return Method(
        name,
        _relaxation(name),
        _CONDITIONS.get(name, _OTHER),
        asks=name not in _CONDITIONS,
        most_sizes=_MOST_SIZES.get(name, math.inf),
        refusal=lambda problem: METHODS[name]().why_not(problem, Level.ORBITS) or "",
    )


def _conic(name: str) -> Method:
    return Method(
        _SHOWN.get(name, name),
        _relaxation(name),
        _CONDITIONS_OF_CONIC.get(name, "With the settings that screlax has for it."),
        CONIC,
        most_sizes=_MOST_SIZES.get(name, min(_MOST_SIZES.values())),
        package="clarabel" if name == "CLARABEL" else "",
    )


def _relaxation(solver: str) -> Run:
    def run(problem: UFM, tolerance: float, limit: float) -> Answer:
        solution = silent_solution(problem, solver=solver, tol=tolerance, time_limit=limit)
        level = "" if solution.level == Level.ORBITS.value else f", level {solution.level}"
        return Answer(solution, f"{solution.solver_message}{level}", solution.iterations)

    return run


def refusal_of(check: Callable[[UFM], object]) -> Callable[[UFM], str]:
    """Return what tells of a refusal by the message of a check that raises."""

    def refusal(problem: UFM) -> str:
        try:
            check(problem)
        except ScrelaxError as error:
            return str(error)
        return ""

    return refusal

"""One case in a process of its own: ``python -m screlax.bench.worker``, settings on standard input.

Prints one line of JSON. A process of its own can be stopped at the time limit whatever the method
does, its peak memory is its own, and a crash is a row of the table.
"""

import json
import math
import sys
import time
import warnings
from dataclasses import asdict, replace

from ..errors import InaccurateWarning, ScrelaxError
from ..extensions import load_installed, load_modules
from ..gram.cells import CellGram, Level
from ..problem.ufm import UFM
from ..proof.certificate import Certificate
from ..proof.prove import prove_gram
from ..solution.solution import Solution
from ..tasks.orphans import end_with
from .methods import Gram, Method, all_methods
from .problems import BenchProblem, problem_sets
from .table import Row

_REPEAT_BELOW, _REPEATS = 0.5, 5
_KILOBYTES = 1024.0


def blank_row(case: BenchProblem, method: Method, tolerance: float) -> Row:
    """Return the row of a case before anything is known."""
    sizes, loss = case.problem.class_sizes, str(case.problem.loss)
    size = (sizes.classes, sizes.orbits)
    return Row(case.group, case.name, method.name, *size, tolerance, "failed", loss=loss)


def run_case(case: BenchProblem, method: Method, tolerance: float, limit: float) -> Row:
    """Run a method and certify what it returns; quick ones are repeated, the median counts."""
    row = blank_row(case, method, tolerance)
    warnings.simplefilter("ignore", InaccurateWarning)
    times: list[float] = []
    try:
        while len(times) < _REPEATS and sum(times) < _REPEAT_BELOW:
            start = time.perf_counter()
            found = method.run(case.problem, tolerance, limit)
            times.append(time.perf_counter() - start)
            if isinstance(found, Solution):
                times[-1] -= found.seconds.get("certify", 0.0)
        certificate = _certificate(case.problem, found)
    except (ScrelaxError, ArithmeticError, ValueError) as error:
        return replace(row, reason=f"{type(error).__name__}: {error}")
    return replace(
        row,
        outcome="ran",
        seconds=sorted(times)[len(times) // 2],
        relative_gap=certificate.relative_gap,
        value=certificate.upper,
        lower=certificate.lower,
        megabytes=_peak_megabytes(),
    )


def _peak_megabytes() -> float:
    """Return the peak memory of this process; NaN on Windows, which does not tell it so."""
    try:
        import resource
    except ImportError:
        return math.nan
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (_KILOBYTES**2 if sys.platform == "darwin" else _KILOBYTES)


def _certificate(problem: UFM, found: Gram) -> Certificate:
    if isinstance(found, Solution):
        return found.certificate
    gram = CellGram.from_matrix(found / problem.temperature)
    return prove_gram(problem, Level.CLASSES, gram).certificate


def main() -> None:
    """Run the case that standard input names and print its row."""
    wanted = json.load(sys.stdin)
    end_with(wanted["parent"])
    load_installed()
    load_modules(wanted["modules"])
    case = next(c for c in problem_sets(quick=False) if c.name == wanted["problem"])
    method = next(m for m in all_methods() if m.name == wanted["method"])
    _warm_up(method)
    row = run_case(case, method, wanted["tolerance"], wanted["limit"])
    json.dump(asdict(row), sys.stdout)


def _warm_up(method: Method) -> None:
    """Solve a tiny problem first, so that no import is measured."""
    case = next(c for c in problem_sets(quick=True) if c.name == "balanced k=10")
    tiny = UFM([3, 2], case.problem.control, 1.0)
    if not method.why_not(tiny):
        run_case(BenchProblem("", "", tiny), method, 1e-2, 5.0)


if __name__ == "__main__":
    main()

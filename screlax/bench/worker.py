"""The process that measures: ``python -m screlax.bench.worker``, started by `screlax.bench.server`.

It runs what standard input asks for, one pickled request after the other, and answers each by one
line of JSON. A process of its own can be stopped at the time limit whatever the method does, and a
crash is a row of the table. All methods share it, warmed up on a tiny problem each, so that no
import is measured; whatever solvers print goes to standard error.
"""

import ctypes
import gc
import json
import math
import os
import pickle
import sys
import time
import warnings
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TextIO

from threadpoolctl import threadpool_limits

from ..errors import (
    InaccurateWarning,
    InvalidInputError,
    MissingExtraError,
    ProblemTooLargeError,
    ScrelaxError,
    SolverCapabilityError,
    SolverUnavailableError,
)
from ..extensions import load_installed, load_modules
from ..gram.cells import CellGram, Level
from ..problem.constraints.norms import Sphere
from ..problem.ufm import UFM
from ..proof.certificate import Certificate, value_and_spread
from ..proof.prove import prove_gram
from ..solution.solution import Solution
from ..tasks.orphans import end_with
from .methods import Answer, Method, method_named
from .provenance import provenance
from .table import FAILED, RAN, REFUSED

_REFUSALS = (
    *(InvalidInputError, MissingExtraError, ProblemTooLargeError),
    *(SolverCapabilityError, SolverUnavailableError),
)
"""What a method says of a problem that it cannot take, before any work."""

_ERRORS = (ScrelaxError, ArithmeticError, ValueError)
"""What a run may raise; anything else ends the process, and its row says so."""

_CLEAR = Path("/proc/self/clear_refs")

_WARM_UP = 5.0
"""Seconds that a warm-up has."""


class Request(NamedTuple):
    """A run that is asked for; the problem is pickled, so that every run gets a fresh one."""

    problem: bytes
    method: str
    tolerance: float
    limit: float


def run_once(problem: UFM, method: Method, tolerance: float, limit: float) -> dict[str, Any]:
    """Run a method and certify what it returns: what a run adds to a row, as JSON has it."""
    warnings.simplefilter("ignore", InaccurateWarning)
    before = _reset_peak()
    wall, processor = time.perf_counter(), time.process_time()
    try:
        answer = method.run(problem, tolerance, limit)
    except _REFUSALS as error:
        return {"outcome": REFUSED, "reason": _said(error)}
    except _ERRORS as error:
        return _failure(error)
    seconds = time.perf_counter() - wall
    try:
        certificate = _certificate(problem, answer)
    except _ERRORS as error:
        return _failure(error)
    cpu = time.process_time() - processor
    return {
        "outcome": RAN,
        "ran": answer.ran,
        "seconds": answer.seconds if answer.seconds is not None else _uncertified(answer, seconds),
        "cpu_seconds": cpu,
        "relative_gap": certificate.relative_gap,
        "value": certificate.upper,
        "lower": certificate.lower,
        "scale": value_and_spread(certificate.upper, certificate.infimum),
        "megabytes": _peak() - before,
        "iterations": answer.iterations,
    }


def _failure(error: BaseException) -> dict[str, Any]:
    return {"outcome": FAILED, "reason": f"{type(error).__name__}: {_said(error)}"}


def _said(error: BaseException) -> str:
    return " ".join(str(error).split())


def _uncertified(answer: Answer, seconds: float) -> float:
    """Return the time of a call without the certificate that is part of it."""
    if isinstance(answer.found, Solution):
        return seconds - answer.found.seconds.get("certify", 0.0)
    return seconds


def _certificate(problem: UFM, answer: Answer) -> Certificate:
    if isinstance(answer.found, Solution):
        return answer.found.certificate
    gram = CellGram.from_matrix(answer.found / problem.temperature)
    return prove_gram(problem, Level.CLASSES, gram).certificate


def _reset_peak() -> float:
    """Let the peak begin anew, where the system can (Linux), and return it in megabytes."""
    trim = getattr(ctypes.CDLL(None) if os.name == "posix" else None, "malloc_trim", None)
    if trim is not None:  # of glibc: what was freed before must not be there for nothing
        trim(0)
    try:
        _CLEAR.write_text("5")
    except OSError:
        return math.nan
    return _peak()


def _peak() -> float:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return math.nan
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def main() -> None:
    """Answer requests until there are no more."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what solvers print, in C as well, must not stand between the answers
    settings = pickle.load(sys.stdin.buffer)
    end_with(settings["parent"])
    load_installed()
    load_modules(settings["modules"])
    with threadpool_limits(settings["threads"]):
        print(json.dumps(provenance()), file=answers, flush=True)
    _serve(settings["threads"], sys.stdin.buffer, answers)


def _serve(threads: int, requests: BinaryIO, answers: TextIO) -> None:
    warm: set[str] = set()
    while True:
        try:
            request = pickle.load(requests)
        except EOFError:
            return
        problem, method = pickle.loads(request.problem), method_named(request.method)
        if method.name not in warm:
            warm.add(method.name)
            _warm_up(method)
        gc.collect()
        with threadpool_limits(threads):  # each time: solvers bring libraries of their own
            found = run_once(problem, method, request.tolerance, request.limit)
        print(json.dumps(found), file=answers, flush=True)


def _warm_up(method: Method) -> None:
    """Solve a tiny problem first, one of a formula as well; what is loaded is no garbage later."""
    tiny = UFM([2, 2, 2], Sphere(1.0))
    if not method.why_not(tiny):
        run_once(tiny, method, 1e-2, _WARM_UP)
    gc.freeze()


if __name__ == "__main__":
    main()

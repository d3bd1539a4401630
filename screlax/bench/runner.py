"""Running the suite: cases of a problem take turns, a file a row, nothing done twice."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..checks import positive_number, whole_number
from ..errors import InvalidInputError
from ..io.atomic import write_bytes
from ..spelling import hint
from ..tasks.store import Store, store_folder
from ..version import __version__
from .methods import Method, all_methods
from .problems import BenchProblem, check_unique, problem_sets, problems_of_file
from .results import Results
from .rounds import Rounds, pickled, run_block, why_not_run
from .server import serving
from .table import Row
from .work import BenchWork, Case

_QUICK_ACCURACIES, _ACCURACIES = (1e-6,), (1e-4, 1e-6, 1e-9)


@dataclass(frozen=True)
class BenchSettings:
    """What to run, and where rows are kept: what is there already is not run again.

    Attributes
    ----------
    folder : Path
        Of the rows.
    quick : bool
        The part of the suite for two minutes.
    limit : float
        Seconds a run.
    methods, groups : tuple of str
        Only those methods and sets, or all.
    accuracies : tuple of float
        Relative accuracies that methods are asked for and judged by; empty for those of the suite.
    problems : Path, optional
        A sweep file, whose problems take the place of the suite's.
    repeats : int
        Runs of a case at most; their median counts.
    enough : float
        Seconds, of wall or processor time, after which a case is not repeated.
    threads : int
        Of BLAS and OpenMP.
    """

    folder: Path
    quick: bool = False
    limit: float = 60.0
    methods: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    accuracies: tuple[float, ...] = ()
    problems: Path | None = None
    repeats: int = 5
    enough: float = 0.5
    threads: int = 1

    @property
    def rounds(self) -> Rounds:
        """How runs are repeated."""
        return Rounds(self.limit, self.repeats, self.enough)

    @property
    def asked(self) -> tuple[float, ...]:
        """The accuracies, largest first."""
        given = self.accuracies or (_QUICK_ACCURACIES if self.quick else _ACCURACIES)
        return tuple(sorted(set(given), reverse=True))


Progress = Callable[[int, int, Row], None]


def chosen(settings: BenchSettings) -> tuple[list[BenchProblem], list[Method]]:
    """Return the problems and methods that settings name.

    Raises
    ------
    InvalidInputError
        If a number is out of range, or there is no set or method of a name.
    """
    positive_number(settings.limit, "the time limit")
    whole_number(settings.repeats, "repeats")
    whole_number(settings.threads, "threads")
    for accuracy in settings.accuracies:
        if positive_number(accuracy, "an accuracy") >= 1:
            raise InvalidInputError(f"an accuracy is relative, below one; got {accuracy!r}")
    problems = (
        problem_sets(quick=settings.quick)
        if settings.problems is None
        else problems_of_file(settings.problems)
    )
    check_unique(problems)
    methods = all_methods()
    _check_names("method", settings.methods, [method.name for method in methods])
    _check_names("set", settings.groups, [case.group for case in problems])
    return (
        [case for case in problems if not settings.groups or case.group in settings.groups],
        [method for method in methods if not settings.methods or method.name in settings.methods],
    )


def run_suite(settings: BenchSettings, progress: Progress | None = None) -> Results:
    """Run every case that has no row yet, and return all; progress(done, total, row) after each.

    Raises
    ------
    InvalidInputError
        If a setting is out of range, names nothing that there is, or the folder has rows of
        another machine.
    SolverFailedError
        If the process that measures does not start.
    """
    start, processor = time.perf_counter(), _processor_time()
    problems, methods = chosen(settings)
    payloads = {case.name: pickled(case) for case in problems}  # before any of it is computed
    blocks = [list(_cases(problem, methods, settings.asked)) for problem in problems]
    store = Store(settings.folder, BenchWork(settings.limit, settings.repeats))
    store.remove_abandoned()
    total, rows, found_before = sum(map(len, blocks)), [], 0
    with serving(settings.threads) as server:
        _open_folder(settings, server.provenance)
        for block in blocks:
            found = store.find_all(block)
            found_before += len(found)
            missing = [case for case in block if case not in found]
            found |= run_block(missing, payloads[block[0].problem.name], server, settings.rounds)
            for case in block:
                if case in missing:
                    store.keep(case, found[case])
                rows.append(found[case])
                if progress is not None:
                    progress(len(rows), total, rows[-1])
        provenance = server.provenance
    return Results(
        rows=tuple(rows),
        accuracies=settings.asked,
        limit=settings.limit,
        repeats=settings.repeats,
        found=found_before,
        wall_seconds=time.perf_counter() - start,
        cpu_seconds=_processor_time() - processor,
        provenance=provenance,
    )


def _processor_time() -> float:
    """Return the processor time of this process and of those it started that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _cases(
    problem: BenchProblem, methods: Sequence[Method], accuracies: Sequence[float]
) -> Iterator[Case]:
    """Yield the cases of a problem: of a method that is not run, one."""
    for method in methods:
        refused = why_not_run(problem, method)[1]
        for accuracy in accuracies[-1:] if refused else method.asked(accuracies):
            yield Case(problem, method, accuracy)


def _open_folder(settings: BenchSettings, provenance: dict[str, str]) -> None:
    """Create the folder, or see that its rows are of this machine and these versions."""
    folder = settings.folder
    facts = "; ".join(f"{name}: {value}" for name, value in provenance.items())
    here = f"screlax {__version__}; {facts}"
    note = folder / "measured-on.txt"
    store_folder(folder)
    there = note.read_text(encoding="utf-8") if note.exists() else None
    if there is None and any(folder.glob("*.json")):
        there = "an unknown machine"
    if there not in (None, here):
        raise InvalidInputError(
            f"the rows in {folder} are of {there}; this is {here}; name another folder"
        )
    write_bytes(here.encode(), note)


def _check_names(what: str, wanted: Sequence[str], known: Sequence[str]) -> None:
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise InvalidInputError(
            f"no {what} is called {unknown[0]!r}{hint(unknown[0], known)}; "
            f"there are {', '.join(dict.fromkeys(known))}"
        )

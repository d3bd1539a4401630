"""Running the suite: one process a case, a file a row, nothing done twice."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..checks import positive_number
from ..errors import InvalidInputError
from ..io.atomic import write_bytes
from ..spelling import hint
from ..tasks.run import Tasks
from ..tasks.store import store_folder
from ..version import __version__
from .methods import all_methods
from .problems import problem_sets
from .provenance import provenance_line
from .table import Row
from .work import BenchWork, Case


@dataclass(frozen=True)
class BenchSettings:
    """What to run, and where rows are kept: what is there already is not run again.

    `limit` is in seconds per case, `quick` the part of the suite for two minutes; of `methods` and
    sets (`groups`) only those named, or all.
    """

    folder: Path
    quick: bool = False
    limit: float = 60.0
    methods: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


def run_suite(
    settings: BenchSettings, progress: Callable[[int, int, Row], None] | None = None
) -> list[Row]:
    """Run every case that has no row yet and return all; progress(done, total, row) after each."""
    positive_number(settings.limit, "the time limit")
    cases = list(_cases(settings))
    _open_folder(settings.folder)
    tasks = Tasks(BenchWork(settings.limit), cases, settings.folder)
    running = tasks.in_turn()
    rows: list[Row] = []
    for case in cases:
        rows.append(tasks.outcomes[case] if case in tasks.outcomes else next(running))
        if progress is not None:
            progress(len(rows), len(cases), rows[-1])
    return rows


def _open_folder(folder: Path) -> None:
    """Create the folder, or see that its rows are of this machine and these versions."""
    here = f"screlax {__version__}; {provenance_line()}"
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


def _cases(settings: BenchSettings) -> Iterator[Case]:
    """Yield problem by problem, so that the methods of each run side by side in time."""
    methods, problems = all_methods(), problem_sets(quick=settings.quick)
    _check_names("method", settings.methods, [method.name for method in methods])
    _check_names("set", settings.groups, [case.group for case in problems])
    for case in problems:
        if settings.groups and case.group not in settings.groups:
            continue
        for method in methods:
            if settings.methods and method.name not in settings.methods:
                continue
            tolerances = method.tolerances
            if settings.quick:
                tolerances = tolerances[-2:-1] or tolerances
            if method.why_not(case.problem):
                tolerances = tolerances[:1]
            yield from (Case(case, method, tolerance) for tolerance in tolerances)


def _check_names(what: str, wanted: Sequence[str], known: Sequence[str]) -> None:
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise InvalidInputError(
            f"no {what} is called {unknown[0]!r}{hint(unknown[0], known)}; "
            f"there are {', '.join(dict.fromkeys(known))}"
        )

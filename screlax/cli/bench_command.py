"""`screlax bench`: the benchmark suite, resumable, to one page of results."""

import argparse
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ..bench import BenchSettings, Results, Row, run_suite
from ..bench.against import changes, changes_table
from ..bench.content import Shown
from ..bench.methods import KINDS, Method
from ..bench.page import markdown, write_page
from ..bench.problems import BenchProblem, size_in_words
from ..bench.results import read_results
from ..bench.runner import chosen
from ..bench.table import PROCESSOR, WALL
from ..io.shown import one_line
from ..io.tables import text_lines
from ..sweeps.config import read_time_limit
from ..tasks.progress import is_silent, progress
from .without_effect import refuse_idle

DESCRIPTION = (
    "Run all methods on all problems, certify what each returns, and write one page of results, "
    "readable offline, with all rows as CSV and JSON. Run again after an interruption: what is "
    "done is not done again."
)

EXAMPLES = """examples:
  screlax bench --quick
  screlax bench --list
  screlax bench --out results --time-limit 120
  screlax bench --method native --method SCS --set long-tailed
  screlax bench --problems sweep.toml --accuracy 1e-5     (the file as for screlax sweep)
  screlax --with my_methods bench --quick                 (methods and problems of your own)
  screlax bench --quick --out now --against before        (what became worse, what better)
"""

_QUICK, _WHOLE = {"limit": 3.0, "repeats": 3, "enough": 0.06}, {"limit": 60.0}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Register the options."""
    add = parser.add_argument
    add("--quick", action="store_true", help="two minutes: small problems, one accuracy")
    add("--list", action="store_true", help="print the sets and the methods, and run nothing")
    add("--out", type=Path, default=Path("screlax-bench"), metavar="FOLDER", help="for results")
    add(
        "--time-limit",
        type=float,
        metavar="SECONDS",
        help="per run (3 or 60, or as --problems has it)",
    )
    add("--method", action="append", default=[], metavar="NAME", help="only this one, or several")
    add("--set", action="append", default=[], metavar="NAME", dest="sets", help="only this one …")
    add(
        "--problems",
        type=Path,
        metavar="CONFIG.toml",
        help="problems of your own in place of the suite's: a file as screlax sweep takes it",
    )
    add(
        "--accuracy",
        type=float,
        action="append",
        default=[],
        metavar="GAP",
        help="relative accuracy to ask for and to judge by, or several (1e-4, 1e-6 and 1e-9)",
    )
    add("--repeats", type=int, metavar="N", help="runs of a case at most, the median counts")
    add("--threads", type=int, default=1, metavar="N", help="of linear algebra (1)")
    add(
        "--clock",
        choices=(WALL, PROCESSOR),
        default=WALL,
        help="what to judge by: wall time, or the processor's where the machine is busy",
    )
    add("--against", type=Path, metavar="FOLDER", help="results of an earlier run to compare with")
    add("--json", action="store_true", help="print JSON instead of Markdown")


def run(options: argparse.Namespace) -> bool:
    """Run, write the page, print it; always successful once all cases have a row."""
    settings = _settings(options)
    with progress("the problems of the benchmark suite"):
        problems, methods = chosen(settings)
    if options.list:
        idle = "time_limit", "accuracy", "repeats", "against", "json"
        given = argparse.Namespace(**{**vars(options), "accuracy": options.accuracy or None})
        refuse_idle(given, *idle, because="on --list, which runs nothing")
        print("\n".join(_listing(problems, methods)))
        return True
    then = None if options.against is None else read_results(options.against)
    with progress("a case of the benchmark suite"):
        results = replace(run_suite(settings, _report), clock=options.clock)
    before = [] if then is None else [_changes(results, then, options.against)]
    conditions = {method.name: method.conditions for method in methods}
    paths = write_page(results, options.out, conditions, before)
    print(results.json() if options.json else markdown(results, conditions, before))
    print(f"written: {', '.join(map(one_line, paths))}", file=sys.stderr)
    return True


def _settings(options: argparse.Namespace) -> BenchSettings:
    of_file = None if options.problems is None else read_time_limit(options.problems)
    limit = of_file if options.time_limit is None else options.time_limit
    given = {"limit": limit, "repeats": options.repeats}
    chosen_by_hand = {name: value for name, value in given.items() if value is not None}
    return BenchSettings(
        folder=options.out / "rows",
        quick=options.quick,
        methods=tuple(options.method),
        groups=tuple(options.sets),
        accuracies=tuple(options.accuracy),
        problems=options.problems,
        threads=options.threads,
        **{**(_QUICK if options.quick else _WHOLE), **chosen_by_hand},
    )


def _changes(results: Results, then: Results, folder: Path) -> Shown:
    found, shared = changes(results, then)
    there = then.provenance != results.provenance
    name = f"{one_line(folder)}, of another machine or other versions" if there else str(folder)
    return changes_table(found, shared, name)


def _listing(problems: Iterable[BenchProblem], methods: Iterable[Method]) -> list[str]:
    """Return sets with their problems, and methods with their conditions."""
    rows = [(case.group, case.name, size_in_words(case.problem)) for case in problems]
    lines = text_lines(("set", "problem", "size"), rows)
    for method in methods:
        of_kind = f" A {method.kind}." if method.kind else ""
        lines += ["", method.name, f"  {method.conditions or 'No conditions are stated.'}{of_kind}"]
    for kind, said in KINDS.items():
        lines += ["", f"Every {kind}", f"  {said}"]
    return lines


def _report(done: int, total: int, row: Row) -> None:
    if is_silent():
        return
    ran = f"gap {row.relative_gap:.0e} in {row.seconds:.3g} s"
    found = ran if row.outcome == "ran" else row.outcome
    start = "\r\033[K" if sys.stderr.isatty() else ""  # a sign of life may be on the line
    print(f"{start}[{done}/{total}] {row.problem}, {row.method}: {found}", file=sys.stderr)

"""`screlax bench`: the benchmark suite, resumable, to one page of results."""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from ..bench import BenchSettings, Row, run_suite
from ..bench.page import markdown, write_page
from ..bench.provenance import provenance_line
from ..io.shown import one_line
from ..io.tables import json_text
from ..plots.canvas import require_matplotlib
from ..tasks.progress import is_silent

DESCRIPTION = (
    "Run all methods on all problems, each case in a process of its own, and write one page of "
    "results. Run again after an interruption: what is done is not done again."
)

EXAMPLES = """examples:
  screlax bench --quick
  screlax bench --out results --time-limit 120
  screlax bench --method native --method SCS --set long-tailed
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Register the options."""
    add = parser.add_argument
    add("--quick", action="store_true", help="two minutes: small problems")
    add("--out", type=Path, default=Path("screlax-bench"), metavar="FOLDER")
    add("--time-limit", type=float, metavar="SECONDS", help="per case (5 or 60)")
    add("--method", action="append", default=[], metavar="NAME")
    add("--set", action="append", default=[], metavar="NAME", dest="sets")
    add("--json", action="store_true", help="print JSON instead of Markdown")


def run(options: argparse.Namespace) -> bool:
    """Run, write the page, print it; always successful once all cases have a row."""
    require_matplotlib()
    limit = options.time_limit if options.time_limit is not None else 5 if options.quick else 60
    settings = BenchSettings(
        folder=options.out / "rows",
        quick=options.quick,
        limit=float(limit),
        methods=tuple(options.method),
        groups=tuple(options.sets),
    )
    rows = run_suite(settings, _report)
    provenance = provenance_line()
    paths = write_page(rows, options.out, settings.limit, provenance)
    if options.json:
        print(json_text({"provenance": provenance, "rows": [asdict(row) for row in rows]}))
    else:
        print(markdown(rows, settings.limit, provenance))
    print(f"written: {', '.join(map(one_line, paths))}", file=sys.stderr)
    return True


def _report(done: int, total: int, row: Row) -> None:
    if is_silent():
        return
    ran = f"gap {row.relative_gap:.0e} in {row.seconds:.3g} s"
    found = ran if row.outcome == "ran" else row.outcome
    print(f"[{done}/{total}] {row.problem}, {row.method}: {found}", file=sys.stderr)

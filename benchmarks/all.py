"""Every measured table and figure of README.md beside this file, made again by its command.

    python benchmarks/all.py                     # what has no result of this version yet
    python benchmarks/all.py --only native loss  # some of them
    python benchmarks/all.py --list              # what there is, and how long each took
    python benchmarks/all.py --claims            # numbers in prose beside those of the tables

Commands run one after the other, each in a process and a folder of its own. What ended well is kept
in the folder of results, and runs again only if its script, what that imports or reads here, or the
version of screlax has changed, or by `--again`; an interruption loses the command in progress.
After each command its tables and figures take the place of the old ones. A command that fails keeps
the old ones, is named at the end, and the exit code is 1. `--quick` sees that all of them run, and
writes nothing of it to the page.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import script
from evidence import files, results, tables
from evidence.job import Job, chosen, jobs_of
from evidence.prose import CLAIMS

from screlax.io.atomic import write_bytes

PAGE = script.HERE / "README.md"
README = script.HERE.parent / "README.md"


def show_list(jobs: Sequence[Job]) -> None:
    print("| name | command | makes | took | by | |\n|---|---|---|---|---|---|")
    for job in jobs:
        print(f"| {results.name_of(job.command)} | `{job.command}` {job.state()}")


def show_claims(page: str) -> None:
    print("| README.md says | its tables |\n|---|---|")
    readme = README.read_text(encoding="utf-8")
    for claim in CLAIMS:
        print(f"| {claim.said(readme) or 'nothing now'} | {claim.measured(page)} |")


def parsed() -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = script.make_parser(__doc__ or "")
    add = parser.add_argument
    add("--only", nargs="+", metavar="NAME", help="these alone; a script's name is enough")
    add("--again", nargs="+", metavar="NAME", default=[], help="these also where results are kept")
    add("--list", action="store_true", help="print what there is, and run nothing")
    add("--claims", action="store_true", help="print numbers in prose beside the tables")
    add("--results", type=Path, default=script.HERE / "results", metavar="FOLDER")
    add("--page", type=Path, default=PAGE, metavar="FILE.md", help="tables go here (README.md)")
    return parser, parser.parse_args()


def put(job: Job, known: results.Result, path: Path) -> None:
    """Put tables and files of a result in their places."""
    files.put(job.own, job.files, path)
    text = path.read_text(encoding="utf-8")  # somebody may have written meanwhile
    text = tables.with_tables(text, {job.command: (known.output, known.caption())})
    write_bytes(text.encode(), path)  # whole or not at all, whatever kills this


def run(jobs: Sequence[Job], again: Sequence[Job], page: Path) -> dict[str, str]:
    """Run what is not kept, put all in its place, and return why commands failed."""
    failed: dict[str, str] = {}
    for job in jobs:
        known = job.known()
        if not job.is_kept(known) or job in again:
            print(f"running {job.command}", file=sys.stderr, flush=True)
            try:
                known = job.run()
            except RuntimeError as error:
                failed[job.command] = str(error)
                continue
            results.write(job.folder, known, job.quick)
        if known is not None and not job.quick:
            put(job, known, page)
    return failed


def main() -> int:
    parser, options = parsed()
    page = options.page.read_text(encoding="utf-8")
    jobs = jobs_of(page, options.results.resolve(), options.quick)
    try:
        jobs = chosen(options.only, jobs) if options.only else jobs
        again = chosen(options.again, jobs)
    except LookupError as error:
        parser.error(str(error))
    if options.claims or options.list:
        show_claims(page) if options.claims else show_list(jobs)
        return 0
    options.results.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends the command in progress too
    failed = run(jobs, again, options.page)
    show_list(jobs)
    for command, reason in failed.items():
        print(f"failed: {command}: {reason}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())

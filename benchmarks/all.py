"""Every measured table of README.md beside this file, made again by the command that it names.

    python benchmarks/all.py                     # what has no result of this version yet
    python benchmarks/all.py --only native loss  # some of them
    python benchmarks/all.py --list              # what there is, and how long each took
    python benchmarks/all.py --claims            # numbers in prose beside those of the tables

Commands run one after the other, each in a process and a folder of its own. What ended well is kept
in the folder of results, and runs again only if its script, what that imports here, or the version
of screlax has changed, or by `--again`; an interruption loses the command in progress. After each
command its tables take the place of the old ones. A command that fails keeps its old tables, is
named at the end, and the exit code is 1. `--quick` sees that all of them run, and writes no table.
"""

from __future__ import annotations

import argparse
import datetime
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import script
from evidence import results, tables
from evidence.prose import CLAIMS

from screlax.io.atomic import write_bytes
from screlax.version import __version__

PAGE = script.HERE / "README.md"
README = script.HERE.parent / "README.md"


def words(command: str) -> list[str]:
    """Return the command line; what it reads of the clone is found from any folder."""
    first, *others = (
        str(script.HERE.parent / word) if (script.HERE.parent / word).is_file() else word
        for word in shlex.split(command)
    )
    start = ["-m", "screlax"] if first == "screlax" else [str(script.HERE / first)]
    return [sys.executable, *start, *others]


def run(command: str, folder: Path, quick: bool) -> results.Result:
    """Run a command to its end; what it prints goes to a file meanwhile, to look at."""
    own = folder / results.name_of(command)
    own.mkdir(exist_ok=True)
    start, load = time.monotonic(), os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    with (own / "output.md").open("w", encoding="utf-8") as output:
        line = [*words(command), *(["--quick"] if quick else [])]
        done = subprocess.run(line, cwd=own, stdout=output, stderr=subprocess.PIPE, text=True)
    printed = (own / "output.md").read_text(encoding="utf-8")
    if done.returncode:
        last = [text for text in done.stderr.splitlines() if text.strip()][-1:]
        raise RuntimeError(f"exit code {done.returncode}: {' '.join(last) or 'no word'}")
    if "processor: " not in printed:
        from screlax.bench.provenance import provenance_line  # slow to import

        printed = f"{provenance_line()}\n\n{printed}"
    said = [text for text in printed.splitlines() if "processor: " in text]
    return results.Result(
        command=command,
        version=results.version_of(command, __version__, quick),
        screlax=__version__,
        commit=commit(),
        date=f"{datetime.date.today():%-d %B %Y}",
        seconds=time.monotonic() - start,
        machine=said[0].strip("_ "),
        load=load,
        output=printed,
    )


def commit() -> str:
    """Return the commit of the clone, with a word where what was measured differs from it."""
    head = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--", "screlax", "benchmarks", ":!*.md")
    return (head or "no commit known") + (", changed" if changed else "")


def _git(*words: str) -> str:
    command = ["git", "-C", str(script.HERE.parent), *words]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def check(result: results.Result, page: str) -> None:
    """Refuse an output that lacks a table which the page has."""
    printed = len(tables.tables_of(result.output))
    wanted = max(p.number for p in tables.places_of(page) if p.command == result.command)
    if printed < wanted:
        raise RuntimeError(f"printed {printed} tables, the page has number {wanted}")


def state(folder: Path, command: str, quick: bool) -> str:
    """Say how long a command took, by which version, and whether it would run again."""
    known = results.read(folder, command, quick)
    if known is None:
        return "| not run |  |  |"
    fresh = known.version == results.version_of(command, __version__, quick)
    kept = "kept" if fresh else "runs again: script or version changed"
    return f"| {known.seconds:.0f} s | {known.date}, {known.screlax} ({known.commit}) | {kept} |"


def show_list(folder: Path, commands: list[str], quick: bool) -> None:
    print("| name | command | took | by | |\n|---|---|---|---|---|")
    for command in commands:
        print(f"| {results.name_of(command)} | `{command}` {state(folder, command, quick)}")


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


def chosen(names: list[str], commands: list[str], parser: argparse.ArgumentParser) -> list[str]:
    """Return the commands of some names."""
    known = {command: results.names_of(command) for command in commands}
    for name in names:
        if not any(name in each for each in known.values()):
            parser.error(f"{name!r} names no command; see --list")
    return [command for command in commands if known[command] & set(names)]


def main() -> int:
    parser, options = parsed()
    page = options.page.read_text(encoding="utf-8")
    commands = tables.commands_of(page)
    commands = chosen(options.only, commands, parser) if options.only else commands
    again = chosen(options.again, commands, parser)
    if options.claims or options.list:
        show_claims(page) if options.claims else show_list(options.results, commands, options.quick)
        return 0
    options.results = options.results.resolve()
    options.results.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends the command in progress too
    failed: dict[str, str] = {}
    for command in commands:
        version = results.version_of(command, __version__, options.quick)
        known = results.read(options.results, command, options.quick)
        if known is None or known.version != version or command in again:
            print(f"running {command}", file=sys.stderr, flush=True)
            try:
                known = run(command, options.results, options.quick)
                check(known, page)
            except RuntimeError as error:
                failed[command] = str(error)
                continue
            results.write(options.results, known, options.quick)
        if not options.quick:
            text = options.page.read_text(encoding="utf-8")  # somebody may have written meanwhile
            text = tables.with_tables(text, {command: (known.output, known.caption())})
            write_bytes(text.encode(), options.page)  # whole or not at all, whatever kills this
    show_list(options.results, commands, options.quick)
    for command, reason in failed.items():
        print(f"failed: {command}: {reason}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())

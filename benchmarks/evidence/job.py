"""A command of the page: what it must print and make, what is kept of it, and how it runs."""

from __future__ import annotations

import datetime
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from screlax.version import __version__

from . import results
from .files import Made, digests, files_of
from .results import HERE, Result
from .tables import commands_of, places_of, tables_of


@dataclass(frozen=True)
class Job:
    """A command, and the folder of results where it runs in a folder of its own."""

    command: str
    numbers: tuple[int, ...]
    """Of its tables on the page."""

    files: tuple[Made, ...]
    folder: Path
    quick: bool

    @property
    def own(self) -> Path:
        """Where it runs, and leaves its files."""
        return self.folder / f"{results.name_of(self.command)}{'.quick' if self.quick else ''}"

    @property
    def version(self) -> str:
        """What decides whether a result is still what would come out."""
        return results.version_of(self.command, __version__, self.quick)

    def known(self) -> Result | None:
        """Return what was kept, of whatever version."""
        return results.read(self.folder, self.command, self.quick)

    def is_kept(self, known: Result | None) -> bool:
        """Whether a result is of this version, and its files are there as it left them."""
        return known is not None and not self._why_again(known)

    def _why_again(self, known: Result) -> str:
        if known.version != self.version:
            return "script or version changed"
        return "" if known.files == digests(self.own, self.files) else "files changed"

    def state(self) -> str:
        """Say what it makes, how long that took, and by which version, as cells of a table."""
        tables = [f"table {number}" for number in self.numbers]
        makes = ", ".join([*tables, *(Path(each.place).name for each in self.files)])
        known = self.known()
        if known is None:
            return f"| {makes} | not run |  |  |"
        why, by = self._why_again(known), f"{known.date}, {known.screlax} ({known.commit})"
        kept = f"runs again: {why}" if why else "kept"
        return f"| {makes} | {known.seconds:.0f} s | {by} | {kept} |"

    def run(self) -> Result:
        """Run to the end; what is printed goes to a file meanwhile, to look at."""
        self.own.mkdir(exist_ok=True)
        for each in self.files:
            (self.own / each.name).unlink(missing_ok=True)
        start, load = time.monotonic(), os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
        printed = self._printed()
        if "processor: " not in printed:
            from screlax.bench.provenance import provenance_line  # slow to import

            printed = f"{provenance_line()}\n\n{printed}"
        said = [text for text in printed.splitlines() if "processor: " in text]
        result = self._checked(
            Result(
                command=self.command,
                version=self.version,
                screlax=__version__,
                commit=commit(),
                date=f"{datetime.date.today():%-d %B %Y}",
                seconds=time.monotonic() - start,
                machine=said[0].strip("_ "),
                load=load,
                output=printed,
                files=digests(self.own, self.files),
            )
        )
        self._tidy()
        return result

    def _tidy(self) -> None:
        """Remove what a command keeps to go on from: another run of it is to measure again."""
        ours = {self.own / each.name for each in self.files} | {self.own / "output.md"}
        ours |= {folder for each in ours for folder in each.parents}
        for path in sorted(self.own.rglob("*"), reverse=True):
            if path not in ours:
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()

    def _printed(self) -> str:
        """Return what the command prints; one that fails is a `RuntimeError`."""
        line = [*words(self.command), *(["--quick"] if self.quick else [])]
        path = self.own / "output.md"
        with path.open("w", encoding="utf-8") as output:
            done = subprocess.run(
                line, cwd=self.own, stdout=output, stderr=subprocess.PIPE, text=True
            )
        if done.returncode:
            last = [text for text in done.stderr.splitlines() if text.strip()][-1:]
            raise RuntimeError(f"exit code {done.returncode}: {' '.join(last) or 'no word'}")
        return path.read_text(encoding="utf-8")

    def _checked(self, result: Result) -> Result:
        """Refuse a result that lacks a table or a file which the page has."""
        printed, wanted = len(tables_of(result.output)), max(self.numbers, default=0)
        if printed < wanted:
            raise RuntimeError(f"printed {printed} tables, the page has number {wanted}")
        missing = [each.name for each in self.files if each.name not in result.files]
        if missing:
            raise RuntimeError(f"did not make {', '.join(missing)}")
        return result


def jobs_of(page: str, folder: Path, quick: bool) -> list[Job]:
    """Return all commands of a page, in its order."""
    places, files = places_of(page), files_of(page)
    return [
        Job(
            command,
            tuple(sorted(place.number for place in places if place.command == command)),
            tuple(each for each in files if each.command == command),
            folder,
            quick,
        )
        for command in commands_of(page)
    ]


def chosen(names: Iterable[str], jobs: Iterable[Job]) -> list[Job]:
    """Return the jobs of some names; one that names none is a `LookupError`."""
    known = {job: results.names_of(job.command) for job in jobs}
    for name in names:
        if not any(name in each for each in known.values()):
            raise LookupError(f"{name!r} names no command; see --list")
    return [job for job, called in known.items() if called & set(names)]


def words(command: str) -> list[str]:
    """Return the command line; what it reads of the clone is found from any folder."""
    first, *others = (
        str(HERE.parent / word) if (HERE.parent / word).is_file() else word
        for word in shlex.split(command)
    )
    start = ["-m", "screlax"] if first == "screlax" else [str(HERE / first)]
    return [sys.executable, *start, *others]


def commit() -> str:
    """Return the commit of the clone, with a word where what was measured differs from it."""
    head = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--", "screlax", "benchmarks/*.py")
    return (head or "no commit known") + (", changed" if changed else "")


def _git(*words: str) -> str:
    command = ["git", "-C", str(HERE.parent), *words]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()

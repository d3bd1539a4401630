"""Figures, and other files that commands make: their marks in a Markdown page, and whether kept.

    <!-- file growth.png of: native.py --plot growth.png -->
    ![Growth with the number of distinct sizes](figures/growth.png)

is the file that `python benchmarks/native.py --plot growth.png` leaves as `growth.png` in the
folder where it runs; its place is what the next line links to.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from screlax.io.atomic import write_bytes

_MARK = re.compile(r"<!-- file (\S+) of: (.+) -->")
_LINK = re.compile(r"\]\(([^)]+)\)")


@dataclass(frozen=True)
class Made:
    """A file that a command makes: its name in the folder of the run, and its place."""

    command: str
    name: str
    place: str
    """Relative to the page."""


def files_of(page: str) -> list[Made]:
    """Return the marked files of a page; a mark without a link below it is an error."""
    lines, found = [*page.splitlines(), ""], []
    for number, line in enumerate(lines):
        if mark := _MARK.fullmatch(line):
            link = _LINK.search(lines[number + 1])
            if link is None:
                raise ValueError(f"line {number + 1} marks a file, the next one links none: {line}")
            found.append(Made(mark[2], mark[1], link[1]))
    return found


def digests(folder: Path, files: Iterable[Made]) -> dict[str, str]:
    """Return a digest of each file that is in the folder of a run, by name."""
    paths = {each.name: folder / each.name for each in files}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in paths.items()
        if path.is_file()
    }


def put(folder: Path, files: Iterable[Made], page: Path) -> None:
    """Write what a run made to its place, where it is another; whole or not at all."""
    for each in files:
        made, place = (folder / each.name).read_bytes(), page.parent / each.place
        if not place.is_file() or place.read_bytes() != made:
            write_bytes(made, place)

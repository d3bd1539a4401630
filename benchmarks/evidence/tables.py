"""Tables of a Markdown page, and the marks around them that say which command prints them.

    <!-- table 2 of: conic.py --time-limit 120 -->
    | a table | of numbers |
    |---|---|
    | … | … |

    *screlax 0.3.0, 26 November 2026*
    <!-- end -->

is the second table that `python benchmarks/conic.py --time-limit 120` prints, and where it is from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

BY_HAND = "<!-- table by hand -->"
"""Stands before a table that nothing prints: sources, conventions, definitions."""

END = "<!-- end -->"
_MARK = re.compile(r"<!-- table ([1-9]\d*) of: (.+) -->")
_COMMAND = re.compile(r"<!-- (?:table [1-9]\d*|file \S+) of: (.+) -->")
_RULE = re.compile(r"\|[-:| ]+\|")


@dataclass(frozen=True)
class Place:
    """A marked table of a page: the command that prints it, its number there, and its lines."""

    command: str
    number: int
    first: int
    last: int
    """Line numbers of its marks, from zero; the table lies between them."""


@dataclass(frozen=True)
class Table:
    """Lines of one table, and where they begin."""

    lines: tuple[str, ...]
    first: int

    @property
    def header(self) -> str:
        """The names of its columns, as they are written."""
        return self.lines[0]

    def rows(self) -> list[dict[str, str]]:
        """Return every row by the names of its columns, the last of those that are alike."""
        names = cells(self.header)
        return [dict(zip(names, cells(line), strict=True)) for line in self.lines[2:]]


def cells(line: str) -> list[str]:
    """Return the cells of a line."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def tables_of(text: str) -> list[Table]:
    """Return the tables of a text, in their order."""
    return list(_tables(text.splitlines()))


def _tables(lines: Sequence[str]) -> Iterator[Table]:
    start = 0
    while start < len(lines):
        end = start
        while end < len(lines) and lines[end].startswith("|"):
            end += 1
        if end - start > 2 and _RULE.fullmatch(lines[start + 1]):
            yield Table(tuple(lines[start:end]), start)
        start = max(end, start + 1)


def places_of(page: str) -> list[Place]:
    """Return the marked tables of a page; a mark that nothing ends is an error."""
    lines, found = page.splitlines(), []
    for first, line in enumerate(lines):
        if mark := _MARK.fullmatch(line):
            last = _end(lines, first)
            _require_nothing_else(lines, first, last)
            found.append(Place(mark[2], int(mark[1]), first, last))
    return found


def _end(lines: Sequence[str], first: int) -> int:
    for number in range(first + 1, len(lines)):
        if lines[number] == END:
            return number
        if lines[number].startswith("<!-- table"):
            break
    raise ValueError(f"line {first + 1} begins a table that no line {END!r} ends: {lines[first]}")


def _require_nothing_else(lines: Sequence[str], first: int, last: int) -> None:
    """Refuse words between marks: they would be lost with the old table."""
    for number in range(first + 1, last):
        if lines[number] and not lines[number].startswith(("|", "*")):
            raise ValueError(
                f"line {number + 1}, between the marks of a table, would be lost with it: "
                f"{lines[number][:60]!r}"
            )


def commands_of(page: str) -> list[str]:
    """Return the commands of all marked tables and files, each once, in the order of the page."""
    marks = map(_COMMAND.fullmatch, page.splitlines())
    return list(dict.fromkeys(mark[1] for mark in marks if mark))


def table_at(page: str, place: Place) -> Table:
    """Return the table between two marks."""
    inside = page.splitlines()[place.first + 1 : place.last]
    found = tables_of("\n".join(inside))
    if len(found) != 1:
        raise ValueError(f"{len(found)} tables between the marks of line {place.first + 1}, not 1")
    return found[0]


def unmarked(page: str) -> list[Table]:
    """Return the tables outside all marks, those by hand left out."""
    lines, places = page.splitlines(), places_of(page)
    return [
        table
        for table in tables_of(page)
        if not any(place.first < table.first < place.last for place in places)
        and lines[table.first - 1] != BY_HAND
    ]


def with_tables(page: str, printed: Mapping[str, tuple[str, str]]) -> str:
    """Return the page with the tables of some commands, by their output and where it is from."""
    lines = page.splitlines()
    for place in reversed(places_of(page)):
        if place.command in printed:
            output, caption = printed[place.command]
            table = tables_of(output)[place.number - 1]
            lines[place.first + 1 : place.last] = [*table.lines, "", f"*{caption}*"]
    return "\n".join(lines) + "\n"

"""What a file holds by name, without reading it, and the choice of what is meant."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...containers import shown
from ...errors import FileFormatError
from ...spelling import hint
from ..shown import one_line

_LISTED = 12
"""Entries that an error lists."""


@dataclass(frozen=True)
class Entry:
    """An array or column: its shape, its type in words, and how to read it."""

    shape: tuple[int, ...]
    type: str
    read: Callable[[], Any]

    @property
    def is_matrix(self) -> bool:
        """Whether this may be embeddings: floating, with rows and columns."""
        return "float" in self.type and (len(self.shape) > 1 or self.type.startswith("lists"))

    def __str__(self) -> str:
        """Describe it in a message."""
        return f"{self.type} {'×'.join(map(str, self.shape)) or 'scalar'}"


@dataclass(frozen=True)
class Contents:
    """All that a file holds, by name; `columns` of one table, or arrays."""

    file: Path
    entries: Mapping[str, Entry]
    columns: bool = False

    @property
    def what(self) -> str:
        """What an entry is called."""
        return "column" if self.columns else "array"

    def __str__(self) -> str:
        """List what there is, for a message."""
        found = [
            f"{one_line(shown(name))} ({entry})" if name else str(entry)
            for name, entry in self.entries.items()
        ]
        more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
        return ", ".join(found[:_LISTED]) + more or "nothing"

    def named(self, name: str) -> Entry:
        """Return the entry of that name.

        Raises
        ------
        FileFormatError
            If there is none.
        """
        if name not in self.entries:
            raise FileFormatError(
                f"{self.file} has no {self.what} {name!r}{hint(name, self.entries)}; it holds "
                f"{one_line(self)}"
            )
        return self.entries[name]

    def check_labels(self, what: str, usual: Collection[str], chosen: Entry | None = None) -> None:
        """Refuse labels, those chosen or of a usual name, where nothing here has as many rows.

        Raises
        ------
        FileFormatError
            With all numbers; `what` they would be beside.
        """
        labels = {
            name: entry.shape[0]
            for name, entry in self.entries.items()
            if entry.shape and (name.lower() in usual if chosen is None else entry is chosen)
        }
        rows = {
            name: entry.shape[0]
            for name, entry in self.entries.items()
            if entry.shape and name not in labels
        }
        if labels and rows and not set(labels.values()) & set(rows.values()):
            counts = ", ".join(f"{count:,} {name}" for name, count in (labels | rows).items())
            raise FileFormatError(
                f"{self.file} holds {counts}: the labels are of no {what}; save one for each row, "
                "or leave them out"
            )

    def meant(self, usual: Collection[str], what: str, remedy: str) -> Entry:
        """Return the only entry, or the only one of a usual name, whatever its case."""
        if len(self.entries) == 1:
            return next(iter(self.entries.values()))
        found = [name for name in self.entries if name.lower() in usual]
        if len(found) == 1:
            return self.entries[found[0]]
        names = ", ".join(map(repr, found))
        said = f"{names} may all be {what}" if found else f"none is named as {what} usually are"
        raise FileFormatError(f"{self.file} holds {self}; {said}, so {remedy}")

"""Labels as text: the lines or the column that they are, and what text stands for."""

import itertools
import re
import sys
import warnings
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path

from ..containers import shown
from ..errors import FileFormatError, HeaderWarning
from ..io.contents.in_file import say_which
from ..io.contents.names import LABEL_HEADERS
from ..io.files import SEPARATORS, rows_of, separators_of
from ..io.shown import is_number
from ..io.text_tables import named_column

MISSING = frozenset({"", "nan", "na", "n/a", "<na>", "nat", "null", "none"})
"""How a missing entry among numbers is written, whatever the case."""

# Leading zeros or a plus sign make a label text: '007' and '7' may be two classes.
_CANONICAL_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")
_WITH_A_DOT = re.compile(r"[+-]?[0-9]+\.[0-9]*([eE][+-]?[0-9]+)?")

_NO_SEPARATOR = "\x1f"
"""What no label has, to read quotes without cutting at commas."""


def text_labels(file: Path, name: str | None) -> list[int] | list[str]:
    """Read the label on every line of a .csv, .tsv or .txt file, or those of a column."""
    name = _label_column(file) if name is None else name
    return _only_column(file) if name is None else _one_column(file, name)


def _one_column(file: Path, name: str) -> list[int] | list[str]:
    """Read the labels in a column of several."""
    header, column, rows = named_column(file, name)
    lines, labels = list[int](), list[str]()
    for line, fields in rows:
        if not fields[column]:
            raise FileFormatError(f"{file}, line {line}: no label in column {name!r}; give it one")
        lines.append(line)
        labels.append(sys.intern(fields[column]))

    def place(position: int) -> str:
        return f"{file}, line {lines[position]}"

    below = header is None and _has_header(labels, place)
    return typed_labels(labels[below:], lambda position: place(position + below))


def _only_column(file: Path) -> list[int] | list[str]:
    """Read the labels that are all there is on each line."""
    separator = {".txt": _NO_SEPARATOR, ".tsv": "\t"}.get(file.suffix.lower(), ",")
    same: dict[str, str] = {}  # one object for all equal labels
    labels: list[str] = []
    lines: list[int] = []  # where labels are, if that is not one a line
    blank = 0
    for line, fields in rows_of(file, separator):
        if not fields:
            blank = blank or line
            continue
        if blank or len(fields) != 1:
            what = "blank, no label" if blank else f"{len(fields)} columns, keep the label only"
            raise FileFormatError(f"{file}, line {blank or line}: {what}; write one label per line")
        if lines or line != len(labels) + 1:  # a label of several lines
            lines = lines or list(range(1, len(labels) + 1))
            lines.append(line)
        labels.append(same.setdefault(fields[0], fields[0]))

    def place(position: int) -> str:
        return f"{file}, line {lines[position] if lines else position + 1}"

    header = _has_header(labels, place)
    return typed_labels(labels[header:], lambda position: place(position + header))


def _has_header(labels: list[str], place: Callable[[int], str]) -> bool:
    """Whether the first line is a header; refuse or warn where it may be one."""
    if not labels or labels[0] in itertools.islice(labels, 1, None):
        return False
    first, others = labels[0], set(labels[1:])
    if first.lower() in LABEL_HEADERS:
        return True
    numbers = [label for label in others if label.lower() not in MISSING]
    alone = not is_number(first) and first.lower() not in MISSING
    if alone and numbers and all(map(is_number, numbers)):
        raise FileFormatError(
            f"{place(0)}: {first!r} is the only line that is no number; if it is a header, leave "
            "it out or call it 'label'"
        )
    if len(others) < len(labels) - 1:
        warnings.warn(
            f"{place(0)}: {shown(first)} occurs only once and was read as a label; if it is a "
            "header, leave it out or call it 'label'",
            HeaderWarning,
            stacklevel=5,
        )
    return False


def _label_column(file: Path) -> str | None:
    """Return the only column whose header is that of labels; None where there is one column."""
    for separator, columns in separators_of(file).items():
        _, header = next(rows_of(file, separator))
        found = [name for name in header if name.lower() in LABEL_HEADERS]
        if len(found) == 1:
            return found[0]
        raise FileFormatError(
            f"{file}, line 1: {columns} columns, keep the label only; a {SEPARATORS[separator]} "
            "separates columns in every line, so put labels that have one in quotation marks, "
            f"call one column 'label', or {say_which('--column')}; the first line "
            f"has {_listed(header)}"
        )
    return None


def _listed(header: list[str]) -> str:
    """Name the columns for a message, up to five."""
    more = ", …" if len(header) > 5 else ""
    return ", ".join(map(shown, header[:5])) + more


def typed_labels(labels: list[str], place: Callable[[int], str]) -> list[int] | list[str]:
    """Return integers if all labels are whole numbers, else the labels as they are.

    None may be missing if all others are numbers, and no number may be written in two ways: equal
    numbers are one class. `place` says where the label of a position is.
    """
    different = set(labels)
    whole = {label: number for label in different if (number := _whole(label)) is not None}
    if len(whole) == len(different):
        return [whole[label] for label in labels]
    _refuse_two_spellings(labels, place)
    others = [label for label in different if label.lower() not in MISSING]
    if others and len(others) < len(different) and all(map(is_number, others)):
        first = next(n for n, label in enumerate(labels) if label.lower() in MISSING)
        raise FileFormatError(
            f"{place(first)}: the label {labels[first]!r} is missing, and the others are numbers; "
            "every sample needs a class, so leave that sample out or give it one"
        )
    return labels


def repeated(labels: Sequence[Hashable]) -> tuple[int, int] | None:
    """Return the first place of the first label that is there again, and where it is."""
    if len(set(labels)) == len(labels):
        return None
    seen: dict[Hashable, int] = {}
    again = next(n for n, label in enumerate(labels) if seen.setdefault(label, n) != n)
    return seen[labels[again]], again


def _refuse_two_spellings(labels: list[str], place: Callable[[int], str]) -> None:
    """Refuse 1 and 1.0 where labels are text, which would be two classes; 007 and 7 are two."""
    spelt: dict[float, str] = {}
    for label in dict.fromkeys(labels):
        if _CANONICAL_INTEGER.fullmatch(label) or _WITH_A_DOT.fullmatch(label):
            first = spelt.setdefault(float(label), label)
            if first != label:
                raise FileFormatError(
                    f"{place(labels.index(label))}: {label!r} is the number {first!r} in another "
                    "spelling, and equal numbers are one class; write it in one way"
                )


def _whole(label: str) -> int | None:
    """Return the whole number that a label is, None if it is none."""
    if _CANONICAL_INTEGER.fullmatch(label):
        return int(label)
    if _WITH_A_DOT.fullmatch(label):
        number = float(label)
        return int(number) if abs(number) < 2**53 and number == int(number) else None
    return None

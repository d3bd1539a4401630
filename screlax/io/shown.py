r"""Text from outside (class labels, names of files and runs) where it is shown: never obeyed.

Everywhere it is one line without control characters (`one_line`). HTML, Markdown and spreadsheets
need more, below; charts of matplotlib have `plots.labels`, and the pages of HTML `report.markup`.

>>> from screlax.io.shown import one_line, spreadsheet_cell
>>> one_line("a\x1b[31mb")
'a\\x1b[31mb'
>>> spreadsheet_cell("=1+2"), spreadsheet_cell("-0.5")
("'=1+2", '-0.5')
"""

import html
import re
import unicodedata
from collections.abc import Hashable

_OBEYED = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode categories of control characters, halves of a pair, line and paragraph separators."""

_JOINERS = "\u200c\u200d"
"""Format characters (category Cf) that scripts and emoji are written with; others are hidden."""

_FORMULA = tuple("=+-@＝＋－＠")
"""What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection)."""


def one_line(text: object) -> str:
    r"""Return text with control, bidirectional and other invisible characters as \-escapes."""
    line = str(text)
    return line if line.isprintable() else "".join(map(_visible, line))


def _visible(character: str) -> str:
    kind = unicodedata.category(character)
    if kind in _OBEYED or (kind == "Cf" and character not in _JOINERS):
        return character.encode("unicode_escape").decode()
    return character


def width_of(text: str) -> int:
    """Return how many columns of a terminal a line takes: two for East Asian wide characters."""
    return sum(map(_width, text))


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def shortened(text: object, width: int) -> str:
    """Return one line of at most that many terminal columns; an ellipsis says what was cut."""
    line = one_line(text)
    if width_of(line) <= width:
        return line
    kept, left = 0, width - 1
    while kept < len(line) and (left := left - _width(line[kept])) >= 0:
        kept += 1
    return line[:kept] + "…"


def padded(text: str, width: int) -> str:
    """Return a line flush right in that many terminal columns."""
    return " " * (width - width_of(text)) + text


def spreadsheet_cell(text: object) -> str:
    """Return one line that no spreadsheet computes: before what begins a formula stands a '."""
    line = one_line(text)
    return f"'{line}" if line.startswith(_FORMULA) and not is_number(line) else line


def is_number(text: str) -> bool:
    """Whether Python takes text for a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def html_text(text: object) -> str:
    """Return one line for HTML, as it was written."""
    return html.escape(one_line(text))


def markdown_text(text: object) -> str:
    """Return one line for Markdown, also in a cell of a table, as it was written."""
    line = one_line(text).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`*\[\]|~$]|(?<!\w)_|_(?!\w))", r"\\\1", line)


def json_label(label: Hashable) -> int | str:
    """Return a label as JSON has it: integers and text as they are, all else as text."""
    return label if type(label) in (int, str) else str(label)  # type: ignore[return-value]

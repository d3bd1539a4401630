"""Results in a notebook: a title, facts, a small table, in the colours of the page around them.

Everything from outside is escaped; nothing is loaded, and nothing runs.
"""

from collections.abc import Iterable, Sequence

from .shown import html_text

_LINE = "border:0;border-bottom:1px solid rgba(128,128,128,.35)"
_CELL = f"padding:.15em .8em .15em 0;background:none;color:inherit;vertical-align:top;{_LINE}"
_NAME = f'<th scope="row" style="text-align:left;font-weight:600;white-space:nowrap;{_CELL}">'
_TABLE = '<table style="border-collapse:collapse;margin:.3em 0;color:inherit;background:none">'
_TEXT = "margin:.3em 0;color:inherit;background:none;overflow-x:auto"

Fact = tuple[str, object]
"""A name, and what is said."""


def card(
    title: str,
    facts: Iterable[Fact] = (),
    header: Sequence[object] = (),
    rows: Iterable[Sequence[object]] = (),
    *,
    note: str = "",
    more: str = "",
) -> str:
    """Return a result as HTML: facts by name, a table of numbers, a note, and text to unfold."""
    parts = [f"<div><strong>{html_text(title)}</strong></div>", _facts(facts)]
    if header:
        parts.append(_table(header, rows))
    if note:
        parts.append(f"<div>{html_text(note)}</div>")
    if more:
        parts.append(f"<details><summary>more</summary>{_text(more)}</details>")
    return f'<div style="color:inherit;line-height:1.35;max-width:75em">{"".join(parts)}</div>'


def text_card(title: str, text: str) -> str:
    """Return text as HTML, lines and columns as in a terminal."""
    return f'<div style="color:inherit"><strong>{html_text(title)}</strong>{_text(text)}</div>'


class TextInNotebook:
    """A result that shows in a notebook what it prints."""

    def _repr_html_(self) -> str:
        return text_card(type(self).__name__, str(self))


def _facts(facts: Iterable[Fact]) -> str:
    lines = "".join(
        f'<tr>{_NAME}{html_text(name)}</th><td style="text-align:left;{_CELL}">'
        f"{html_text(said)}</td></tr>"
        for name, said in facts
    )
    return f"{_TABLE}{lines}</table>" if lines else ""


def _table(header: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(
        f'<th scope="col" style="text-align:right;font-weight:600;{_CELL}">{html_text(name)}</th>'
        for name in header
    )
    cell = f'<td style="text-align:right;{_CELL}">'
    body = "".join(
        f"<tr>{''.join(f'{cell}{html_text(entry)}</td>' for entry in row)}</tr>" for row in rows
    )
    return f"{_TABLE}<tr>{head}</tr>{body}</table>"


def _text(text: str) -> str:
    lines = "\n".join(map(html_text, text.splitlines()))
    return f'<pre style="{_TEXT}">{lines}</pre>'

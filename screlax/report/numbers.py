"""Numbers as the page shows them, each with a sentence that says what it is."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .markup import Markup, table, tag

Row = tuple[str, object, str]
"""A name, what is shown, and in a sentence what that is."""


@dataclass
class Sheet:
    """What pieces of one page have in common: identifiers that differ, and data for the script."""

    data: dict[str, Any] = field(default_factory=dict)
    made: int = 0

    def identifier(self, kind: str) -> str:
        """Return one that no other element of the page has."""
        self.made += 1
        return f"{kind}-{self.made}"


def number(value: float | None, digits: int = 4) -> str:
    """Return a number in so many digits; a dash where there is none."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{abs(float(value)):,.{digits}g}"
    return f"−{text}" if value < 0 else text


def count(value: float) -> str:
    """Return a whole number with commas, any other in ten digits."""
    return f"{value:,.10g}" if value == int(value) else number(value, 10)


def distance(value: float | None) -> str:
    """Return a distance of normalised Gram matrices, which may be of any size."""
    return "any size" if value is None or math.isinf(value) else number(value, 3)


def term(sheet: Sheet, name: str, sentence: str) -> Markup:
    """Return a name whose sentence comes up under the pointer and under the keyboard's focus.

    A button, so that it is reached by Tab on every system, and on a screen without a pointer by a
    touch; the sentence is its description for screen readers.
    """
    if not sentence:
        return Markup(tag("span", name))
    place = sheet.identifier("what")
    return tag(
        "span",
        tag("button", name, type="button", aria_describedby=place),
        tag("span", sentence, role="tooltip", id=place),
        class_="term",
    )


def table_of_numbers(sheet: Sheet, caption: str, rows: Iterable[Row]) -> Markup:
    """Return a table of names and numbers, every name with its sentence."""
    cells = ([term(sheet, name, sentence), shown] for name, shown, sentence in rows)
    return tag("div", table(caption, (), cells), class_="numbers")

"""HTML and SVG as text that is safe: whatever is not markup already is escaped where it is put."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ..io.shown import html_text

_ALONE = {"meta", "link", "input", "br", "image", "line", "rect", "circle", "path", "stop"}
"""Elements that have no end tag, or in SVG nothing inside."""


class Markup(str):
    """Markup that is safe as it stands."""

    __slots__ = ()


def tag(name: str, *inside: object, **attributes: object) -> Markup:
    """Return an element: text inside is escaped, `Markup` is not, None and empty are left out.

    Attributes are written with hyphens for underscores, and one behind a word of Python's own is
    dropped (``for_``); True stands for one without a value, None and False for none.
    """
    written = "".join(
        f" {_attribute(key)}" + ("" if value is True else f'="{html_text(value)}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _ALONE and not inside:
        return Markup(f"<{name}{written}/>")
    return Markup(f"<{name}{written}>{joined(inside)}</{name}>")


def joined(parts: Iterable[object]) -> Markup:
    """Return markup and text behind each other."""
    return Markup(
        "".join(
            part if isinstance(part, Markup) else html_text(part)
            for part in parts
            if part is not None and part != ""
        )
    )


def table(
    caption: str,
    header: Sequence[object],
    rows: Iterable[Sequence[object]],
    *,
    named: bool = True,
    shows_caption: bool = False,
) -> Markup:
    """Return a table with a caption for screen readers; `named` rows begin with their heading.

    Wide ones scroll on their own, by keyboard too.
    """
    head = tag("tr", *(tag("th", cell, scope="col") for cell in header)) if header else None
    body = (
        tag(
            "tr",
            tag("th", row[0], scope="row") if named else None,
            *(tag("td", cell, class_=_unbroken(cell)) for cell in (row[1:] if named else row)),
        )
        for row in rows
    )
    inside = tag(
        "table",
        tag("caption", caption, class_=None if shows_caption else "unseen"),
        tag("thead", head) if head else None,
        tag("tbody", *body),
    )
    return tag("div", inside, class_="scroll", role="group", tabindex=0, aria_label=caption)


def _unbroken(cell: object) -> str | None:
    """Return the class of a number with an exponent, at whose sign browsers would break it."""
    return "unbroken" if re.fullmatch(r"(< )?[\d.]+e[-+]\d+", str(cell)) else None


def details(summary: str, *inside: object, is_open: bool = False) -> Markup:
    """Return what can be unfolded."""
    return tag("details", tag("summary", summary), *inside, open=is_open)


def _attribute(key: str) -> str:
    return key.removesuffix("_").replace("_", "-") if key not in _CAMEL else key


_CAMEL = {"viewBox", "preserveAspectRatio", "gradientUnits"}
"""Attributes of SVG that tell capitals apart."""

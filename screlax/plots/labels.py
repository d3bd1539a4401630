"""Text from outside in a picture: as it was written, in fonts that have its characters.

No dollar begins a formula, no LaTeX is run on it, and a character that the chosen font lacks is
taken from an installed one that has it, or else written as an escape: two labels of missing
characters stay two labels.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from ..io.shown import one_line

if TYPE_CHECKING:
    from matplotlib.axis import Tick
    from matplotlib.figure import FigureBase
    from matplotlib.font_manager import FontEntry
    from matplotlib.text import Text

_SERVED: set[str] = set()
"""Families found so far: a text takes few of them, and of a script one."""

_LAST_RESORT = "Last Resort"
"""A font of boxes, one for all characters of a script: labels would look the same."""


def drawable(text: str) -> str:
    r"""Return text with characters that no installed font has as escapes (\u732b)."""
    missing = {character for character in _missing(text) if _family_with(character) is None}
    return "".join(
        character.encode("unicode_escape").decode() if character in missing else character
        for character in text
    )


def draw_literally(texts: Iterable[Text]) -> None:
    """Have matplotlib draw texts, the result of `drawable`, as they are written."""
    for text in texts:
        _make_literal(text, text.get_text())


def draw_ticks_literally(ticks: Iterable[Tick], names: Iterable[str]) -> None:
    """Have matplotlib draw ticks, named by `drawable`, as the names are written.

    Which tick has which name is known when it is drawn, so each has the fonts of all.
    """
    characters = "".join(names)
    for tick in ticks:
        _make_literal(tick.label1, characters)


def _make_literal(text: Text, characters: str) -> None:
    text.set_parse_math(False)
    text.set_usetex(False)
    families = [_family_with(character) for character in _missing(characters)]
    if families:
        text.set_fontfamily([*text.get_fontfamily(), *dict.fromkeys(filter(None, families))])


def write_title(figure: FigureBase, text: str, size: str | None = None) -> None:
    """Write a title as it is above all panels, on as many lines as it needs."""
    if text:
        lines = "\n".join(map(drawable, text.splitlines()))
        draw_literally([figure.suptitle(lines, wrap=True, fontsize=size)])


def legend_label(text: str) -> str:
    """Return one line for a legend, which would leave out what begins with an underscore."""
    shown = drawable(one_line(text))
    return f" {shown}" if shown.startswith("_") else shown


def _missing(text: str) -> list[str]:
    """Return the characters that matplotlib's chosen font does not have."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    font = get_font(findfont(FontProperties()))
    return [each for each in dict.fromkeys(text) if not font.get_char_index(ord(each))]


@lru_cache(maxsize=4096)
def _family_with(character: str) -> str | None:
    """Return the plainest installed family that has a character, or None."""
    from matplotlib.font_manager import fontManager

    _list_new_fonts()
    for entry in sorted(fontManager.ttflist, key=_plainness):
        if _LAST_RESORT not in entry.name and _has(entry.fname, character):
            _SERVED.add(entry.name)
            return str(entry.name)
    return None


@lru_cache(maxsize=1)
def _list_new_fonts() -> None:
    """Add to matplotlib's list, which it keeps in a file, what has been installed since."""
    from matplotlib.font_manager import findSystemFonts, fontManager

    known = {entry.fname for entry in fontManager.ttflist}
    for file in sorted(set(findSystemFonts()) - known):
        with contextlib.suppress(OSError, RuntimeError):  # of a format that FreeType cannot read
            fontManager.addfont(file)


def _has(file: str, character: str) -> bool:
    from matplotlib.ft2font import FT2Font

    try:
        font = FT2Font(file)
    except (OSError, RuntimeError):  # gone since the list was made
        return False
    return bool(font.scalable and font.get_char_index(ord(character)))


def _plainness(entry: FontEntry) -> tuple[bool, bool, bool, bool, str]:
    """Return a key that sorts fonts in use first, then upright, regular, sans-serif ones."""
    regular = entry.weight in (400, "normal", "regular")
    return (
        entry.name not in _SERVED,
        entry.style != "normal",
        not regular,
        "Sans" not in entry.name,
        entry.name,
    )

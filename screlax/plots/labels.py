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
    from matplotlib.font_manager import FontEntry
    from matplotlib.text import Text

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
        text.set_parse_math(False)
        text.set_usetex(False)
        families = [_family_with(character) for character in _missing(text.get_text())]
        if families:
            text.set_fontfamily([*text.get_fontfamily(), *dict.fromkeys(filter(None, families))])


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


def _plainness(entry: FontEntry) -> tuple[bool, bool, bool, str]:
    """Return a key that sorts upright, regular, sans-serif fonts first."""
    regular = entry.weight in (400, "normal", "regular")
    return entry.style != "normal", not regular, "Sans" not in entry.name, entry.name

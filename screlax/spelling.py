"""The name that was meant, where one is not known."""

from __future__ import annotations

import difflib
from collections.abc import Collection

_MOST = 10_000
"""Names up to which they are looked through."""


def hint(given: object, known: Collection[object]) -> str:
    """Return `` (did you mean 'cross-entropy'?)``, empty where no name is near.

    Capitals, hyphens, underscores and spaces count for nothing.
    """
    if not isinstance(given, str) or len(known) > _MOST:
        return ""
    names = {_plain(name): str(name) for name in known if isinstance(name, str)}
    close = difflib.get_close_matches(_plain(given), names, n=1)
    return f" (did you mean {names[close[0]]!r}?)" if close else ""


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter not in "-_ ")

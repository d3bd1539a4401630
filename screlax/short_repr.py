"""What an object shows of itself where a class writes nothing better: one line, no arrays."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

_Kind = TypeVar("_Kind", bound=type)

LONGEST = 300
"""Characters of a line."""

_LONGEST_ENTRY = 80


def short_repr(kind: _Kind) -> _Kind:
    """Give a dataclass or named tuple a representation of one line, at most `LONGEST` characters.

    Numbers and words as they are, arrays and sequences by shape, other objects by name where they
    are long; what has no room is counted. Stands above ``@dataclass``.
    """
    setattr(kind, "__repr__", _line)  # noqa: B010
    return kind


def _line(self: Any) -> str:
    known = getattr(self, "_fields", None) or [one.name for one in fields(self) if one.repr]
    named = [name for name in known if not name.startswith("_")]
    parts: list[str] = []
    rest = LONGEST - len(type(self).__name__) - len("(, … 100 more)")
    for place, name in enumerate(named):
        part = f"{name}={_entry(getattr(self, name))}"
        rest -= len(part) + 2
        if rest < 0:
            parts.append(f"… {len(named) - place} more")
            break
        parts.append(part)
    return f"{type(self).__name__}({', '.join(parts)})"


def _entry(value: Any) -> str:
    """Return one entry in a few words."""
    if isinstance(value, float):
        return f"{value:.6g}"
    shape = getattr(value, "shape", ())
    if len(shape):
        return f"<{'×'.join(map(str, shape))} numbers>"
    if isinstance(value, str):
        return repr(value if len(value) <= _LONGEST_ENTRY else value[: _LONGEST_ENTRY - 1] + "…")
    if isinstance(value, tuple | list | dict) and len(value):
        return f"<{len(value)} {'entry' if len(value) == 1 else 'entries'}>"
    if callable(value):
        return "<function>"
    text = f"<{getattr(value, 'description', '')}>"  # of a problem
    text = text if text != "<>" else repr(value)
    fits = len(text) <= _LONGEST_ENTRY and "\n" not in text
    return text if fits else f"<{type(value).__name__}>"

"""Refuse work that cannot fit, before it starts."""

from __future__ import annotations

import contextlib
import os

from .errors import ProblemTooLargeError

_MATRICES_PER_LEVEL = 8
"""Dense matrices alive at once when a relaxation is posed and certified at a level."""


def available_memory() -> int:
    """Return the bytes of memory that can be used now, or all there is where that is unknown."""
    with contextlib.suppress(OSError), open("/proc/meminfo", encoding="ascii") as lines:
        for line in lines:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 8 << 30


def require_level_memory(level: str, cells: int, orbits: int) -> None:
    """Raise a `ProblemTooLargeError` unless the matrices of a level fit in memory.

    Parameters
    ----------
    level : str
        Name of the level.
    cells, orbits : int
        Number of cells at that level, and of distinct class sizes.
    """
    hint = "" if level == "orbits" else f"; level='orbits' needs only {orbits} cells"
    needed = _MATRICES_PER_LEVEL * 8 * float(cells) ** 2
    require_memory(needed, f"the relaxation of {cells:,} {level}", hint)


def require_memory(needed: float, what: str, hint: str = "") -> None:
    """Raise a `ProblemTooLargeError` with the estimate unless `needed` bytes are available."""
    available = available_memory()
    if needed > available:
        raise ProblemTooLargeError(
            f"{what} would need about {needed / 1e9:.3g} GB of memory and "
            f"{available / 1e9:.3g} GB are available{hint}"
        )

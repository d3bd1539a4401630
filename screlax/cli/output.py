"""Files that commands write: announced truthfully."""

import argparse
from pathlib import Path

from ..io.shown import one_line

_Mark = tuple[int, int] | None

_OUTPUTS = ("out", "embeddings", "plot", "store")
"""Options that name a file or a folder to write."""


def say_written(*paths: Path | None) -> None:
    """Print a line for each file that was written."""
    for path in filter(None, paths):
        print(f"written      {one_line(path)}")


class WrittenFiles:
    """Tells which of the files a command was asked for have appeared or changed since.

    It looks at the files themselves, so that an interruption at any moment is reported as it is.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        names = (getattr(options, name, None) for name in _OUTPUTS)
        self._before: dict[Path, _Mark] = {
            path: _mark(path) for path in names if isinstance(path, Path)
        }

    def __str__(self) -> str:
        """Say it in words; empty where there are none."""
        written = [one_line(path) for path, mark in self._before.items() if _mark(path) != mark]
        verb = " was written" if len(written) == 1 else " were written"
        return " and ".join(written) + verb if written else ""


def _mark(path: Path) -> _Mark:
    try:
        if path.is_dir():
            inside = [entry.stat().st_mtime_ns for entry in path.rglob("*")]
            return len(inside), max(inside, default=0)
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns

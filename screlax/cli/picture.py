"""The option `--plot` of the commands that have something to show."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..io.atomic import atomic_file, refuse_unwritable
from ..plots.canvas import require_matplotlib
from ..tasks.progress import progress

SUFFIXES = (".png", ".svg", ".pdf")

_DOTS_PER_INCH = 130

_UNDATED = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
"""Metadata to leave out, so that the same picture is the same file."""


def add_picture_option(parser: argparse.ArgumentParser, what: str) -> None:
    """Register the option; `what` says in words what is drawn."""
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help=f"draw {what} into a .png, .svg or .pdf file (needs the extra 'plot')",
    )


def refuse_picture(path: Path | None) -> None:
    """Raise an `InvalidInputError` unless a picture of that name could be drawn and written."""
    if path is None:
        return
    refuse_unwritable(path, *SUFFIXES)
    require_matplotlib()


def write_picture(path: Path | None, draw: Callable[[], Any]) -> None:
    """Draw a figure and write it, atomically, if one was asked for."""
    if path is None:
        return
    from matplotlib import rc_context

    kind = path.suffix[1:]
    with progress(f"drawing {path}"):
        figure = draw()
    with (
        progress(f"writing {path}"),
        atomic_file(path) as sink,
        rc_context({"svg.hashsalt": "screlax"}),
    ):
        figure.savefig(sink, format=kind, dpi=_DOTS_PER_INCH, metadata=_UNDATED.get(kind))

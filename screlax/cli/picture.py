"""The option `--plot` of the commands that have something to show."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..errors import InvalidInputError
from ..io.atomic import atomic_file, refuse_unwritable
from ..plots.style import DOTS_PER_INCH, Style, inches, require_matplotlib
from ..tasks.progress import progress
from .without_effect import refuse_idle

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
    parser.add_argument(
        "--style",
        type=_style,
        metavar="WIDTH",
        help="of --plot, for a paper: one-column, two-column or a width in inches",
    )


def _style(text: str) -> Style:
    """Return a style, a number where it is one."""
    style: Any = text
    with suppress(ValueError):
        style = float(text)
    try:
        inches(style)
    except InvalidInputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return cast("Style", style)


def refuse_picture(options: argparse.Namespace) -> None:
    """Raise an `InvalidInputError` unless the picture could be drawn and written."""
    if options.plot is None:
        refuse_idle(options, "style", because="without --plot FILE")
        return
    refuse_unwritable(options.plot, *SUFFIXES)
    require_matplotlib()


def write_picture(
    path: Path | None, draw: Callable[[Style | None], Figure], style: Style | None = None
) -> None:
    """Draw a figure in a style and write it, atomically, if one was asked for."""
    if path is None:
        return
    from matplotlib import rc_context

    kind = path.suffix[1:]
    dots = _DOTS_PER_INCH if style is None else DOTS_PER_INCH
    with progress(f"drawing {path}"):
        figure = draw(style)
    with (
        progress(f"writing {path}"),
        atomic_file(path) as sink,
        rc_context({"svg.hashsalt": "screlax"}),
    ):
        figure.savefig(sink, format=kind, dpi=dots, metadata=_UNDATED.get(kind))

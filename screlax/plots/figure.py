"""A figure that shows where a cell of a notebook ends with it, and whose text stays text in files.

Without pyplot nothing tells IPython how a plain figure is drawn, and its text shows instead.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, cast

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .saving import text_settings

if TYPE_CHECKING:
    import os
    from typing import IO

    from matplotlib.figure import SubFigure
    from typing_extensions import TypeVar  # as type checkers know it; nothing is imported


class NotebookFigure(Figure):
    """A figure of matplotlib that IPython can show though pyplot knows nothing of it."""

    def savefig(
        self,
        fname: str | os.PathLike[str] | IO[bytes],
        *,
        transparent: bool | None = None,
        **options: Any,
    ) -> None:
        """Write a file as matplotlib does, with its fonts embedded in PDF and text in SVG."""
        with rc_context(text_settings(self)):
            super().savefig(fname, transparent=transparent, **options)

    def _repr_png_(self) -> bytes:
        sink = io.BytesIO()
        self.savefig(sink, format="png")
        return sink.getvalue()


class NotebookAxes(Axes):
    """Axes of a figure of their own: a cell that ends with them shows the figure."""

    if TYPE_CHECKING:

        @property
        def figure(self) -> NotebookFigure: ...  # noqa: D102

    def _repr_png_(self) -> bytes:
        return self.figure._repr_png_()


def add_axes(figure: NotebookFigure, *, spatial: bool) -> NotebookAxes:
    """Return the only axes of a figure, with two or three dimensions."""
    if not spatial:
        return cast("NotebookAxes", figure.add_subplot(axes_class=NotebookAxes))
    axes: Any = figure.add_subplot(projection="3d")
    axes._repr_png_ = figure._repr_png_
    return cast("NotebookAxes", axes)


if TYPE_CHECKING:
    AnyAxes = TypeVar("AnyAxes", bound=Axes, default=NotebookAxes)
    """The axes given, or new ones, whose `figure` is a Figure."""

    AnyFigure = TypeVar("AnyFigure", bound=Figure | SubFigure, default=NotebookFigure)
    """The figure given, or a new one."""

"""A figure that shows where a cell of a notebook ends with it, without pyplot."""

import io

from matplotlib.figure import Figure

_DOTS_PER_INCH = 100


class NotebookFigure(Figure):
    """A figure of matplotlib that IPython can show though pyplot knows nothing of it.

    Without pyplot nothing tells IPython how a plain figure is drawn, and its text shows instead.
    """

    def _repr_png_(self) -> bytes:
        sink = io.BytesIO()
        self.savefig(sink, format="png", dpi=_DOTS_PER_INCH)
        return sink.getvalue()

"""One language of colours, for matplotlib's pictures and the interactive page alike.

They stay apart for every kind of colour vision, and in grey where that matters. Curves take the
palette of Okabe and Ito (2008); ordered quantities take cividis (Nuñez, Anderton and Renslow,
2018); signed ones take red and blue around white, which no common colour deficiency confuses, so
that orthogonal class means are white.
"""

from typing import Any

OKABE_ITO = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Colours of curves, in the order they are taken."""

LINE_STYLES = ("-", "--", "-.", ":")
"""Second mark of a curve, so that no legend depends on colour alone."""

ORDERED = "cividis"

SIGNED = (
    "#053061", "#2166ac", "#4393c3", "#92c5de", "#d1e5f0", "#ffffff",
    "#fddbc7", "#f4a582", "#d6604d", "#b2182b", "#67001f",
)  # fmt: skip
"""From blue for negative to red for positive (ColorBrewer's RdBu), evenly spaced."""

OPTIMUM, EMBEDDINGS = OKABE_ITO[0], OKABE_ITO[1]
"""The certified optimum, and embeddings next to it."""

CURVE_OF = {"largest": 0, "nearest": 1, "smallest": 2, "mean": 3, "median": 4}
"""Number of the curve for each class, or set of classes, that others are compared with."""

ENDS = {
    "global": OKABE_ITO[0],
    "spurious": OKABE_ITO[1],
    "strict saddle": OKABE_ITO[3],
    "not stationary": "#999999",
}
"""Where a descent ended, by its classification."""

GUIDE = "#737373"
"""Grey of guides: tolerances, ranks, the balanced optimum."""

UNDEFINED = "#d1d1d1"
"""Grey of cells that have no value: a class with itself, the cosine of a zero vector."""


def curve(number: int) -> dict[str, Any]:
    """Return colour and line style of the curve with that number, as keywords of `Axes.plot`."""
    repeat = number // len(OKABE_ITO)
    return {
        "color": OKABE_ITO[number % len(OKABE_ITO)],
        "linestyle": LINE_STYLES[(number + 2 * repeat) % len(LINE_STYLES)],
    }

"""Colours that stay apart for every kind of colour vision, and in grey where that matters.

Curves take the palette of Okabe and Ito (2008); ordered quantities take cividis (Nuñez, Anderton
and Renslow, 2018); signed ones take red and blue around white, which no common colour deficiency
confuses, so that orthogonal class means are white.
"""

from __future__ import annotations

from typing import Any

OKABE_ITO = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Colours of curves, in the order they are taken."""

LINE_STYLES = ("-", "--", "-.", ":")
"""Second mark of a curve, so that no legend depends on colour alone."""

ORDERED = "cividis"
SIGNED = "RdBu_r"

GUIDE = "0.45"
"""Grey of guides: tolerances, ranks, the balanced optimum."""

UNDEFINED = "0.82"
"""Grey of cells that have no value: a class with itself, the cosine of a zero vector."""


def curve(number: int) -> dict[str, Any]:
    """Return colour and line style of the curve with that number, as keywords of `Axes.plot`."""
    repeat = number // len(OKABE_ITO)
    return {
        "color": OKABE_ITO[number % len(OKABE_ITO)],
        "linestyle": LINE_STYLES[(number + repeat) % len(LINE_STYLES)],
    }

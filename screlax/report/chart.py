"""Curves and dots as SVG, in the colours and line styles of the pictures.

Colours of text and frames are the page's own, so that one drawing serves light, dark and paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .markup import Markup, joined, tag
from .scales import Scale

WIDTH, HEIGHT = 440, 300
LEFT, RIGHT, TOP, BOTTOM = 60, 14, 28, 46

DASHES = {"-": None, "--": "7 4", "-.": "8 3 2 3", ":": "2 3"}
"""Line styles of matplotlib as SVG has them."""


@dataclass(frozen=True, eq=False)
class Series:
    """One curve, in the colour and line style of a role or number of `plots.colours`."""

    name: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    look: Mapping[str, Any]
    dots: bool = False

    @property
    def colour(self) -> str:
        """Its colour, legible on white and dark alike."""
        return str(self.look["color"])

    @property
    def dash(self) -> str | None:
        """Its second mark, beside colour."""
        return None if self.dots else DASHES[str(self.look["linestyle"])]


def series(
    name: str, x: ArrayLike, y: ArrayLike, look: Mapping[str, Any], *, dots: bool = False
) -> Series:
    """Return a curve, dots where several points are at one place on the horizontal axis."""
    across, up = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    several = len(np.unique(across)) < len(across) or len(across) == 1
    return Series(name, across, up, look, dots or several)


@dataclass(frozen=True, eq=False)
class Chart:
    """What is drawn on two axes; of `frames`, each some series, one is shown at a time."""

    x: Scale
    y: Scale
    x_label: str
    y_label: str
    series: Sequence[Series] = ()
    frames: Sequence[Sequence[Series]] = ()
    start: int = 0
    guides: Sequence[float] = field(default=(0.0,))

    @property
    def named(self) -> list[Series]:
        """One series of each name, for the legend."""
        shown = [*self.series, *(self.frames[self.start] if self.frames else ())]
        return list({one.name: one for one in shown if one.name}.values())

    def across(self, values: ArrayLike) -> NDArray[np.float64]:
        """Return where numbers of the horizontal axis are in the drawing."""
        return np.asarray(LEFT + self.x.place(values) * (WIDTH - LEFT - RIGHT))

    def up(self, values: ArrayLike) -> NDArray[np.float64]:
        """Return where numbers of the vertical axis are in the drawing."""
        return np.asarray(HEIGHT - BOTTOM - self.y.place(values) * (HEIGHT - TOP - BOTTOM))

    def svg(self, title: str, identifier: str) -> Markup:
        """Return the drawing; `title` is its name for screen readers."""
        frames = (
            tag("g", *map(self._drawn, frame), data_frame=place,
                display=None if place == self.start else "none")
            for place, frame in enumerate(self.frames)
        )  # fmt: skip
        return tag(
            "svg",
            self._horizontal(),
            self._vertical(),
            *map(self._drawn, self.series),
            *frames,
            tag("path", d=f"M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}", class_="frame"),
            viewBox=f"0 0 {WIDTH} {HEIGHT}",
            role="img",
            aria_label=title,
            id=identifier,
        )

    def _horizontal(self) -> Markup:
        parts = []
        bottom = HEIGHT - BOTTOM
        for (_, text), at in zip(self.x.ticks(), self.across([x for x, _ in self.x.ticks()]),
                                 strict=True):  # fmt: skip
            parts.append(tag("path", d=f"M{at:.1f} {TOP}V{bottom}", class_="grid"))
            parts.append(tag("text", text, x=f"{at:.1f}", y=bottom + 17, text_anchor="middle"))
        middle = (LEFT + WIDTH - RIGHT) / 2
        parts.append(tag("text", self.x_label, x=middle, y=HEIGHT - 6, text_anchor="middle"))
        return joined(parts)

    def _vertical(self) -> Markup:
        parts = []
        ticks = self.y.ticks()
        for (value, text), at in zip(ticks, self.up([y for y, _ in ticks]), strict=True):
            kind = "guide" if value in self.guides else "grid"
            parts.append(tag("path", d=f"M{LEFT} {at:.1f}H{WIDTH - RIGHT}", class_=kind))
            parts.append(tag("text", text, x=LEFT - 7, y=f"{at + 4.5:.1f}", text_anchor="end"))
        parts.append(tag("text", self.y_label, x=4, y=14))
        return joined(parts)

    def _drawn(self, one: Series) -> Markup:
        x, y = self.across(one.x), self.up(one.y)
        known = np.isfinite(x) & np.isfinite(y)
        steps = []
        joins = False
        for at, height, is_known in zip(x.tolist(), y.tolist(), known.tolist(), strict=True):
            if is_known:
                dot = "h0" if one.dots else ""
                steps.append(f"{'L' if joins else 'M'}{at:.1f} {height:.1f}{dot}")
            joins = is_known and not one.dots
        return tag(
            "path",
            d="".join(steps) or "M0 0",
            class_="dots" if one.dots else "curve",
            stroke=one.colour,
            stroke_dasharray=one.dash,
        )


def swatch(one: Series) -> Markup:
    """Return the mark of a series for a legend."""
    mark = tag(
        "path",
        d="M13 6h0" if one.dots else "M1 6H25",
        class_="dots" if one.dots else "curve",
        stroke=one.colour,
        stroke_dasharray=one.dash,
    )
    return tag("svg", mark, viewBox="0 0 26 12", class_="swatch", aria_hidden="true")

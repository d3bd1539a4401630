"""A matrix over classes as a picture: one pixel an entry, blue below zero and red above.

The pixels are a PNG inside the page, the frame around them SVG; the numbers themselves go along as
sixteen bits each, for what the pointer reads off.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..io.shown import shortened, width_of
from ..plots.colours import SIGNED
from ..plots.gram import colour_limit
from ..plots.selection import LONGEST, NAMED
from .figure import framed
from .markup import Markup, table, tag
from .numbers import Sheet, number
from .pixels import COLOURS, is_dark, png

_WIDTH, _SIDE, _LEFT, _TOP = 440, 264, 90, 8
_LONGEST = LONGEST - 2
"""Characters of a label."""

_WRITTEN = 10
"""Classes up to which the numbers are written into the cells."""

_UNKNOWN = -32768
_STEPS = 32767


@dataclass(frozen=True, eq=False)
class HeatMap:
    """A matrix to draw.

    Attributes
    ----------
    matrix : ndarray, shape (p, p)
        NaN where there is no number.
    names : sequence of str
        Of rows and columns, in full.
    axis : str
        What the rows are, in words.
    limit : float
        Where colours end, on both sides of zero.
    quantity : str
        What an entry is, in a word.
    """

    matrix: NDArray[np.float64]
    names: Sequence[str]
    axis: str
    limit: float
    quantity: str = "cosine"

    @classmethod
    def of(
        cls, matrix: NDArray[np.float64], names: Sequence[str], axis: str, quantity: str = "cosine"
    ) -> HeatMap:
        """Return one whose colours reach as far as its entries."""
        return cls(matrix, names, axis, colour_limit(matrix), quantity)

    @cached_property
    def is_symmetric(self) -> bool:
        """Whether the upper triangle says all."""
        return bool(np.array_equal(self.matrix, self.matrix.T, equal_nan=True))

    def figure(self, sheet: Sheet, title: str, sentence: str) -> Markup:
        """Return it with its caption, colour bar, and its extreme entries as text."""
        place = sheet.identifier("map")
        sheet.data[place] = {
            "names": list(self.names),
            "quantity": self.quantity,
            "limit": float(np.nanmax(np.abs(self.matrix), initial=0.0)) or 1.0,
            "symmetric": self.is_symmetric,
            "entries": self._encoded(),
            "box": [_LEFT, _TOP, _SIDE],
        }
        return framed(title, sentence, self.svg(title, place), None, self.numbers(title), place)

    def svg(self, title: str, identifier: str) -> Markup:
        """Return the drawing."""
        data = base64.b64encode(png(self._pixels())).decode()
        return tag(
            "svg",
            tag("image", href=f"data:image/png;base64,{data}", x=_LEFT, y=_TOP, width=_SIDE,
                height=_SIDE, preserveAspectRatio="none", class_="pixels"),
            *self._written(),
            *self._labels(),
            *_colour_bar(self.limit, self.quantity, identifier),
            viewBox=f"0 0 {_WIDTH} {_TOP + _SIDE + self._below}",
            role="img",
            aria_label=f"{title}: {self.in_words}",
            id=identifier,
        )  # fmt: skip

    @property
    def in_words(self) -> str:
        """Between what its entries are, in a sentence for those who do not see it."""
        known = self.matrix[np.isfinite(self.matrix)]
        if not known.size:
            return "no entry is known"
        low, high = (number(float(of), 3) for of in (known.min(), known.max()))
        return f"{self.quantity} from {low} to {high}"

    def numbers(self, title: str) -> Markup:
        """Return all entries of few classes, else the pairs that stand out."""
        if len(self.names) <= NAMED:
            named = zip(self.names, self.matrix.tolist(), strict=True)
            rows = ([name, *(number(x, 3) for x in row)] for name, row in named)
            return table(f"{title}, all entries", ["class", *self.names], rows, shows_caption=True)
        upper = np.triu(np.isfinite(self.matrix), 0 if not self.is_symmetric else 1)
        pairs = np.argwhere(upper)
        order = np.argsort(self.matrix[upper], kind="stable")
        chosen = [*order[::-1][:8].tolist(), *order[:8][::-1].tolist()]
        rows = ([self.names[i], self.names[j], number(self.matrix[i, j], 3)]
                for i, j in pairs[chosen].tolist())  # fmt: skip
        header = ["class", "and class", self.quantity]
        return table(f"{title}, the largest and smallest entries", header, rows, shows_caption=True)

    @property
    def _is_named(self) -> bool:
        return len(self.names) <= NAMED

    @property
    def _below(self) -> int:
        """Height of the labels under the picture."""
        longest = max(width_of(shortened(name, _LONGEST)) for name in self.names)
        return round(7.2 * longest) + 14 if self._is_named else 42

    def _encoded(self) -> str:
        """Return the entries in sixteen bits of the largest: rows, or the upper triangle."""
        largest = float(np.nanmax(np.abs(self.matrix), initial=0.0)) or 1.0
        scaled = np.where(np.isfinite(self.matrix), self.matrix / largest * _STEPS, _UNKNOWN)
        whole = np.rint(scaled).astype("<i2")
        kept = whole[np.triu_indices(len(whole))] if self.is_symmetric else whole.ravel()
        return base64.b64encode(kept.tobytes()).decode()

    def _pixels(self) -> NDArray[np.uint8]:
        place = np.clip(np.nan_to_num(self.matrix) / self.limit, -1, 1)
        steps = np.rint((place + 1) / 2 * (COLOURS - 1))
        return np.where(np.isfinite(self.matrix), steps, COLOURS).astype(np.uint8)

    def _labels(self) -> list[Markup]:
        count, cell = len(self.names), _SIDE / len(self.names)
        if not self._is_named:
            low = tag("text", "largest", x=_LEFT, y=_TOP + _SIDE + 17)
            high = tag("text", "smallest", x=_LEFT + _SIDE, y=_TOP + _SIDE + 17, text_anchor="end")
            middle = _LEFT + _SIDE / 2
            axis = tag("text", self.axis, x=middle, y=_TOP + _SIDE + 36, text_anchor="middle")
            return [low, high, axis]
        parts = []
        for place in range(count):
            at = (place + 0.5) * cell
            name = shortened(self.names[place], _LONGEST)
            parts.append(tag("text", name, x=_LEFT - 5, y=f"{_TOP + at + 4.5:.1f}",
                             text_anchor="end", class_="name"))  # fmt: skip
            turned = f"translate({_LEFT + at + 4.5:.1f} {_TOP + _SIDE + 6}) rotate(-90)"
            parts.append(tag("text", name, transform=turned, text_anchor="end", class_="name"))
        return parts

    def _written(self) -> list[Markup]:
        """Return the numbers in the cells; white on dark ones, whatever the page's colours."""
        if len(self.names) > _WRITTEN:
            return []
        cell = _SIDE / len(self.names)
        digits = max(0, 1 - math.floor(math.log10(0.999 * self.limit)))
        parts = []
        dark = is_dark(self._pixels())
        for (row, column), value in np.ndenumerate(self.matrix):
            if math.isfinite(value):
                parts.append(
                    tag("text", _short(value, digits), x=f"{_LEFT + (column + 0.5) * cell:.1f}",
                        y=f"{_TOP + (row + 0.5) * cell + 4:.1f}", text_anchor="middle",
                        class_="on-dark" if dark[row, column] else "on-light",
                        font_size=13 if len(self.names) <= 6 else 9.5)
                )  # fmt: skip
        return parts


def _short(value: float, digits: int) -> str:
    """Return −.25 for −0.25: cells are narrow."""
    text = f"{abs(value):.{digits}f}"
    sign = "−" if value < 0 and float(text) else ""
    return sign + (text[1:] if text.startswith("0.") else text)


def _colour_bar(limit: float, quantity: str, identifier: str) -> list[Markup]:
    x, top, height = _LEFT + _SIDE + 16, _TOP + 22, _SIDE - 44
    places = len(SIGNED) - 1
    stops = (
        tag("stop", offset=f"{place / places:g}", stop_color=colour)
        for place, colour in enumerate(reversed(SIGNED))
    )
    ends = {"x1": 0, "y1": 0, "x2": 0, "y2": 1}
    scale = tag("linearGradient", *stops, id=f"{identifier}-colours", **ends)
    bar = tag("rect", x=x, y=top, width=11, height=height, fill=f"url(#{identifier}-colours)")
    numbers = [
        tag("text", number(value, 2), x=x + 15, y=f"{top + at * height + 4.5:.1f}")
        for value, at in ((limit, 0.0), (0.0, 0.5), (-limit, 1.0))
    ]
    return [tag("defs", scale), bar, *numbers, tag("text", quantity, x=x - 2, y=_TOP + 10)]

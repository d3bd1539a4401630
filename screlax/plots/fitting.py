"""Text that keeps out of each other's way, whatever size a picture is drawn at.

How much room there is is known only when a picture is drawn, so it is then that ticks are thinned
out and texts made smaller or left away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.ticker import Formatter, Locator
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from ..types import Matrix, Vector

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backend_bases import RendererBase
    from matplotlib.text import Annotation, Text
    from matplotlib.transforms import BboxBase

_LEADING = 1.1
"""Height of a line of text, of its size."""

_BETWEEN = 0.5
"""Least space between neighbours on one line, of their size."""

_SMALLEST = 5.5
"""Points below which a number cannot be read."""

_MOST = 0.8
"""Share of axes that is surely left of them when titles and legends have taken their room."""

Places = NDArray[np.int64]


class RoomyLocator(Locator):
    """Ticks at the first of several sets of places at which their labels do not touch."""

    def __init__(self, choices: Sequence[Places], names: dict[int, str]) -> None:
        self._choices, self._names = choices, names

    def __call__(self) -> Any:  # noqa: D102
        return next((some for some in self._choices if self._have_room(some)), self._choices[-1])

    def tick_values(self, vmin: float, vmax: float) -> Any:  # noqa: D102
        return self()

    def _have_room(self, places: Places) -> bool:
        """Whether each label is shorter than the way to the next one, in points."""
        axis: Any = self.axis
        label = axis.majorTicks[0].label1
        size = _size(label)
        box = axis.axes.bbox
        upright = axis.axis_name == "y" or label.get_rotation() % 180 != 0
        length = (box.height if axis.axis_name == "y" else box.width) * 72 / axis.axes.figure.dpi
        apart = np.diff(places) * length / abs(np.diff(axis.get_view_interval())[0])
        if upright:
            return bool((apart >= _LEADING * size).all())
        width = np.array([_width(self._names[int(one)], label) for one in places])
        return bool((apart >= (width[1:] + width[:-1]) / 2 + _BETWEEN * size).all())


class Named(Formatter):
    """Ticks with the names of their places."""

    def __init__(self, names: dict[int, str]) -> None:
        self._names = names

    def __call__(self, x: float, pos: int | None = None) -> str:  # noqa: D102
        return self._names.get(round(x), "")


def name_places(axis: Any, choices: Sequence[Places], names: dict[int, str]) -> None:
    """Name places on an axis, those of the first choice whose names have room."""
    axis.set_major_locator(RoomyLocator(choices, names))
    axis.set_major_formatter(Named(names))


def width_side_by_side(names: Iterable[str], like: Text) -> float:
    """Return the width in points of names beside one another, each as wide as the widest."""
    widths = [_width(name, like) + _BETWEEN * _size(like) for name in names]
    return len(widths) * max(widths, default=0.0)


def _size(text: Text) -> float:
    """Return the size of the font of a text in points."""
    return text.get_fontproperties().get_size_in_points()


def _width(text: str, like: Text) -> float:
    """Return the width in points of text in the font of another."""
    from matplotlib.textpath import text_to_path

    return float(
        text_to_path.get_text_width_height_descent(text, like.get_fontproperties(), False)[0]
    )


def room_of(legend: Any) -> tuple[float, float]:
    """Return about how wide and high a legend is in pixels, before anything is drawn."""
    texts = legend.get_texts()
    size = _size(texts[0])
    width = max(_width(text.get_text(), text) for text in texts) + 4 * size
    scale = legend.axes.figure.dpi / 72
    return width * scale, (1.4 * len(texts) + 0.8) * size * scale


def wrap_axis_labels(ax: Any) -> None:
    """Write labels of axes, longer than most of these, on two lines."""
    scale = _MOST * 72 / ax.figure.dpi
    for axis, length in ((ax.xaxis, ax.bbox.width), (ax.yaxis, ax.bbox.height)):
        label = axis.label
        lines = label.get_text().splitlines()
        if any(_width(one, label) > length * scale for one in lines):
            label.set_text("\n".join(map(_halved, lines)))


def _halved(text: str) -> str:
    """Return text with a line break at the space nearest to its middle."""
    spaces = [place for place, letter in enumerate(text) if letter == " "]
    if not spaces:
        return text
    middle = min(spaces, key=lambda place: abs(place - len(text) / 2))
    return f"{text[:middle]}\n{text[middle + 1 :]}"


class Umpire(Artist):
    """What is drawn before all else of some axes, as nothing, and decides about the rest."""

    def __init__(self, decide: Callable[[RendererBase], None]) -> None:
        super().__init__()
        self._decide = decide
        self.set_zorder(-1e9)
        self.set_in_layout(False)

    def draw(self, renderer: RendererBase) -> None:  # noqa: D102
        self._decide(renderer)


def fit_into_cells(ax: Axes, texts: Sequence[Text]) -> None:
    """Write numbers as large as the cells of a heat map allow, or none of them."""
    largest = texts[0].get_fontsize()

    def decide(renderer: RendererBase) -> None:
        (left, top), (right, bottom) = ax.transData.transform([(0, 0), (1, 1)])
        room = 0.86 * abs(right - left), 0.8 * abs(top - bottom)
        boxes = [_box(text, renderer) for text in texts]
        need = max(box.width for box in boxes), max(box.height for box in boxes)
        size = texts[0].get_fontsize() * min(room[0] / need[0], room[1] / need[1])
        for text in texts:
            text.set_visible(size >= _SMALLEST)
            text.set_fontsize(max(_SMALLEST, min(largest, size)))

    ax.add_artist(Umpire(decide))


def place_names(ax: Any, names: Sequence[Annotation], points: Matrix, gap: float) -> None:
    """Write each name beside its point, outwards of the origin where it can be, in nobody's way.

    A name that has room on no side is left away. `gap` is in points, from a point to its name.
    """

    def decide(renderer: RendererBase) -> None:
        anchors = _on_canvas(ax, points)
        pixels = ax.transData.transform(anchors)
        reach = 0.5 * gap * ax.figure.dpi / 72
        dots = [Bbox.from_extents(*(one - reach), *(one + reach)) for one in pixels]
        away = pixels - ax.transData.transform(_on_canvas(ax, np.zeros((1, points.shape[1]))))
        taken: list[Bbox] = []
        for number, name in enumerate(names):
            name.xy = anchors[number]
            others = [dot for place, dot in enumerate(dots) if place != number]
            for x, y in _directions(away[number]):
                box = _beside(name, gap * x, gap * y, renderer)
                if _is_within(box, ax.bbox) and not box.count_overlaps([*taken, *others]):
                    taken.append(box)
                    break
            else:
                name.set_visible(False)

    ax.add_artist(Umpire(decide))


def _on_canvas(ax: Any, points: Matrix) -> Matrix:
    """Return points in the two coordinates of axes, through the camera of spatial ones."""
    if points.shape[1] == 2:
        return points
    from mpl_toolkits.mplot3d.proj3d import proj_transform  # type: ignore[import-untyped]

    return np.stack(proj_transform(*points.T, ax.get_proj())[:2], axis=1)


def _directions(outwards: Vector) -> Matrix:
    """Return eight directions, the most outward first; upwards of a point at the origin."""
    angle = np.pi / 4 * np.arange(8)
    every = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    length = float(np.hypot(*outwards))
    first = outwards / length if length > 1.0 else np.array([0.0, 1.0])
    return np.concatenate([[first], every[np.argsort(-(every @ first), kind="stable")]])


def _beside(name: Annotation, x: float, y: float, renderer: RendererBase) -> Bbox:
    """Move a name so many points away from its anchor, and return where it then is."""
    name.set_position((x, y))
    name.set_horizontalalignment("left" if x > 2 else "right" if x < -2 else "center")
    name.set_verticalalignment("bottom" if y > 2 else "top" if y < -2 else "center")
    return _box(name, renderer)


def _is_within(box: Bbox, room: BboxBase) -> bool:
    return bool(np.all(box.min >= room.min) and np.all(box.max <= room.max))


def _box(text: Text, renderer: RendererBase) -> Bbox:
    """Return where a text is on the canvas, shown or not."""
    text.set_visible(True)  # what is hidden has no extent
    return text.get_window_extent(renderer)

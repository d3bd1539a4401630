"""Pictures at the width of a paper's column: text as large as captions, lines to match.

Everything is set while a picture is drawn, and nothing afterwards: matplotlib's own settings stay
as they are.
"""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from ..checks import real_number
from ..errors import InvalidInputError, MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

Style = Literal["one-column", "two-column"] | float
"""Width of a picture: of a column, of the page, or in inches."""

WIDTHS = {"one-column": 3.25, "two-column": 6.75}
"""Inches: a column and the text of ICML and CVPR.

IEEE's are 3.5 and 7.16, and a picture of 3.25 fits its columns; the text of NeurIPS and ICLR is 5.5
inches wide: `style=5.5`.
"""

DOTS_PER_INCH = 300
"""Of a picture for a paper that is saved as PNG."""

_NARROWEST, _WIDEST = 1.5, 30.0

_SETTINGS: Any = {
    "font.size": 8.4,  # what is "small" has 7 points
    "axes.labelsize": 8.0,
    "axes.titlesize": 8.0,
    "figure.titlesize": 8.0,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
    "legend.fontsize": 7.0,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.5,
    "patch.linewidth": 0.6,
    "axes.linewidth": 0.6,
    "axes.labelpad": 2.5,
    "axes.titlepad": 4.0,
    "xtick.major.size": 2.5,
    "xtick.major.width": 0.6,
    "xtick.major.pad": 2.0,
    "xtick.minor.size": 1.5,
    "xtick.minor.width": 0.4,
    "ytick.major.size": 2.5,
    "ytick.major.width": 0.6,
    "ytick.major.pad": 2.0,
    "ytick.minor.size": 1.5,
    "ytick.minor.width": 0.4,
    "legend.handlelength": 1.8,
    "legend.handletextpad": 0.5,
    "legend.labelspacing": 0.3,
    "legend.borderpad": 0.3,
    "legend.borderaxespad": 0.3,
    "legend.columnspacing": 1.2,
    "figure.constrained_layout.h_pad": 0.03,
    "figure.constrained_layout.w_pad": 0.03,
    "figure.dpi": 200.0,
}

_Draw = TypeVar("_Draw", bound=Callable[..., Any])


def require_matplotlib() -> None:
    """Raise a `MissingExtraError` that names the extra unless matplotlib can be imported."""
    try:
        importlib.import_module("matplotlib.figure")
    except ImportError as error:
        raise MissingExtraError(
            "pictures need matplotlib, which is not installed: pip install 'screlax[plot]'"
        ) from error


def inches(style: Style | None) -> float | None:
    """Return the width of a style in inches, None for pictures on a screen."""
    if style is None:
        return None
    if isinstance(style, str):
        if style in WIDTHS:
            return WIDTHS[style]
    else:
        width = _number(style)
        if _NARROWEST <= width <= _WIDEST:
            return width
    raise InvalidInputError(
        f"style must be 'one-column' ({WIDTHS['one-column']:g} inches), 'two-column' "
        f"({WIDTHS['two-column']:g}) or a width from {_NARROWEST:g} to {_WIDEST:g} inches, "
        f"got {style!r}"
    )


def _number(style: object) -> float:
    """Return a width, NaN for what is none."""
    try:
        return real_number(style)
    except TypeError:
        return math.nan


def in_style(draw: _Draw) -> _Draw:
    """Draw with the settings of the style that a function of pictures is given."""

    @functools.wraps(draw)
    def drawn(*arguments: Any, style: Style | None = None, **options: Any) -> Any:
        if style is None:
            return draw(*arguments, **options)
        inches(style)
        require_matplotlib()
        from matplotlib import rc_context

        from .fitting import wrap_axis_labels

        with rc_context(_SETTINGS):
            picture = draw(*arguments, style=style, **options)
            for ax in _axes_of(picture):
                _set_sizes(ax)
                wrap_axis_labels(ax)
        return picture

    return cast("_Draw", drawn)


def _axes_of(picture: Axes | Figure | SubFigure) -> Iterable[Axes]:
    """Return all axes of a figure, or axes with their colour bars."""
    from matplotlib.axes import Axes

    if not isinstance(picture, Axes):
        return picture.axes
    bars = [getattr(one, "colorbar", None) for one in (*picture.images, *picture.collections)]
    return [picture, *(bar.ax for bar in bars if bar is not None)]


def _set_sizes(ax: Any) -> None:
    """Give axes the sizes of the settings: ticks are made later, and axes may have been earlier."""
    settings = _settings()
    for name in ("x", "y", "z"):
        axis = getattr(ax, f"{name}axis", None)
        if axis is None:
            continue
        tick = "ytick" if name == "y" else "xtick"
        for which in ("major", "minor"):
            size, width = (settings[f"{tick}.{which}.{of}"] for of in ("size", "width"))
            axis.set_tick_params(which=which, size=size, width=width)
        axis.set_tick_params(labelsize=settings[f"{tick}.labelsize"])
        axis.label.set_size(settings["axes.labelsize"])
        axis.get_offset_text().set_size(settings[f"{tick}.labelsize"])
    ax.title.set_size(settings["axes.titlesize"])
    for spine in ax.spines.values():
        spine.set_linewidth(settings["axes.linewidth"])


def mark(share: float = 1.0) -> float:
    """Return the size of a mark in points, as a share of the usual one."""
    return share * float(_settings()["lines.markersize"])


def line(share: float = 1.0) -> float:
    """Return the width of a line in points, as a share of the usual one."""
    return share * float(_settings()["lines.linewidth"])


def _settings() -> Any:
    """Return matplotlib's settings, whose type knows its keys by name only."""
    from matplotlib import rcParams

    return rcParams

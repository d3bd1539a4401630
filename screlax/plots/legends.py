"""Legends that cover no curve, whatever size a picture is drawn at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .labels import draw_literally

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backend_bases import RendererBase
    from matplotlib.lines import Line2D

_LARGE = 0.2
"""Share of the axes beyond which a legend is written above them."""

_MOST_ROOM = 0.5
"""Share of the height of axes that is left to a legend at most."""


def write_legend(ax: Axes) -> None:
    """Explain curves beside them, or above axes of which that would take a fifth."""
    from .fitting import Umpire, room_of  # which loads matplotlib

    legend = ax.legend(fontsize="small")
    draw_literally(legend.get_texts())
    wide, high = room_of(legend)
    if wide * high > _LARGE * ax.bbox.width * ax.bbox.height:
        legend.set_loc("lower center")
        legend.set_bbox_to_anchor((0.5, 1.0), ax.transAxes)
        return

    def decide(renderer: RendererBase) -> None:
        if ax.get_legend() is legend and covered(ax, renderer):
            _raise_ceiling(ax, legend.get_window_extent(renderer).height)

    ax.add_artist(Umpire(decide))


def covered(ax: Axes, renderer: RendererBase) -> list[Line2D]:
    """Return the curves that the legend of axes is drawn over; upright guides are none."""
    legend: Any = ax.get_legend()
    box = legend.get_window_extent(renderer)
    return [line for line in ax.lines if _crosses(line, box)]


def _crosses(line: Line2D, box: Any) -> bool:
    """Whether a line or one of its marks is in a box."""
    path = line.get_transform().transform_path(line.get_path())
    points = np.asarray(path.vertices)
    if not len(points) or (len(points) > 1 and not np.ptp(points[:, 0])):
        return False
    if line.get_linestyle() != "None" and path.intersects_bbox(box, filled=False):
        return True
    return bool(box.count_contains(points))


def _raise_ceiling(ax: Axes, height: float) -> None:
    """Leave room of a height in pixels, and a little, above all that is drawn."""
    share = min(1.3 * height / ax.bbox.height, _MOST_ROOM)
    scale = ax.yaxis.get_transform()
    low, high = scale.transform(np.array(ax.get_ylim()))
    ax.set_ylim(top=float(scale.inverted().transform(low + (high - low) / (1 - share))))

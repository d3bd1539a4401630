"""Files whose text stays text: fonts embedded in PDF and PostScript, named in SVG."""

from __future__ import annotations

import struct
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..containers import shown
from ..errors import InvalidInputError
from ..io.atomic import as_path
from .style import require_matplotlib

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TRUETYPE, _DRAWN = 42, 3
"""Types of fonts in PDF: as the file of the font, or as the outlines of its letters."""


def save_figure(figure: Figure, path: str | Path, **options: Any) -> Path:
    """Write a figure with its fonts embedded, as ``figure.savefig`` of our own figures does.

    In PDF and PostScript fonts are TrueType ("Type 42"), as venues ask for; where a text has an
    OpenType font with PostScript outlines, as Chinese, Japanese and Korean ones usually are, all
    are Type 3, because viewers leave out such letters else. In SVG text names its font.

    Parameters
    ----------
    figure : Figure
        Any figure of matplotlib's.
    path : str or path-like
        The suffix is the format.
    **options
        As for `matplotlib.figure.Figure.savefig`.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> import screlax
    >>> from matplotlib.figure import Figure
    >>> from screlax import plots
    >>> solution = screlax.solve_relaxation([500, 50, 5], screlax.Sphere(1.0))
    >>> figure = Figure(figsize=(3.25, 2.5), layout="constrained")
    >>> axes = plots.plot_angles(solution, figure.add_subplot(), style="one-column")
    >>> plots.save_figure(figure, "angles.pdf").name
    'angles.pdf'
    """
    require_matplotlib()
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    if not isinstance(figure, Figure):
        raise InvalidInputError(
            f"figure must be a matplotlib Figure, such as axes.figure, got {shown(figure)}"
        )
    target = as_path(path)
    if target.is_dir():
        raise InvalidInputError(f"cannot write {target}: it is a folder")
    with rc_context(text_settings(figure)):
        figure.savefig(target, **options)
    return target


def text_settings(figure: Figure) -> Any:
    """Return matplotlib's settings with which the text of a figure stays text in files."""
    kind = _DRAWN if any(map(_has_postscript_outlines, _font_files(figure))) else _TRUETYPE
    return {"pdf.fonttype": kind, "ps.fonttype": kind, "svg.fonttype": "none"}


def _font_files(figure: Figure) -> set[str]:
    """Return the files of all fonts that the text of a figure may take letters from."""
    from matplotlib.font_manager import FontProperties, findfont
    from matplotlib.text import Text

    families = {
        family
        for text in figure.findobj(Text)
        if isinstance(text, Text) and text.get_visible()
        for family in text.get_fontfamily()
    }
    return {str(findfont(FontProperties(family=[family]))) for family in families}


@lru_cache(maxsize=256)
def _has_postscript_outlines(file: str) -> bool:
    """Whether a font, or the first of a collection, is OpenType with PostScript outlines (CFF)."""
    with Path(file).open("rb") as handle:
        head = handle.read(16)
        if head[:4] == b"ttcf":
            handle.seek(struct.unpack(">I", head[12:16])[0])
            head = handle.read(4)
    return head[:4] == b"OTTO"

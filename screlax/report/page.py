"""Writing the page: one HTML file with the plotting library inside, and no network."""

import json
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from ..comparison import Comparison
from ..errors import MissingExtraError
from ..io.atomic import refuse_unwritable, write_bytes
from ..io.shown import html_text
from ..io.tables import finite
from ..solution.solution import Solution
from .content import page_data


def write_report(
    solution: Solution,
    path: str | Path,
    comparisons: Mapping[str, Comparison] | None = None,
    *,
    title: str = "screlax report",
) -> Path:
    """Write an interactive page about a solution, readable offline in any browser.

    Geometry by class and class size, the certificate, the spectrum, a slider along the
    regularisation path, a table of classes to search and sort, and for each comparison the
    embeddings next to the optimum. Drawn by plotly.js, which is part of the file (5 MB).

    Parameters
    ----------
    solution : Solution
    path : str or path-like
        Ends in .html; written atomically.
    comparisons : mapping of str to Comparison, optional
        What to show next to the optimum, by name.
    title : str
        Title of the page.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    InvalidInputError
        If the path cannot be written or does not end in .html.
    MissingExtraError
        If plotly is not installed (``pip install 'screlax[report]'``).
    """
    target = Path(path)
    refuse_unwritable(target, ".html")
    library = _plotting_library()
    data = page_data(solution, comparisons or {})
    parts = {
        "TITLE": html_text(title),
        "STYLE": _template("page.css"),
        "DATA": _embedded(data),
        "LIBRARY": library,
        "SCRIPT": _template("page.js"),
    }
    text = re.sub("<!--([A-Z]+)-->", lambda found: parts[found[1]], _template("page.html"))
    return write_bytes(text.encode(), target)


def _plotting_library() -> str:
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        raise MissingExtraError(
            "reports need plotly, which is not installed: pip install 'screlax[report]'"
        ) from None
    return str(get_plotlyjs())


def _template(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")


def _embedded(data: dict[str, Any]) -> str:
    """Return JSON that cannot end the script element it is in, whatever the labels are."""
    text = json.dumps(finite(data), allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")

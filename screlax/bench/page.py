"""One page of results: Markdown, a picture, and both as HTML."""

import base64
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..io.atomic import write_bytes
from ..io.shown import html_text, markdown_text
from ..io.tables import html_table, markdown_lines
from .picture import draw
from .table import Row, scores, suboptimality

ACCURACIES = (1e-4, 1e-6, 1e-9)

_TITLE = "Benchmark of the relaxation"
_EXCEPTIONS = "Not run or without an answer:"


Cells = tuple[list[str], list[list[str]]]
"""Header and rows of a table."""


def write_page(rows: Sequence[Row], folder: Path, limit: float, provenance: str) -> list[Path]:
    """Write results.md, results.png and results.html, and return their paths."""
    picture = draw(rows)
    written = {
        "md": markdown(rows, limit, provenance).encode(),
        "png": picture,
        "html": _html(rows, limit, provenance, picture).encode(),
    }
    return [write_bytes(data, folder / f"results.{suffix}") for suffix, data in written.items()]


def markdown(rows: Sequence[Row], limit: float, provenance: str) -> str:
    """Return the scores, then every problem, as Markdown tables."""
    parts = [f"# {_TITLE}", markdown_text(provenance), _said(limit)]
    for caption, table in _tables(rows, limit).items():
        parts += [caption, "\n".join(markdown_lines(*table))]
    exceptions = "\n".join(f"- {markdown_text(line)}" for line in _exceptions(rows))
    return "\n\n".join([*parts, _EXCEPTIONS, exceptions or "none"]) + "\n"


def _said(limit: float) -> str:
    return (
        f"Everything is certified by screlax, whatever the method says. Time limit {limit:g} s. "
        "Means are shifted geometric means of the time to the accuracy, with the limit where it "
        "was not reached; skipped problems do not count."
    )


def _tables(rows: Sequence[Row], limit: float) -> dict[str, Cells]:
    """Return every table of the page under what is said of it."""
    return {
        "By value: how far above the best certified lower bound of any method.": _score_table(
            rows, limit, suboptimality(rows)
        ),
        "By the gap that the method's own points certify, a proof without help:": _score_table(
            rows, limit, {row: row.relative_gap for row in rows}
        ),
        "Best certified gap of each method's own points, and the time of that run:": _problem_table(
            rows
        ),
    }


def _score_table(rows: Sequence[Row], limit: float, excess: Mapping[Row, float]) -> Cells:
    header = ["method", "problems"]
    header += [f"solved to {a:g} (mean time)" for a in ACCURACIES]
    by_accuracy = [scores(rows, accuracy, limit, excess) for accuracy in ACCURACIES]
    body = []
    for entries in zip(*by_accuracy, strict=True):
        if entries[0].problems:
            cells = [f"{entry.solved} ({_seconds(entry.mean_seconds)})" for entry in entries]
            body.append([entries[0].method, str(entries[0].problems), *cells])
    return header, body


def _problem_table(rows: Sequence[Row]) -> Cells:
    """Return for each problem and method the best certified gap and the time it took."""
    methods = list(dict.fromkeys(row.method for row in rows if row.outcome != "skipped"))
    body = []
    for name in dict.fromkeys(row.problem for row in rows):
        mine = [row for row in rows if row.problem == name]
        cells = [_cell([row for row in mine if row.method == method]) for method in methods]
        body.append([mine[0].group, name, mine[0].loss, str(mine[0].distinct_sizes), *cells])
    return ["set", "problem", "loss", "m", *methods], body


def _cell(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    if rows[0].outcome == "skipped":
        return "skipped"
    best = min(rows, key=lambda row: row.relative_gap)
    if not math.isfinite(best.relative_gap):
        return rows[-1].outcome if rows[-1].outcome != "ran" else "no bound"
    return f"{best.relative_gap:.0e} in {_seconds(best.seconds)}"


def _exceptions(rows: Sequence[Row]) -> list[str]:
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row.reason:
            reasons.setdefault(f"{row.method}: {row.outcome}: {row.reason}", []).append(row.problem)
    excess = suboptimality(rows)
    for row in rows:
        if math.isfinite(row.value) and math.isinf(excess[row]):
            reasons.setdefault(f"{row.method}: no bound, or below one", []).append(row.problem)
    return [f"{key} ({', '.join(dict.fromkeys(names))})" for key, names in reasons.items()]


def _html(rows: Sequence[Row], limit: float, provenance: str, picture: bytes) -> str:
    image = base64.b64encode(picture).decode()
    tables = _tables(rows, limit).items()
    sections = "\n".join(
        f"<p>{html_text(said)}</p>\n{html_table(*cells)}" for said, cells in tables
    )
    exceptions = "".join(f"<li>{html_text(line)}</li>" for line in _exceptions(rows))
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{_TITLE}</title>
<style>body {{ font: 15px/1.4 system-ui, sans-serif; margin: 24px; }}
table {{ border-collapse: collapse; margin: 16px 0; }}
td, th {{ border-bottom: 1px solid #ccc; padding: 3px 9px; text-align: left; }}
img {{ max-width: 100%; }}</style></head><body>
<h1>{_TITLE}</h1>
<p>{html_text(provenance)}</p>
<p>{_said(limit)}</p>
<img alt="Certified gap against time" src="data:image/png;base64,{image}">
{sections}
<p>{_EXCEPTIONS}</p>
<ul>{exceptions or "<li>none</li>"}</ul>
</body></html>
"""


def _seconds(seconds: float) -> str:
    return f"{1e3 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"

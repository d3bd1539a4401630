"""What a run of the suite leaves: one page readable offline, Markdown, a picture, and the rows."""

from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path

from ..io.atomic import write_bytes
from ..io.shown import html_text, markdown_text
from ..io.tables import markdown_lines
from .chart import STYLE, charts_file, legend, profile_chart
from .content import Shown, facts, rules, tables
from .detail import problem_table, runs_table, trouble
from .results import NAME, Results
from .scores import profile, taken, times_to
from .table import own_gaps, suboptimality

_TITLE = "Benchmark of the relaxation"
_SHORT = 28
"""Characters of a cell that are not broken."""

_PROFILES = "Performance profiles"
_PROFILES_SAID = (
    "Share of all problems that a method solves within so many times the least time of any "
    "method; where its line ends is the share that it solves at all. (Dolan and Moré, 2002. Curves "
    "of other methods than the fastest depend on which methods are there.)"
)
_REASONS = "Reasons of refusals, and what failed"
_TROUBLE = "Failures, timeouts and contradictions"


def write_page(
    results: Results, folder: Path, conditions: Mapping[str, str], before: Sequence[Shown] = ()
) -> list[Path]:
    """Write results.html, .md, .json and .csv, and profiles.svg; return their paths.

    `conditions` are those of each method, `before` are tables that come first.
    """
    written = {
        "results.html": html(results, conditions, before).encode(),
        "results.md": markdown(results, conditions, before).encode(),
        "profiles.svg": charts_file(_charts(results), _drawn(results)).encode(),
        "results.csv": results.csv(),
        NAME: results.json().encode(),
    }
    return [write_bytes(data, folder / name) for name, data in written.items()]


def markdown(results: Results, conditions: Mapping[str, str], before: Sequence[Shown] = ()) -> str:
    """Return everything but single runs as Markdown."""
    problems, reasons = problem_table(results)
    parts = [f"# {_TITLE}"]
    parts += ["\n".join(f"* {name}: {markdown_text(said)}" for name, said in facts(results))]
    parts += [markdown_text(rules(results))]
    for shown in (*before, *tables(results, conditions), problems):
        lines = "\n".join(markdown_lines(shown.header, shown.rows))
        parts += [
            f"## {shown.title}",
            markdown_text(shown.caption),
            *([lines] if shown.rows else []),
        ]
    parts += [f"## {_REASONS}", _numbered(reasons)]
    parts += [f"## {_TROUBLE}", _listed(trouble(results))]
    return "\n\n".join(parts) + "\n"


def html(results: Results, conditions: Mapping[str, str], before: Sequence[Shown] = ()) -> str:
    """Return the page: everything is in it, and nothing is asked of a network."""
    problems, reasons = problem_table(results)
    said = "".join(
        f"<dt>{html_text(name)}</dt><dd>{html_text(of)}</dd>" for name, of in facts(results)
    )
    score_tables, rest = _split(tables(results, conditions), len(results.accuracies))
    charts = "".join(chart for several in _charts(results) for chart in several)
    body = [
        *map(_section, before),
        *map(_section, score_tables),
        f'<section><h2>{_PROFILES}</h2><p class="caption">{html_text(_PROFILES_SAID)}</p>'
        f'<div class="legend">{legend(_drawn(results))}{_left_out(results)}</div>'
        f'<div class="charts">{charts}</div></section>',
        *map(_section, rest),
        _section(problems),
        f"<section><h2>{_REASONS}</h2>{_html_list(reasons, 'ol')}</section>",
        f"<section><h2>{_TROUBLE}</h2>{_html_list(trouble(results), 'ul')}</section>",
        _section(runs_table(results)),
    ]
    style, script = _file("page.css") + STYLE, _file("page.js")
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{_TITLE}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<style>{style}</style></head><body>
<header><h1>{_TITLE}</h1>
<dl class="facts">{said}</dl>
<p>{html_text(rules(results))}</p></header>
<main>{"".join(body)}</main>
<script>{script}</script>
</body></html>
"""


def _drawn(results: Results) -> list[str]:
    """Return the methods that have curves: those that were run on a problem."""
    ran = taken(results.rows)
    return [method for method in results.methods if ran[method]]


def _left_out(results: Results) -> str:
    """Say which methods have no curve; why is in the table of methods."""
    drawn = _drawn(results)
    others = ", ".join(method for method in results.methods if method not in drawn)
    return (
        f'<span class="key">no curve, as nothing ran: {html_text(others)}</span>' if others else ""
    )


def _charts(results: Results) -> list[list[str]]:
    """Return for each accuracy the profiles of both ways to judge."""
    drawn = set(_drawn(results))
    rows = [row for row in results.judged if row.method in drawn]
    kinds = {"Proved to": own_gaps(rows), "Near by value to": suboptimality(rows)}
    return [
        [
            profile_chart(
                f"{kind} {accuracy:g}",
                profile(times_to(rows, accuracy, results.limit, excess)),
            )
            for kind, excess in kinds.items()
        ]
        for accuracy in results.accuracies
    ]


def _split(shown: Sequence[Shown], count: int) -> tuple[Sequence[Shown], Sequence[Shown]]:
    return shown[:count], shown[count:]


def _section(shown: Shown) -> str:
    """Return a table under its heading; a long one folded, with a field to search it."""
    title, caption = html_text(shown.title), html_text(shown.caption)
    head = "".join(f'<th scope="col">{html_text(cell)}</th>' for cell in shown.header)
    lines = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in shown.rows)
    table = (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{title}"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>"
    )
    said = f'<p class="caption">{caption}</p>'
    if not shown.is_long:
        return f"<section><h2>{title}</h2>{said}{table if shown.rows else ''}</section>"
    search = (
        '<p hidden><label>Search <input id="search" type="search" '
        'placeholder="words, such as: native batches" /></label> <span id="shown" role="status">'
        "</span></p>"
    )
    return f'<details id="runs"><summary>{title}</summary>{said}{search}{table}</details>'


def _cell(text: str) -> str:
    kind = text if text in ("worse", "better") else "short" if len(text) < _SHORT else ""
    return f'<td class="{kind}">{html_text(text)}</td>' if kind else f"<td>{html_text(text)}</td>"


def _file(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")


def _numbered(lines: Iterable[str]) -> str:
    found = [f"{number}. {markdown_text(line)}" for number, line in enumerate(lines, start=1)]
    return "\n".join(found) or "none"


def _listed(lines: Iterable[str]) -> str:
    return "\n".join(f"* {markdown_text(line)}" for line in lines) or "none"


def _html_list(lines: Iterable[str], kind: str) -> str:
    found = "".join(f"<li>{html_text(line)}</li>" for line in lines)
    return f"<{kind}>{found}</{kind}>" if found else "<p>none</p>"

"""Performance profiles as SVG, without a plotting library: on the page, and as a file."""

import math
from collections.abc import Mapping, Sequence

from ..io.shown import html_text
from ..plots.colours import curve

_DASHES = {"-": "none", "--": "7 4", "-.": "8 3 2 3", ":": "2 3"}
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 470, 320, 52, 30, 34, 46
_LEAST_RATIO = 10.0
"""The axis of ratios goes at least that far."""

Steps = Sequence[tuple[float, float]]

STYLE = """
.chart text { fill: currentColor; font: 12px system-ui, sans-serif; }
.chart .title { font-size: 13px; font-weight: 600; }
.chart .grid { stroke: currentColor; stroke-opacity: 0.18; }
.chart .curve { fill: none; stroke-width: 2.2; stroke-linejoin: round; }
.chart .curve:hover { stroke-width: 5; }
"""


def profile_chart(title: str, curves: Mapping[str, Steps]) -> str:
    """Return an <svg> of step functions over a ratio ≥ 1 on a logarithmic axis.

    A curve keeps the colour and the line style of its place, whether or not others are empty.
    """
    largest = max([_LEAST_RATIO, *(x for steps in curves.values() for x, _ in steps)])
    decades = math.ceil(math.log10(largest) - 1e-9)
    said = html_text(f"{title}: {_in_words(curves)}")
    return "\n".join(
        [
            f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{said}">',
            f'<text class="title" x="{_LEFT}" y="18">{html_text(title)}</text>',
            *_grid(decades),
            *(_curve(n, name, steps, decades) for n, (name, steps) in enumerate(curves.items())),
            "</svg>",
        ]
    )


def legend(names: Sequence[str]) -> str:
    """Return the names with the colour and the line style that they have in every chart."""
    return "".join(
        f'<span class="key"><svg width="34" height="10" aria-hidden="true">{_line(number)}</svg> '
        f"{html_text(name)}</span>"
        for number, name in enumerate(names)
    )


def charts_file(charts: Sequence[Sequence[str]], names: Sequence[str]) -> str:
    """Return rows of charts above their legend as one SVG file, for light and dark pages."""
    wide = max(map(len, charts)) * _WIDTH
    per_line = max(1, wide // 200)
    lines = math.ceil(len(names) / per_line)
    tall = len(charts) * _HEIGHT + 22 * lines + 10
    placed = [
        chart.replace(
            "<svg ", f'<svg x="{column * _WIDTH}" y="{row * _HEIGHT}" '
            f'width="{_WIDTH}" height="{_HEIGHT}" ', 1
        )
        for row, several in enumerate(charts)
        for column, chart in enumerate(several)
    ]  # fmt: skip
    for number, name in enumerate(names):
        down, along = divmod(number, per_line)
        x, y = 20 + 200 * along, len(charts) * _HEIGHT + 16 + 22 * down
        placed.append(
            f'<g class="chart" transform="translate({x} {y})">{_line(number)}'
            f'<text x="42" y="9">{html_text(name)}</text></g>'
        )
    dark = "@media (prefers-color-scheme: dark) { svg { color: #e4e7eb; } }"
    style = f"svg {{ color: #1b1f24; }} {dark}{STYLE}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {tall}" width="{wide}">'
    return "\n".join([head, f"<style>{style}</style>", *placed, "</svg>\n"])


def _grid(decades: int) -> list[str]:
    """Return both axes with their lines and numbers."""
    parts = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = _y(share)
        parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{share:.0%}</text>')
    for power in range(decades + 1):
        x = _x(10.0**power, decades)
        parts.append(f'<path class="grid" d="M{x:.1f} {_TOP}V{_HEIGHT - _BOTTOM}"/>')
        parts.append(
            f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 17}" text-anchor="middle">'
            f"{10**power:,}</text>"
        )
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(
        f'<text x="{middle}" y="{_HEIGHT - 10}" text-anchor="middle">'
        "time by that of the fastest method</text>"
    )
    return parts


def _curve(number: int, name: str, steps: Steps, decades: int) -> str:
    """Return a step function, from its first step to the right edge."""
    if not steps:
        return ""
    path = f"M{_x(steps[0][0], decades):.1f} {_y(0):.1f}"
    for ratio, share in steps:
        path += f"H{_x(ratio, decades):.1f}V{_y(share):.1f}"
    path += f"H{_WIDTH - _RIGHT}"
    return (
        f'<path class="curve" {_stroke(number)} d="{path}">'
        f"<title>{html_text(name)}: {steps[-1][1]:.0%} of the problems</title></path>"
    )


def _line(number: int) -> str:
    return f'<path fill="none" stroke-width="2.5" {_stroke(number)} d="M0 5H34"/>'


def _stroke(number: int) -> str:
    style = curve(number)
    return f'stroke="{style["color"]}" stroke-dasharray="{_DASHES[style["linestyle"]]}"'


def _x(ratio: float, decades: int) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * math.log10(ratio) / decades


def _y(share: float) -> float:
    return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - share)


def _in_words(curves: Mapping[str, Steps]) -> str:
    """Return what a reader who does not see the chart has to know."""
    said = []
    for name, steps in curves.items():
        first = steps[0][1] if steps and steps[0][0] == 1 else 0.0
        last = steps[-1][1] if steps else 0.0
        said.append(f"{name} fastest on {first:.0%}, solves {last:.0%}")
    return "; ".join(said)

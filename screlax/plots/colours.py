"""One language of colours: a role has the same colour in every picture and on the page.

Plain text, without matplotlib. Every colour of a curve or a mark has a contrast of at least three
to one on white and on a dark page alike, so that one palette serves both. The palette is that of
Okabe and Ito (2008), its light colours darkened for that. Ordered quantities take cividis (Nuñez,
Anderton and Renslow, 2018); signed ones red and blue around white, which no common colour
deficiency confuses, so that orthogonal class means are white. Whatever is compared in one panel
differs in a second mark too, for grey prints.
"""

from typing import Any

CURVES = ("#0072b2", "#d55e00", "#007a5e", "#cc79a7", "#a87800", "#3699d0", "#7d62c0")
"""Blue, vermilion, green, pink, ochre, sky, violet: of curves, in the order they are taken."""

LINE_STYLES = ("-", "--", "-.", ":")
"""Second mark of a curve, so that no legend depends on colour alone."""

ORDERED = "cividis"

SIGNED = (
    "#053061", "#2166ac", "#4393c3", "#92c5de", "#d1e5f0", "#ffffff",
    "#fddbc7", "#f4a582", "#d6604d", "#b2182b", "#67001f",
)  # fmt: skip
"""From blue for negative to red for positive (ColorBrewer's RdBu), evenly spaced."""

_ROLES = {
    "optimum": (0, "-"),
    "primal": (0, "-"),
    "network": (1, "--"),
    "frequent": (2, "-"),
    "rare": (3, "--"),
    "dual": (4, "--"),
    "mean": (4, "-."),
    "nearest": (5, "-."),
    "median": (5, "-."),
}
"""Number of the colour, and line style, of each role; dotted lines are guides."""

ROLES = {role: CURVES[number] for role, (number, _) in _ROLES.items()}
"""Colour of the certified optimum (its objective is the primal bound), of a network next to it, of
the most frequent and the rarest class, of the dual bound, and of the mean over other classes, the
nearest other class and the class of median size. Roles that share one are never in one panel."""

ENDS = {
    "global": ROLES["optimum"],
    "spurious": ROLES["network"],
    "strict saddle": CURVES[3],
    "not stationary": "#8c8c8c",
}
"""Where a descent ended, by its classification."""

GUIDE = "#737373"
"""Grey of guides: tolerances, ranks, the balanced optimum."""

UNDEFINED = "#d1d1d1"
"""Grey of cells that have no value: a class with itself, the cosine of a zero vector."""


def curve(number: int) -> dict[str, Any]:
    """Return colour and line style of the curve with that number, as keywords of `Axes.plot`."""
    place = number % len(CURVES)
    turn = number // len(CURVES)
    return {"color": CURVES[place], "linestyle": LINE_STYLES[(place - turn) % len(LINE_STYLES)]}


def role(name: str) -> dict[str, Any]:
    """Return colour and line style of a role, as keywords of `Axes.plot`."""
    number, linestyle = _ROLES[name]
    return {"color": CURVES[number], "linestyle": linestyle}

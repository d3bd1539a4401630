"""The optimum along its regularisation path: a slider, and pictures whose axes stay where they are.

All steps are drawn on axes that fit all of them; the slider shows one at a time.
"""

from __future__ import annotations

import warnings

import numpy as np

from ..errors import InaccurateWarning, ScrelaxError
from ..plots.colours import role
from ..plots.selection import options_in_words, select_orbits
from ..problem.ufm import UFM
from ..solution.orbit_geometry import orbit_geometry
from ..solution.solution import Solution
from ..solve.path import regularization_path
from ..types import Vector
from .chart import Chart, Series, series
from .figure import chart_figure, column_table
from .geometry import BY_SIZE, CURVES
from .markup import Markup, tag
from .numbers import Sheet, number
from .scales import Scale, fitting_scale, sizes_scale

_POINTS, _POINTS_IN_TURN = 25, 13
"""Steps of the path; without a slack vector they are solved in turn, which takes longer."""

_MOST_POINTS = 100
"""Points of a curve: there is one curve for every step."""


def path_section(sheet: Sheet, solution: Solution) -> Markup:
    """Return the section, or one sentence where there is no path."""
    heading = tag("h3", "Along the regularisation path")
    if solution.components:
        said = "There is no path of class means where components have geometries of their own."
        return tag("div", heading, tag("p", said))
    try:
        strengths, members = _members(solution.problem)
    except ScrelaxError as error:
        return tag("div", heading, tag("p", f"The path is not shown: {error}."))
    return _section(sheet, solution, heading, strengths, members)


def _section(
    sheet: Sheet, solution: Solution, heading: Markup, strengths: Vector, members: list[Solution]
) -> Markup:
    problem = solution.problem
    symbol, start = problem.control.parameter_symbol, int(np.argmin(np.abs(np.log(
        strengths / problem.control.parameter))))  # fmt: skip
    said = [
        f"{symbol} = {number(strength)}{' (as above)' if place == start else ''}: objective per "
        f"{problem.mean_unit} {number(member.mean_value, 6)}, certified relative gap "
        f"{member.certificate.gap_in_words}"
        for place, (strength, member) in enumerate(zip(strengths, members, strict=True))
    ]
    place = sheet.identifier("path")
    gaps = [member.certificate.gap_in_words for member in members]
    along = (sheet, problem, strengths, start)
    values = np.array([member.mean_value for member in members])
    unit = f"objective per {problem.mean_unit}"
    figures = [_along(*along, "Objective along the path", unit, values, gaps)]
    if problem.class_sizes.orbits > 1:
        figures += _geometry(sheet, problem, members, start)
    elif not problem.control.fixes_norms:
        norms = np.array([float(np.sqrt(member.orbit_gram.own[0])) for member in members])
        figures.append(_along(*along, "Norm along the path", "‖h‖", norms, gaps))
    sheet.data[place] = {"said": said}
    slider = tag("input", type="range", min=0, max=len(members) - 1, step=1, value=start, id=place,
                 class_="path-slider", aria_valuetext=said[start])  # fmt: skip
    label = tag("label", f"Move {symbol}, everything else as it is: ", for_=place)
    output = tag("output", said[start], for_=place)
    return tag(
        "div",
        heading,
        tag("p", label, slider, output, class_="slider"),
        tag("div", *figures, class_="figures"),
        class_="path",
    )


def _members(problem: UFM) -> tuple[Vector, list[Solution]]:
    """Return the strengths, the problem's own among them, and the optima there."""
    control = problem.control
    points = _POINTS if problem.has_slack_vector else _POINTS_IN_TURN
    if control.is_penalty:
        top = problem.zero_threshold()
        strengths = np.geomspace(top * 0.95, min(top / 1e6, control.parameter / 10), points)
    else:
        strengths = control.parameter * np.logspace(-2, 2, points)
    # without those that differ from the solution's own by rounding only
    strengths = strengths[~np.isclose(strengths, control.parameter, rtol=1e-6)]
    strengths = np.sort(np.append(strengths, control.parameter))
    with warnings.catch_warnings():  # the page has the gap of every step
        warnings.simplefilter("ignore", InaccurateWarning)
        return strengths, regularization_path(problem, strengths=strengths)


def _along(
    sheet: Sheet,
    problem: UFM,
    strengths: Vector,
    start: int,
    title: str,
    unit: str,
    values: Vector,
    gaps: list[str],
) -> Markup:
    """Return a number along the path, a dot where the slider is."""
    symbol = problem.control.parameter_symbol
    x = Scale(float(strengths[0]) / 1.3, float(strengths[-1]) * 1.3, is_log=True)
    line = Series("", strengths, values, role("optimum"))
    look, places = role("network"), range(len(values))
    dots = [[Series("", strengths[[i]], values[[i]], look, dots=True)] for i in places]
    y = fitting_scale([values])
    chart = Chart(x, y, f"{problem.control.name} {symbol}", unit, [line], dots, start)
    columns = {
        symbol: strengths.tolist(),
        unit: [number(value, 6) for value in values],
        "certified relative gap": gaps,
    }
    across = chart.across(strengths).tolist()
    points = [
        (x, None, f"{symbol} = {number(strength)}: {number(value, 6)}")
        for x, strength, value in zip(across, strengths, values, strict=True)
    ]
    table = column_table(title, columns)
    return chart_figure(sheet, title, "The dot is where the slider is.", chart, points, table)


def _geometry(sheet: Sheet, problem: UFM, members: list[Solution], start: int) -> list[Markup]:
    """Return cosines and norms against class size at every step."""
    orbits = select_orbits(problem.class_sizes, _MOST_POINTS)
    sizes = problem.class_sizes.distinct[orbits].astype(float)
    found = [orbit_geometry(one.problem, one.orbit_gram, orbits) for one in members]
    curves = {key: CURVES[key] for key in ("cosine_mean", "cosine_nearest")}
    frames = [
        [series(name, sizes, step[key], look) for key, (name, look) in curves.items()]
        for step in found
    ]
    x, last = sizes_scale(sizes), found[start]
    shown: dict[str, list[object]] = {BY_SIZE: [int(size) for size in sizes]}
    kinds = options_in_words(problem, orbits)
    if any(kinds):
        shown["kind"] = list(kinds)
    title = "Cosines at the slider"
    y = fitting_scale([one.y for frame in frames for one in frame])
    chart = Chart(x, y, BY_SIZE, "cosine", (), frames, start)
    table = column_table(f"{title}, as above", shown | {name: last[key].tolist()
                         for key, (name, _) in curves.items()})  # fmt: skip
    figures = [chart_figure(sheet, title, "Axes fit all steps, and stay.", chart, (), table)]
    if problem.control.fixes_norms:
        return figures
    title = "Norms at the slider"
    norms = [[series("", sizes, step["norm"], role("optimum"))] for step in found]
    y = fitting_scale([frame[0].y for frame in norms], zero=True)
    chart = Chart(x, y, BY_SIZE, "‖h‖", (), norms, start)
    table = column_table(f"{title}, as above", shown | {"‖h‖": last["norm"].tolist()})
    return [*figures, chart_figure(sheet, title, "Length of the class means.", chart, (), table)]

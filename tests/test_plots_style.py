"""Pictures for papers: width, size of text, fonts in files, and labels that do not touch."""

import itertools
import re

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

import screlax
from screlax import plots
from screlax.errors import InvalidInputError
from screlax.plots.legends import covered

LONG = [f"a class with a long name, {name}" for name in "abcdefghij"]


@pytest.fixture(scope="module", params=[10, 100, 1000])
def solution(request):
    sizes = np.geomspace(5000, 5, request.param).astype(int)
    labels = LONG if request.param == 10 else [f"a long label {i}" for i in range(request.param)]
    problem = screlax.UFM(sizes, screlax.Sphere(1.0), 0.2, class_labels=labels)
    return screlax.solve_relaxation(problem)


@pytest.fixture(autouse=True)
def _settings_stay():
    before = dict(matplotlib.rcParams)
    yield
    assert dict(matplotlib.rcParams) == before


def shown_texts(ax):
    renderer = FigureCanvasAgg(ax.figure).get_renderer()
    ax.figure.draw(renderer)
    texts = [*ax.texts, ax.xaxis.label, ax.yaxis.label]
    for axis in (ax.xaxis, ax.yaxis):
        low, high = sorted(axis.get_view_interval())
        texts += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [
        (text.get_text(), text.get_window_extent(renderer))
        for text in texts
        if text.get_visible() and text.get_text()
    ]


@pytest.mark.parametrize("draw", [plots.plot_gram, plots.plot_embedding, plots.plot_angles])
def test_no_label_touches_another_in_a_column(draw, solution):
    ax = draw(solution, style="one-column")
    found = shown_texts(ax)
    assert len(found) > 4
    for (one, box), (other, second) in itertools.combinations(found, 2):
        assert not box.overlaps(second), (one, other)
    for text, box in found:
        assert box.x0 >= 0, text
        assert box.x1 <= ax.figure.bbox.width, text


def drawn(ax):
    renderer = FigureCanvasAgg(ax.figure).get_renderer()
    ax.figure.draw(renderer)
    return ax, renderer


@pytest.mark.parametrize("style", ["one-column", "two-column"])
@pytest.mark.parametrize("draw", [plots.plot_spectrum, plots.plot_norms, plots.plot_angles])
def test_no_legend_covers_a_curve(draw, style, solution):
    ax, renderer = drawn(draw(solution, style=style))
    assert ax.get_legend() is None or not covered(ax, renderer)


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_a_legend_over_curves_that_are_everywhere_has_room_above_them(scale):
    values = np.where(np.arange(61) % 2, 1.0, 1e-3)
    rows = [{"epoch": n, "a_number_of_epochs": value} for n, value in enumerate(values)]
    figure = plots.plot_history(rows, panels=[["a_number_of_epochs"]], style="two-column")
    ax = figure.axes[0]
    ax.set_yscale(scale)
    legend = ax.get_legend()
    drawn(ax)
    ax, renderer = drawn(ax)
    assert not covered(ax, renderer)
    assert legend.get_window_extent(renderer).y1 <= ax.bbox.y1
    assert ax.get_ylim()[0] < 1e-3
    ax.set_ylim(1e-3, 1.0)  # as it would be without
    assert covered(ax, renderer)


@pytest.mark.parametrize(
    ("style", "width"), [("one-column", 3.25), ("two-column", 6.75), (5.5, 5.5)]
)
def test_a_style_has_its_width_and_text_of_captions(style, width):
    solution = screlax.solve_relaxation([50, 20, 5], screlax.Sphere(1.0))
    figure = plots.plot_angles(solution, style=style).figure
    figure.draw_without_rendering()
    assert figure.get_figwidth() == width
    sizes = [text.get_fontsize() for text in figure.findobj(Text) if text.get_text()]
    assert 6.9 <= min(sizes) <= max(sizes) <= 9


@pytest.mark.parametrize("wrong", ["three-column", 0.1, float("nan"), [3.25], True])
def test_what_is_no_style_is_refused(wrong):
    solution = screlax.solve_relaxation([50, 20, 5], screlax.Sphere(1.0))
    with pytest.raises(InvalidInputError, match="style must be 'one-column'"):
        plots.plot_norms(solution, style=wrong)


@pytest.mark.parametrize("own", [False, True])
def test_fonts_are_embedded_and_svg_has_text(own, tmp_path):
    solution = screlax.solve_relaxation([50, 20, 5], screlax.Sphere(1.0))
    figure = Figure(layout="constrained")
    ax = plots.plot_norms(solution, figure.add_subplot() if own else None, style="one-column")
    with matplotlib.rc_context({"pdf.compression": 0}):
        plots.save_figure(ax.figure, tmp_path / "a.pdf")
    assert set(
        re.findall(rb"/Subtype /(CIDFontType2|Type3|Type1)", (tmp_path / "a.pdf").read_bytes())
    ) == {b"CIDFontType2"}
    plots.save_figure(ax.figure, tmp_path / "a.svg")
    assert "class size (number of samples)</text>" in (tmp_path / "a.svg").read_text("utf-8")

"""Pictures: what is drawn equals the solution's numbers, at every size; nothing leaks."""

import subprocess
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as pyplot
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from screlax import (
    UFM,
    Ball,
    InaccurateWarning,
    Ridge,
    Solution,
    Sphere,
    path_table,
    plots,
    regularization_path,
    solve_relaxation,
)
from screlax.cli import main
from screlax.errors import InvalidInputError, MissingExtraError, ProblemTooLargeError
from screlax.plots.canvas import short_count
from screlax.plots.colours import CURVES

TEN = [120, 7, 60, 30, 15, 4, 30, 2, 90, 11]


def solved(counts, control, temperature=1.0) -> Solution:
    return solve_relaxation(UFM(counts, control, temperature))


@pytest.fixture(scope="module")
def ten() -> Solution:
    return solved(TEN, Ridge(0.1))


@pytest.fixture(scope="module")
def thousand() -> Solution:
    counts = np.maximum(2, 1280 * np.arange(1, 1001) ** -0.9).astype(int)
    return solved(counts, Sphere(1.0), 0.1)


@pytest.fixture(scope="module")
def million() -> Solution:
    problem = UFM.from_pairs([1000, 100, 10, 1], [10, 1000, 10**6, 1], Ridge(0.01))
    return solve_relaxation(problem)


@pytest.fixture(scope="module")
def path() -> list[Solution]:
    return regularization_path(UFM(TEN, Ridge(1.0)), points=7)


HARD = {
    "two classes": lambda: solved([40, 4], Sphere(1.0)),
    "balanced": lambda: solved([5] * 30, Ball(1.0)),
    "singletons": lambda: solved([50, 10, 1, 1, 1], Ridge(0.1)),
    "minority collapse": lambda: solved([10_000, 3, 2], Sphere(0.1)),
    "zero": lambda: solved([10, 5, 3], Ridge(5.0)),
    "dollars": lambda: solve_relaxation(
        UFM([9, 3], Ridge(0.1), class_labels=["$x_$", "a name that is far too long"])
    ),
}


@pytest.fixture(autouse=True)
def _nothing_leaks():
    before, settings = pyplot.get_fignums(), dict(matplotlib.rcParams)
    yield
    assert pyplot.get_fignums() == before
    assert dict(matplotlib.rcParams) == settings


def drawn(figure) -> None:
    """Render, where legends, layout and texts are computed and may warn."""
    getattr(figure, "figure", figure).draw_without_rendering()


def image_of(ax):
    (image,) = ax.images
    return np.ma.filled(image.get_array().astype(float), np.nan)


def labels_of(ax) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


# ----------------------------------------------------------------- heat map


def test_gram_is_ordered_by_class_size(ten):
    order = np.argsort(-np.array(TEN), kind="stable")
    gram = ten.class_gram[np.ix_(order, order)]
    off = ~np.eye(10, dtype=bool)
    ax = plots.plot_gram(ten, kind="inner products")
    np.testing.assert_allclose(image_of(ax)[off], gram[off], rtol=1e-13)
    assert np.isnan(np.diagonal(image_of(ax))).all()
    cosines = gram / np.sqrt(np.outer(np.diagonal(gram), np.diagonal(gram)))
    ax = plots.plot_gram(ten)
    np.testing.assert_allclose(image_of(ax)[off], cosines[off], rtol=1e-13)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == [str(c) for c in order]
    assert ax.get_yticklabels()[0].get_text() == "0 (120)"


def test_small_gram_has_its_numbers_written_in_the_cells(ten):
    ax = plots.plot_gram(ten)
    written = {text.get_position(): text.get_text() for text in ax.texts}
    assert len(written) == 100
    assert written[(0, 0)] == "1"
    expected = f"{abs(image_of(ax)[0, 1]):.2f}".removeprefix("0")
    assert written[(1, 0)] == "−" + expected


def test_colours_are_symmetric_and_end_at_the_largest_entry_off_the_diagonal(ten):
    ax = plots.plot_gram(ten, kind="inner products")
    low, high = ax.images[0].get_clim()
    assert high == -low == np.nanmax(np.abs(image_of(ax)))
    bar = ax.figure.axes[1]
    assert bar.get_ylabel() == "inner product of class means"


def test_outliers_do_not_wash_out_a_large_gram():
    solution = solved([10**5, *[100] * 300], Ridge(1.0))
    ax = plots.plot_gram(solution)
    size = np.abs(image_of(ax))
    limit = ax.images[0].get_clim()[1]
    assert limit == np.nanquantile(size, 0.99)
    assert np.nanmax(size) > 2 * limit
    assert ax.images[0].colorbar.extend == "both"


def test_gram_of_a_thousand_classes_shows_all_of_them(thousand):
    ax = plots.plot_gram(thousand)
    assert image_of(ax).shape == (1000, 1000)
    sizes = np.sort(np.asarray(thousand.problem.class_sizes))[::-1]
    ticks = [tick.get_text() for tick in ax.get_yticklabels()]
    assert ticks == [short_count(sizes[round(t)]) for t in np.linspace(0, 999, 6)]


def test_gram_of_a_million_classes_has_a_row_for_each_size(million):
    ax = plots.plot_gram(million)
    gram = million.orbit_gram
    norm = np.sqrt(gram.own)
    expected = gram.pair / np.outer(norm, norm)  # its diagonal is between two classes of a size
    expected[3, 3] = np.nan  # there is one singleton only
    np.testing.assert_allclose(image_of(ax), expected, rtol=1e-12, atol=1e-15)
    assert [t.get_text() for t in ax.get_yticklabels()] == [
        "10 × 1,000",
        "1,000 × 100",
        "1 M × 10",
        "1 × 1",
    ]
    assert "one class of each of 4 sizes" in ax.get_xlabel()


def test_limit_on_classes_takes_sizes_apart_geometrically_with_both_ends(thousand):
    ax = plots.plot_gram(thousand, max_classes=20, kind="inner products")
    shown, gram = image_of(ax), thousand.orbit_gram
    assert len(shown) <= 20
    np.testing.assert_allclose(shown[0, -1], gram.pair[0, -1], rtol=1e-12)
    assert ax.get_xlabel() == f"one class of each of {len(shown)} of {len(gram.own)} sizes"


# ----------------------------------------------------------------- curves


def test_norms_against_class_size(ten):
    ax = plots.plot_norms(ten, label="λ = 0.1")
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_xdata(), ten.problem.class_sizes.distinct)
    np.testing.assert_array_equal(line.get_ydata(), np.sqrt(ten.orbit_gram.own))
    assert ax.get_xscale() == "log"
    assert line.get_label() == "λ = 0.1"
    assert ax.get_xlabel() == "class size (number of samples)"
    assert ax.get_ylabel() == "norm of the class mean ‖h‖"
    plots.plot_norms(solved(TEN, Ridge(1.0)), ax)
    assert [to_rgb(line.get_color()) for line in ax.lines] == list(map(to_rgb, CURVES[:2]))


def test_sizes_within_a_decade_have_a_linear_axis():
    assert plots.plot_norms(solved([30, 20, 10], Ridge(0.1))).get_xscale() == "linear"


def test_constant_norms_are_not_magnified(thousand):
    low, high = plots.plot_norms(thousand).get_ylim()
    assert (low, high) == pytest.approx((0.9, 1.1))


def test_angles_with_largest_smallest_and_nearest(ten):
    gram = ten.class_gram
    norm = np.sqrt(np.diagonal(gram))
    cosine = gram / np.outer(norm, norm)
    np.fill_diagonal(cosine, np.nan)
    first = [TEN.index(size) for size in sorted(set(TEN), reverse=True)]
    ax = plots.plot_angles(ten)
    largest, smallest, nearest, guide = ax.lines
    np.testing.assert_allclose(largest.get_ydata(), cosine[first, 0], rtol=1e-12)
    np.testing.assert_allclose(smallest.get_ydata(), cosine[first, 7], rtol=1e-12)
    np.testing.assert_allclose(nearest.get_ydata(), np.nanmax(cosine[first], axis=1), rtol=1e-12)
    assert guide.get_ydata()[0] == pytest.approx(-1 / 9)
    assert labels_of(ax)[:2] == ["with the largest class (120)", "with the smallest class (2)"]


def test_angle_with_a_class_by_number_and_within_a_size(ten):
    ax = plots.plot_angles(ten, references=3)  # one of two classes of 30 samples
    at = list(ax.lines[0].get_xdata()).index(30)
    gram = ten.class_gram
    expected = gram[3, 6] / np.sqrt(gram[3, 3] * gram[6, 6])
    assert ax.lines[0].get_ydata()[at] == pytest.approx(expected, rel=1e-12)
    assert labels_of(ax)[0] == "with class 3 (30)"


def test_spectrum_ends_at_the_rank(ten):
    ax = plots.plot_spectrum(ten)
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), ten.eigenvalues[:9])
    assert labels_of(ax) == ["rank 9 of 10 (1 zero)"]
    assert ax.lines[1].get_xdata()[0] == ten.rank == 9


def test_spectrum_of_a_million_classes_is_thinned_and_keeps_both_ends(million):
    line = plots.plot_spectrum(million).lines[0]
    values = million.eigenvalues
    assert len(line.get_xdata()) <= 2000
    assert line.get_xdata()[[0, -1]].tolist() == [1, million.rank]
    np.testing.assert_array_equal(line.get_ydata(), values[line.get_xdata() - 1])


def test_spectrum_of_too_many_sizes_is_refused_and_left_out_of_the_overview():
    sizes = np.arange(2, 6002)
    solution = solve_relaxation(UFM.from_pairs(sizes, np.full(6000, 200), Ridge(0.01)))
    with pytest.raises(ProblemTooLargeError, match=r"6,000 distinct class sizes.*up to 4,000"):
        plots.plot_spectrum(solution)
    figure = plots.plot_solution(solution)
    drawn(figure)
    texts = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert any("no spectrum beyond" in text for text in texts)


# ----------------------------------------------------------------- paths


@pytest.mark.parametrize("quantity", ["value", "rank", "gap"])
def test_path_draws_the_table(path, quantity):
    ax = plots.plot_path(path, quantity=quantity)
    table = path_table(path)
    expected = {
        "value": table["mean_value"],
        "gap": table["relative_gap"],
        "rank": np.array([s.rank for s in path]),
    }[quantity]
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), table["parameter"][::-1])
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), expected[::-1])
    assert ax.get_xscale() == "log"
    assert ax.get_xlabel() == "ridge λ"


def test_path_of_norms_names_three_classes(path):
    ax = plots.plot_path(path[::-1], quantity="norms")
    table = path_table(path)
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), table["norm_largest"][::-1])
    np.testing.assert_array_equal(ax.lines[2].get_ydata(), table["norm_smallest"][::-1])
    assert labels_of(ax) == ["largest class (120)", "median class (30)", "smallest class (2)"]


def test_path_along_the_temperature():
    path = regularization_path(UFM(TEN, Sphere(1.0)), temperatures=[0.5, 0.1])
    ax = plots.plot_path(path)
    assert ax.get_xlabel() == "temperature τ"
    assert ax.lines[0].get_xdata().tolist() == [0.1, 0.5]


def test_unproved_points_of_a_path_are_crosses_not_left_out():
    with pytest.warns(InaccurateWarning):
        solution = solve_relaxation(UFM(TEN, Ridge(0.1)), solver="SCS", max_iters=3, level="orbits")
    ax = plots.plot_path([solution], quantity="gap")
    assert solution.relative_gap > solution.tol
    assert ax.lines[0].get_ydata() == [solution.relative_gap]


@pytest.mark.parametrize("wrong", ["empty", "profiles", "controls", "both"])
def test_what_is_no_path_is_refused(ten, wrong):
    solutions = {
        "empty": [],
        "profiles": [ten, solved([5, 3], Ridge(0.1))],
        "controls": [ten, solved(TEN, Ball(0.1))],
        "both": [ten, solved(TEN, Ridge(0.2), 0.5)],
    }[wrong]
    with pytest.raises(InvalidInputError, match=r"a path|no path"):
        plots.plot_path(solutions)


# ----------------------------------------------------------------- embedding


@pytest.mark.parametrize("dim", [2, 3])
def test_embedding_shows_the_first_columns_of_the_embeddings(ten, dim):
    ax = plots.plot_embedding(ten, dim=dim)
    order = np.argsort(-np.array(TEN), kind="stable")
    expected = ten.embeddings().vectors[order, :dim]
    dots = ax.collections[0]
    shown = np.array(dots._offsets3d).T if dim == 3 else dots.get_offsets()
    distances = [np.sum((p[:, None] - p[None]) ** 2, axis=-1) for p in (expected, shown)]
    np.testing.assert_allclose(distances[1], distances[0], atol=1e-9)
    np.testing.assert_array_equal(dots.get_array(), np.array(TEN)[order])
    values = ten.eigenvalues
    assert f"{100 * values[0] / values.sum():.0f} %" in ax.get_xlabel()
    assert {text.get_text().strip() for text in ax.texts} <= set("0123456789")


def test_embedding_takes_the_dimension_of_the_axes_it_is_given(ten):
    ax = Figure().add_subplot(projection="3d")
    assert plots.plot_embedding(ten, ax) is ax
    with pytest.raises(InvalidInputError, match=r"needs flat axes and ax is 3-D"):
        plots.plot_embedding(ten, ax, dim=2)
    with pytest.raises(InvalidInputError, match="needs 3-D axes"):
        plots.plot_embedding(ten, Figure().add_subplot(), dim=3)


def test_embedding_of_a_million_classes_shows_one_of_each_size(million):
    ax = plots.plot_embedding(million)
    assert len(ax.collections[0].get_offsets()) == 4
    assert "one class of each of 4 sizes" in ax.get_title()


# ----------------------------------------------------------------- runs


def test_convergence_draws_relative_gaps_and_marks_those_that_are_no_more():
    runs = {"one": [12.0, 11.0, 10.5], "two": np.array([[0, 20, 9.0], [5, 10, 9.0], [6, 9.9, 9.0]])}
    ax = plots.plot_convergence(runs, lower=10.0, tol=1e-3)
    one, two, below, tolerance = ax.lines
    np.testing.assert_allclose(one.get_ydata(), [2 / 12, 1 / 11, 0.5 / 10.5])
    assert two.get_xdata().tolist() == [0, 5, 6]
    np.testing.assert_array_equal(two.get_ydata(), [0.5, np.nan, np.nan])
    assert below.get_xdata().tolist() == [5, 6]
    assert below.get_label() == "two: below 1e-20"
    assert tolerance.get_ydata()[0] == 1e-3
    assert ax.get_yscale() == "log"
    drawn(ax)


def test_convergence_of_a_single_run_without_a_bound():
    ax = plots.plot_convergence([100.0, 10.0, 1.0])
    assert ax.lines[0].get_ydata().tolist() == [100, 10, 1]
    assert ax.get_yscale() == "log"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("iteration", "objective")
    assert plots.plot_convergence([[3.0, -1.0], [2.0, 1.0, 0.5]]).lines[1].get_label() == "run 2"


def test_a_gap_that_is_not_finite_is_a_cross():
    ax = plots.plot_convergence([[11.0, np.inf]], lower=10.0)
    assert ax.lines[1].get_marker() == "x"
    assert ax.lines[1].get_label() == "run 1: no bound"


@pytest.mark.parametrize("runs", [{}, {"a": []}, {"a": "text"}, {"a": np.zeros((2, 2, 2))}])
def test_histories_that_are_none_are_refused(runs):
    with pytest.raises(InvalidInputError, match=r"histor|no runs"):
        plots.plot_convergence(runs)


def test_landscape_draws_every_run_and_medians():
    rows = [
        {"dim": d, "relative_gap": g, "seed": 0}
        for d, g in [(1, 0.3), (1, 0.1), (1, 0.2), (4, 0.0)]
    ]
    ax = plots.plot_landscape(rows, rank=3, tol=1e-9)
    runs, zero, median, smallest, rank, tolerance = ax.lines
    assert runs.get_ydata()[:3].tolist() == [0.3, 0.1, 0.2]
    assert zero.get_xdata().tolist() == [4]
    assert median.get_ydata()[0] == 0.2
    assert smallest.get_ydata()[0] == 0.1
    assert np.argsort(runs.get_xdata()[:3]).tolist() == [1, 2, 0]
    assert rank.get_xdata()[0] == 3
    assert tolerance.get_ydata()[0] == 1e-9
    assert ax.get_xlabel() == "embedding dimension d"


@pytest.mark.parametrize("rows", [[], [{"dim": 1}], [{"dim": "x", "relative_gap": 1.0}]])
def test_landscape_rows_without_numbers_are_refused(rows):
    with pytest.raises(InvalidInputError, match=r"no rows|under the key"):
        plots.plot_landscape(rows)


# ----------------------------------------------------------------- comparison


def test_comparison_shows_both_matrices_in_one_scale(ten):
    rng = np.random.default_rng(3)
    means = ten.embeddings().vectors + 0.3 * rng.standard_normal((10, 9))
    given = means @ means.T
    figure = plots.plot_comparison(given, ten.class_gram, TEN, kind="inner products")
    left, right, norms, cosines = figure.axes[:4]
    order = np.argsort(-np.array(TEN), kind="stable")
    off = ~np.eye(10, dtype=bool)
    for ax, gram in ((left, given), (right, ten.class_gram)):
        np.testing.assert_array_equal(image_of(ax)[off], gram[np.ix_(order, order)][off])
    assert left.images[0].get_clim() == right.images[0].get_clim()
    assert [left.get_title(), right.get_title()] == ["embeddings", "certified optimum"]
    np.testing.assert_allclose(norms.lines[0].get_ydata(), np.linalg.norm(means, axis=1)[order])
    unit = means / np.linalg.norm(means, axis=1, keepdims=True)
    expected = (unit @ unit.T)[order][:, order][np.triu_indices(10, 1)]
    np.testing.assert_allclose(cosines.lines[0].get_ydata(), expected, atol=1e-14)
    drawn(figure)


def test_comparison_of_many_classes_draws_densities_and_counts_every_pair(thousand):
    gram = thousand.class_gram
    figure = plots.plot_comparison(gram, gram, thousand.problem.class_sizes, max_classes=200)
    density = figure.axes[3].collections[0]
    assert density.get_array().sum() == 200 * 199 / 2
    assert image_of(figure.axes[0]).shape == (200, 200)
    assert figure.axes[0].get_xlabel() == "200 of 1,000 classes, evenly spaced"
    drawn(figure)


@pytest.mark.parametrize("gram", [np.eye(3), np.full((2, 2), np.nan), -np.eye(2), "text"])
def test_comparison_refuses_what_is_no_gram_matrix(gram):
    with pytest.raises(InvalidInputError, match="embedding_gram"):
        plots.plot_comparison(gram, np.eye(2), [3, 2])


# ----------------------------------------------------------------- whole figures


@pytest.mark.slow
@pytest.mark.parametrize("name", HARD)
def test_every_picture_of_hard_cases_renders_without_a_warning(name):
    solution = HARD[name]()
    drawn(plots.plot_solution(solution))
    drawn(plots.plot_embedding(solution, dim=3))
    drawn(plots.plot_gram(solution, kind="inner products"))
    drawn(plots.plot_path_overview([solution]))
    sizes = solution.problem.class_sizes
    drawn(plots.plot_comparison(solution.class_gram, solution.class_gram, sizes))


def test_minority_collapse_is_told_by_the_cosines():
    ax = plots.plot_gram(HARD["minority collapse"]())
    assert image_of(ax)[0, 1:] == pytest.approx([-1, -1])
    assert image_of(ax)[1, 2] == pytest.approx(1)


def test_the_zero_solution_has_no_cosines_and_says_so():
    solution = HARD["zero"]()
    assert np.isnan(image_of(plots.plot_gram(solution))).all()
    assert "every class mean is zero" in plots.plot_angles(solution).texts[0].get_text()


@pytest.mark.slow
def test_overview_of_a_thousand_and_a_million_classes(thousand, million):
    for solution in (thousand, million):
        figure = plots.plot_solution(solution)
        drawn(figure)
        assert "optimal" in figure.get_suptitle()
    assert "1 M classes of 1 to 1,000 samples, supcon, ridge λ = 0.01" in figure.get_suptitle()


def test_drawing_into_a_part_of_a_figure(ten, path):
    figure = Figure(layout="constrained", figsize=(16, 9))
    left, right = figure.subfigures(1, 2)
    assert plots.plot_solution(ten, left) is left
    assert plots.plot_path_overview(path, right) is right
    drawn(figure)


SINGLE = [
    plots.plot_gram,
    plots.plot_norms,
    plots.plot_angles,
    plots.plot_spectrum,
    plots.plot_embedding,
]


@pytest.mark.parametrize("draw", SINGLE)
def test_pictures_go_on_the_axes_given(draw, ten):
    ax = Figure().add_subplot()
    assert draw(ten, ax) is ax
    assert draw(ten) is not draw(ten)
    with pytest.raises(InvalidInputError, match="must be a matplotlib Axes or None, got str"):
        draw(ten, "here")


@pytest.mark.parametrize(
    ("draw", "options"),
    [
        (plots.plot_gram, {"kind": "angles"}),
        (plots.plot_gram, {"max_classes": 1}),
        (plots.plot_gram, {"max_classes": 2.5}),
        (plots.plot_angles, {"references": "middle"}),
        (plots.plot_angles, {"references": 10}),
        (plots.plot_embedding, {"dim": 4}),
    ],
)
def test_wrong_options_are_named(draw, options, ten):
    with pytest.raises(InvalidInputError, match=repr(next(iter(options.values())))):
        draw(ten, **options)


# ----------------------------------------------------------------- without matplotlib


@pytest.mark.parametrize("draw", [*SINGLE, plots.plot_solution])
def test_without_matplotlib_the_extra_is_named(draw, ten, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'screlax\[plot\]'") as caught:
        draw(ten)
    assert isinstance(caught.value, ImportError)


def test_importing_loads_no_matplotlib_and_drawing_and_saving_no_pyplot(tmp_path):
    code = (
        "import sys, screlax, screlax.cli; from screlax import plots; "
        "assert not [m for m in sys.modules if m.startswith('matplotlib')]; "
        "s = screlax.solve_relaxation([9, 3, 2], control=screlax.Ridge(0.1)); "
        f"plots.plot_solution(s).savefig({str(tmp_path / 'a.svg')!r}); "
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ----------------------------------------------------------------- command line


MAGIC = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


@pytest.mark.parametrize(
    ("command", "suffix"), [("solve", "png"), ("solve", "pdf"), ("path", "svg")]
)
def test_commands_write_pictures(command, suffix, capsys, tmp_path):
    target = tmp_path / f"picture.{suffix}"
    extra = ["--points", "3"] if command == "path" else []
    problem = ["--profile", "exponential:6,200,20", "--ridge", "0.1"]
    assert main([command, *problem, *extra, "--plot", str(target)]) == 0
    assert target.read_bytes().startswith(MAGIC[suffix])
    assert f"written      {target}" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("command", ["solve", "path"])
def test_commands_refuse_other_pictures_before_any_work(command, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(f"screlax.cli.{command}_command.progress", None)
    problem = [command, "--profile", "exponential:6,200,20", "--ridge", "0.1", "--plot"]
    assert main([*problem, str(tmp_path / "a.bmp")]) == 2
    assert "must end in .png or .svg or .pdf" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main([*problem, str(tmp_path / "a.png")]) == 2
    assert "pip install 'screlax[plot]'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------- labels and colours


MARKUP = ["$x$", "<b>bold</b>", "A&amp;B", r"\alpha_1", "two\nlines", "_under", "100 %", "{^}"]


def texts_of(figure) -> list:
    from matplotlib.text import Text

    return [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]


def test_labels_are_drawn_as_they_are_written():
    sizes = [9, 8, 7, 6, 5, 4, 3, 2]
    solution = solve_relaxation(UFM(sizes, Sphere(1.0), class_labels=MARKUP))
    shown = [label.replace("\n", r"\n") for label in MARKUP]
    for ax in (
        plots.plot_gram(solution),
        plots.plot_embedding(solution),
        plots.plot_embedding(solution, dim=3),
        plots.plot_convergence({label: [2.0, 1.0] for label in MARKUP}),
    ):
        drawn(ax.figure)
        texts = {text.get_text().strip(): text for text in texts_of(ax.figure)}
        assert "$x$" in texts
        for label in {*shown} & {*texts}:
            assert texts[label].get_parse_math() is False
            assert texts[label].get_usetex() is False
    ax = plots.plot_gram(solution)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == shown
    legend = plots.plot_convergence({label: [2.0, 1.0] for label in MARKUP}).get_legend()
    assert [text.get_text().strip() for text in legend.get_texts()] == shown


def test_a_missing_character_is_taken_from_another_font_or_escaped(monkeypatch):
    from screlax.plots import labels

    problem = UFM([4, 3, 2], Sphere(1.0), class_labels=["猫", "犬", "dog"])
    monkeypatch.setattr(labels, "_family_with", lambda character: None)
    ax = plots.plot_gram(solve_relaxation(problem))
    drawn(ax.figure)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == [r"\u732b", r"\u72ac", "dog"]
    monkeypatch.undo()
    only_stix = "\u24b6"  # matplotlib brings a font that has it, and its usual one does not
    problem = UFM([4, 3, 2], Sphere(1.0), class_labels=[only_stix, "a", "b"])
    ax = plots.plot_gram(solve_relaxation(problem))
    drawn(ax.figure)
    tick = ax.get_xticklabels()[0]
    assert tick.get_text() == only_stix
    assert tick.get_fontfamily()[0] == "sans-serif"
    assert len(tick.get_fontfamily()) == 2


def test_a_font_of_boxes_is_no_font_that_has_a_character():
    from screlax.plots.labels import _family_with

    assert _family_with("\U000e0fff") is None
    assert _family_with("ж") not in (None, "Last Resort")


def test_runs_whose_names_are_the_same_text_are_all_drawn():
    ax = plots.plot_convergence({1: [3.0, 1.0], "1": [2.0, 1.0]})
    assert [line.get_ydata()[0] for line in ax.lines] == [3.0, 2.0]


def test_negative_is_blue_positive_red_and_zero_white(ten):
    image = plots.plot_gram(ten).images[0]
    low, high = image.get_clim()
    for value, (red, green, blue) in ((low, (5, 48, 97)), (0.0, (255,) * 3), (high, (103, 0, 31))):
        found = image.to_rgba(np.array([[value]]), bytes=True)[0, 0, :3]
        np.testing.assert_allclose(found, (red, green, blue), atol=1)


def test_the_optimum_and_each_reference_have_one_colour(ten):
    from screlax.plots.colours import ROLES

    norms = plots.plot_comparison(ten.class_gram, ten.class_gram, TEN).axes[2]
    colours = {line.get_label(): line.get_color() for line in norms.lines}
    assert colours == {"embeddings": ROLES["network"], "certified optimum": ROLES["optimum"]}
    alone = plots.plot_angles(ten, references="nearest").lines[0]
    together = plots.plot_angles(ten).lines[2]
    assert alone.get_color() == together.get_color()

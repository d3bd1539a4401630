"""Phase diagrams and what a loss leaves open: the numbers drawn are those of tables and bounds."""

import matplotlib
import numpy as np
import pytest

import screlax
from screlax import plots
from screlax.errors import InvalidInputError

matplotlib.use("Agg")

IMBALANCES, TEMPERATURES = [1.0, 10.0, 40.0], [0.1, 1.0]


@pytest.fixture(scope="module")
def table():
    points = screlax.grid(
        "step:4,40",
        imbalance=IMBALANCES,
        sphere=1.0,
        temperature=TEMPERATURES,
        loss="class-averaged",
    )
    return screlax.sweep(points)


def mesh_of(ax):
    (mesh,) = [one for one in ax.collections if hasattr(one, "get_coordinates")]
    return mesh


def shown(ax):
    return np.ma.filled(mesh_of(ax).get_array().astype(float), np.nan)


def test_colours_are_the_angles_of_the_table(table):
    ax = plots.plot_phase(table)
    angle = {
        (row["imbalance"], row["temperature"]): np.degrees(
            np.arccos(min(1.0, row["cosine_smallest"]))
        )
        for row in table.rows
    }
    expected = [[angle[r, tau] for r in IMBALANCES] for tau in TEMPERATURES]
    np.testing.assert_allclose(shown(ax), expected, atol=1e-9)
    assert shown(ax)[0, 0] == pytest.approx(np.degrees(np.arccos(-1 / 3)))
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert ax.get_ylabel() == "temperature τ"
    ax.figure.draw_without_rendering()


def test_the_cell_of_a_place_is_around_it_and_cells_meet(table):
    corners = mesh_of(plots.plot_phase(table)).get_coordinates()
    across, up = corners[0, :, 0], corners[:, 0, 1]
    assert (across[:-1] < IMBALANCES).all()
    assert (across[1:] > IMBALANCES).all()
    assert across[1] == pytest.approx(np.sqrt(10))  # half-way on the axis
    assert up[1] == pytest.approx(np.sqrt(0.1))


def test_a_line_surrounds_the_collapse_and_nothing_else():
    rows = {"x": [1, 2, 3] * 2, "y": [1] * 3 + [2] * 3, "cosine_smallest": [0, 1, 1, 0, 0, 1]}
    ax = plots.plot_phase(rows, x="x", y="y")
    border = ax.collections[1]
    length = sum(np.ptp(np.asarray(piece), axis=0).sum() for piece in border.get_segments())
    assert length == 8  # around three unit cells in an L
    assert len(plots.plot_phase(rows, x="x", y="y", value="cosine_smallest").collections) == 1
    rows["cosine_smallest"] = [0.5] * 6
    assert len(plots.plot_phase(rows, x="x", y="y").collections) == 1


def test_points_without_a_number_are_grey():
    rows = {"x": [1, 2, 1], "y": [1, 1, 2], "v": [3.0, None, 5.0]}
    found = shown(plots.plot_phase(rows, x="x", y="y", value="v", limits=(0, 9)))
    np.testing.assert_array_equal(found, [[3, np.nan], [5, np.nan]])


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"value": "angle"}, "no column 'angle'; it has x, y, v"),
        ({"v": ["a", "b"]}, {}, "'v' is not of numbers"),
        ({"x": [1, 1]}, {}, "several rows are at x = 1, y = 1: choose rows"),
        ({"x": [None, None]}, {}, "no row with numbers for x and y"),
        ({"cosine_smallest": [2.0, 0.0]}, {"value": "angle_smallest"}, "not of cosines"),
        ({}, {"style": "wide"}, "style must be 'one-column'"),
    ],
)
def test_what_is_no_phase_diagram_is_refused(change, options, message):
    rows = {"x": [1, 2], "y": [1, 1], "v": [0.0, 1.0]} | change
    with pytest.raises(InvalidInputError, match=message):
        plots.plot_phase(rows, **{"x": "x", "y": "y", "value": "v"} | options)


@pytest.fixture(scope="module")
def path():
    problem = screlax.UFM([50, 20, 5], screlax.Sphere(1.0))
    return screlax.regularization_path(problem, temperatures=[1.0, 0.5, 0.2])


def test_distances_are_those_of_the_determinacy(path):
    ax = plots.plot_determinacy({"mine": path}, excess=1e-4)
    expected = [solution.determinacy().distance(1e-4) for solution in path[::-1]]
    curve = ax.lines[0]
    assert curve.get_xdata().tolist() == [0.2, 0.5, 1.0]
    assert curve.get_ydata().tolist() == expected
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "mine",
        "decided below 0.02",
    ]


def test_where_every_distance_is_allowed_there_is_a_cross(path):
    ax = plots.plot_determinacy(path, excess=1e9)
    assert np.isnan(ax.lines[0].get_ydata()).all()
    assert sorted(ax.lines[1].get_xdata()) == [0.2, 0.5, 1.0]
    assert "any distance" in [text.get_text() for text in ax.get_legend().get_texts()]


def test_paths_over_different_parameters_are_refused(path):
    other = screlax.regularization_path(
        screlax.UFM([50, 20, 5], screlax.Sphere(1.0)), strengths=[1.0, 2.0]
    )
    for wrong in ({"a": path, "b": other}, {}):
        with pytest.raises(InvalidInputError, match="over one parameter"):
            plots.plot_determinacy(wrong)
    with pytest.raises(InvalidInputError, match="excess"):
        plots.plot_determinacy(path, excess=0.0)


@pytest.mark.parametrize("limits", [(1, 0), (0, 0), (0, np.nan), (0, np.inf), "ab", 5, (1, 2, 3)])
def test_limits_are_two_numbers_in_order(table, limits):
    with pytest.raises(InvalidInputError, match="limits must be two finite numbers"):
        plots.plot_phase(table, limits=limits)


def test_one_solution_is_no_path():
    solution = screlax.solve_relaxation([4, 2], screlax.Sphere(1.0))
    for draw in (plots.plot_path, plots.plot_determinacy):
        with pytest.raises(InvalidInputError, match="a path is a non-empty sequence"):
            draw(solution)

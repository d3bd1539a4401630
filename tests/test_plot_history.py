"""Pictures of the history of a tracker."""

import math

import numpy as np
import pytest

import screlax
from screlax import plots
from screlax.errors import InvalidInputError

pytest.importorskip("matplotlib", reason="matplotlib is not installed")


def history(epochs=4, **extra):
    solution = screlax.solve_relaxation([9, 6, 3], screlax.Sphere(1.0))
    tracker = screlax.GeometryTracker(solution=solution)
    labels, rng = np.repeat([0, 1, 2], [9, 6, 3]), np.random.default_rng(0)
    best = solution.prototypes(4)[labels]
    for epoch in range(epochs):
        tracker.update(best + 10.0**-epoch * rng.standard_normal(best.shape), labels)
        tracker.end_epoch(loss=1.0 - 0.2 * epoch, **extra)
    return tracker.history


def test_curves_are_the_columns():
    rows = history()
    figure = plots.plot_history(rows)
    assert [len(ax.lines) for ax in figure.axes] == [3, 3, 3]
    for ax in figure.axes:
        for line in ax.lines:
            name = line.get_label().replace(" ", "_")
            np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3, 4])
            np.testing.assert_array_equal(line.get_ydata(), [row[name] for row in rows])
    assert figure.axes[0].get_yscale() == "log"


def test_chosen_columns_and_gaps():
    rows = history()
    rows[1] = {**rows[1], "loss": None}
    rows[2] = {**rows[2], "loss": math.inf}
    figure = plots.plot_history(rows, panels=[["loss"], ["rank", "effective_rank"]])
    drawn = figure.axes[0].lines[0].get_ydata()
    assert np.isfinite(drawn).tolist() == [True, False, False, True]
    assert figure.axes[0].get_yscale() == "linear"
    assert len(figure.axes[1].lines) == 2


def test_a_tracker_without_an_optimum_has_no_distance_from_it():
    tracker = screlax.GeometryTracker(classes=[0, 1])
    tracker.update(np.eye(4)[:, :3], [0, 0, 1, 1])
    tracker.end_epoch()
    labels = [line.get_label() for line in plots.plot_history(tracker.history).axes[1].lines]
    assert labels == ["uncentred simplex distance", "uncentred orthogonal distance"]


@pytest.mark.parametrize(
    ("rows", "panels", "message"),
    [
        ([], None, "has ended an epoch"),
        (3, None, "has ended an epoch"),
        ([1, 2], None, "has ended an epoch"),
        ([{"loss": 1.0}], None, "name panels"),
        ([{"loss": 1.0}], [["rate"]], "no column 'rate'; it has loss"),
        ([{"note": "warm"}], [["note"]], "'note' of the history is not of numbers"),
    ],
)
def test_what_cannot_be_drawn_is_refused(rows, panels, message):
    options = {} if panels is None else {"panels": panels}
    with pytest.raises(InvalidInputError, match=message):
        plots.plot_history(rows, **options)

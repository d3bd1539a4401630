"""Designs: derivatives against differences, geometries known to be reached or not, refusals."""

import json

import numpy as np
import pytest
from every_loss import LOSSES, SIZES, control_of, every_control, every_loss

import screlax
from screlax import UFM, Ball, Budget, Ridge, Sphere, design, plots, solve_relaxation
from screlax.cli import main
from screlax.errors import InvalidInputError
from screlax.geometry import gram_distance
from screlax.gram.cells import CellGram
from screlax.prescription.knobs import KNOBS
from screlax.prescription.target import target_of
from screlax.prescription.tune import Search

SPHERE = Sphere(1.0)
STEP = 1e-4
CONTROLS = [Ridge(0.2), SPHERE, Ball(1.5), Budget(1.2)]
TAIL = [50, 20, 20, 5]
WEIGHTED = "weighted:size=16,class_shares=[4,3,2,1]"

PROBLEMS = {
    **{control.name: UFM(TAIL, control, 0.4) for control in CONTROLS},
    "singletons": UFM([50, 20, 20, 1, 1], SPHERE, 0.4),
    "singletons, ridge": UFM([50, 20, 20, 1, 1], Ridge(0.2), 0.4),
    "merged": UFM([100, 3, 2], SPHERE, 2.0),
    "class-averaged": UFM(TAIL, SPHERE, 0.4, loss="class-averaged"),
    "weighed": UFM(TAIL, Ridge(0.2), 0.4, loss="supcon:class_weights=[1,3,2,0.5]"),
    "shuffled": UFM([30, 10, 10, 5], SPHERE, 0.4, batches="shuffle:size=16"),
    "averaged, shuffled": UFM(
        [30, 10, 5], SPHERE, 0.4, batches="shuffle:size=12", loss="class-averaged"
    ),
    "sampled": UFM([30, 20, 10, 5], Ridge(0.5), 0.4, batches=WEIGHTED),
}
CASES = [
    (name, knob)
    for name, problem in PROBLEMS.items()
    for knob in KNOBS
    if KNOBS[knob].why_not(problem) is None and (knob != "prototypes" or name not in ("merged",))
]


@pytest.mark.parametrize(("name", "knob"), CASES)
def test_derivatives_are_those_of_certified_optima(name, knob):
    turned = KNOBS[knob]
    target, problem = target_of("etf", turned.prepared(PROBLEMS[name]))
    solution = solve_relaxation(problem)
    slopes = turned.slopes(problem, solution.orbit_gram, target.flat)
    x = turned.at(problem)
    for number in range(len(x)):
        direction = (np.arange(len(x)) == number).astype(float)
        if knob == "prototypes":
            found = _by_a_prototype(problem, target, number)
            slope = slopes[:, number] / np.exp(x[number])
            tolerance = 0.2 * np.abs(slope).max() + 1e-9
        else:
            ends = [
                solve_relaxation(turned.turned(problem, x + step * direction)).orbit_gram
                for step in (STEP, -STEP)
            ]
            up, down = (target.flat(gram.own, gram.pair) for gram in ends)
            slope, found = slopes[:, number], (up - down) / (2 * STEP)
            tolerance = 2e-6 * max(1.0, np.abs(slopes).max())
        if np.isfinite(slope).all():  # classes of one sample have none by their first prototype
            np.testing.assert_allclose(slope, found, atol=tolerance)
        else:
            assert knob == "prototypes"
            assert problem.points.distinct[number] == 1


def _by_a_prototype(problem, target, orbit):
    """Return the change from one prototype more in the classes of an orbit."""
    count = np.asarray(problem.points) - np.asarray(problem.class_sizes)
    more = count + (problem.class_sizes.orbit_index() == orbit)
    grams = []
    for numbers in (more, count):
        loss = problem.loss.by_class(problem.class_sizes).with_options(per_class=numbers.tolist())
        found = UFM(np.asarray(problem.class_sizes), problem.control, 0.4, loss=loss)
        grams.append(solve_relaxation(found).orbit_gram)
    flat = [target.flat(gram.own, gram.pair) for gram in grams]
    return flat[0] - flat[1]


def test_the_residual_falls_as_its_slopes_say():
    """Taylor: what is left of the residual after its slope is of second order."""
    knobs = [KNOBS["class_weights"], KNOBS["temperature"]]
    target, problem = target_of("etf", UFM([60, 30, 20, 10], SPHERE, 0.3))
    search = Search(knobs, problem, target)
    x, direction = search.at(problem), np.array([0.7, -0.4, 0.2, 0.5, 0.6])
    solution = solve_relaxation(problem)
    residual = target.residual(solution.orbit_gram)
    slope = search._slopes(solution) @ direction
    left = []
    for step in (1e-1, 1e-2, 1e-3):
        moved = solve_relaxation(search._turned(x + step * direction))
        left.append(np.linalg.norm(target.residual(moved.orbit_gram) - residual - step * slope))
    order = np.diff(np.log10(left))
    np.testing.assert_allclose(order, -2, atol=0.1)


def test_distances_are_those_between_class_gram_matrices():
    rows = np.random.default_rng(0).standard_normal((5, 3))
    wanted = rows @ rows.T
    target, problem = target_of(wanted, UFM([50, 20, 20, 5, 20], SPHERE, 0.2))
    solution = solve_relaxation(problem)
    assert problem.class_sizes.orbits == 5  # the target tells classes of 20 samples apart
    expected = gram_distance(solution.class_gram, wanted)
    assert target.distance(solution.orbit_gram) == pytest.approx(expected, rel=1e-12)
    named, problem = target_of("etf", UFM([50, 20, 20, 5, 20], SPHERE, 0.2))
    solution = solve_relaxation(problem)
    expected = gram_distance(solution.class_gram, np.eye(5) - 0.2)
    assert named.distance(solution.orbit_gram) == pytest.approx(expected, rel=1e-12)


def test_a_target_by_class_size_is_the_same_as_by_class():
    gram = solve_relaxation([50, 20, 20, 5], control=SPHERE, temperature=1.0)
    by_size = target_of(gram.orbit_gram.dense(), UFM(TAIL, SPHERE, 0.1))[0]
    by_class, problem = target_of(gram.class_gram, UFM(TAIL, SPHERE, 0.1))
    assert problem.class_sizes.orbits == 3
    other = solve_relaxation(problem).orbit_gram
    assert by_size.distance(other) == pytest.approx(by_class.distance(other), rel=1e-12)


# What reaches a simplex ETF, exactly


@pytest.mark.parametrize("tau", [0.1, 0.5])
def test_averaged_denominators_reach_an_etf_by_their_weights(tau):
    found = design([100, 50, 10, 2], SPHERE, tau, loss="class-averaged", knobs="class_weights")
    assert found.distance_before > 0.1
    assert found.distance < 1e-8
    mass = np.array(found.settings["class_weights"]) * [100, 50, 10, 2]
    np.testing.assert_allclose(mass / mass.mean(), 1.0, atol=1e-5)


def weights_that_reach(sizes, tau):
    """Return α with a_c n_c'/Z_c + a_c' n_c/Z_c' the same for all pairs of three classes."""
    first, second, third = (1 / np.asarray(sizes, dtype=float)).tolist()
    ratio = np.array([
        first * (second + third) - second * third,
        second * (first + third) - first * third,
        third * (first + second) - first * second,
    ])  # fmt: skip
    sizes = np.asarray(sizes, dtype=float)
    denominator = (sizes - 1) * np.exp(1.5 / tau) + sizes.sum() - sizes
    weights = ratio * denominator
    return weights * sizes.sum() / (weights @ sizes)


@pytest.mark.parametrize("sizes", [[50, 40, 20], [50, 30, 25], [9, 8, 7]])
def test_weights_reach_an_etf_of_three_classes_in_a_triangle(sizes):
    found = design(sizes, SPHERE, 0.3, knobs="class_weights")
    assert found.distance < 1e-8
    expected = weights_that_reach(sizes, 0.3)
    np.testing.assert_allclose(found.settings["class_weights"], expected, rtol=1e-5)


@pytest.mark.parametrize("sizes", [[30, 20, 20, 20], [30, 20, 20, 20, 20, 20], [5, 20, 20, 20]])
def test_weights_reach_an_etf_where_one_class_is_odd(sizes):
    assert design(sizes, SPHERE, 0.3, knobs="class_weights").distance < 1e-8


@pytest.mark.parametrize(
    "sizes", [[50, 20, 10], [50, 20, 20, 20], [40, 30, 20, 20], [30, 30, 20, 20], [40, 35, 30, 25]]
)
def test_weights_alone_do_not_reach_an_etf_of_others(sizes):
    found = design(sizes, SPHERE, 0.3, knobs="class_weights")
    assert 1e-3 < found.distance < found.distance_before
    assert not found.is_reached or found.distance > 1e-4


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_prototypes_reach_an_etf_where_they_fill_classes_up(control):
    found = design([50, 20, 5, 1], control, 0.3, knobs="prototypes")
    assert found.distance < 1e-12
    assert found.settings["per_class"] == [0, 30, 45, 49]
    assert found.solution.status == "optimal"


def test_enough_prototypes_are_enough_and_one_fewer_is_not():
    found = design([50, 20, 5], SPHERE, 0.2, knobs="prototypes", tolerance=0.003)
    target, problem = target_of("etf", UFM([50, 20, 5], SPHERE, 0.2))
    distances = [
        target.distance(
            solve_relaxation(UFM(problem.class_sizes, SPHERE, 0.2, loss=loss)).orbit_gram
        )
        for count in (0, -1)
        for loss in [screlax.losses.Prototypes(found.enough_prototypes + count)]
    ]
    assert distances[0] <= 0.003 < distances[1]


def test_the_same_prototypes_for_all_reach_an_etf_in_the_limit_like_one_over_their_number():
    target, problem = target_of("etf", UFM([50, 20, 5, 2], SPHERE, 0.2))
    scaled = [
        count
        * target.distance(
            solve_relaxation(
                UFM(problem.class_sizes, SPHERE, 0.2, loss=screlax.losses.Prototypes(count))
            ).orbit_gram
        )
        for count in (10**4, 10**5, 10**6)
    ]
    assert scaled[1] == pytest.approx(scaled[2], rel=1e-3)
    assert scaled[0] == pytest.approx(scaled[2], rel=1e-2)


def test_shares_of_a_weighted_sampler_reach_an_etf_where_they_are_alike():
    sizes, batches = [40, 20, 10, 5], "weighted:size=16,class_shares=[40,20,10,5]"
    found = design(sizes, SPHERE, 0.3, knobs="class_shares", batches=batches)
    assert found.distance_before > 0.05
    assert found.distance < 1e-8
    np.testing.assert_allclose(found.settings["class_shares"], 1.0, atol=1e-5)


# Designs that undo what made the target


def test_the_temperature_of_a_target_is_found():
    wanted = solve_relaxation(TAIL, control=SPHERE, temperature=0.37).class_gram
    found = design(TAIL, SPHERE, 0.1, wanted, knobs="temperature")
    assert found.distance < 1e-8
    assert found.problem.temperature == pytest.approx(0.37, rel=1e-6)
    assert not found.steps[0].at_limit


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_the_weights_of_a_target_are_found(control):
    sizes, weights = np.array([30, 20, 20, 5]), np.array([0.5, 2.0, 1.0, 3.0])
    loss = screlax.losses.SupCon(class_weights=weights * sizes.sum() / (weights @ sizes))
    wanted = solve_relaxation(sizes, control=control, temperature=0.4, loss=loss)
    assert wanted.class_gram[1, 0] != wanted.class_gram[2, 0]
    found = design(sizes, control, 0.4, wanted.class_gram, knobs="class_weights")
    assert found.distance < 1e-7
    expected = weights * sizes.sum() / (weights @ sizes)
    np.testing.assert_allclose(found.settings["class_weights"], expected, rtol=1e-4)


def test_the_numbers_of_prototypes_of_a_target_are_found():
    loss = screlax.losses.Prototypes([0, 7, 40, 11])
    wanted = solve_relaxation([50, 20, 9, 5], control=SPHERE, temperature=0.3, loss=loss)
    found = design([50, 20, 9, 5], SPHERE, 0.3, wanted.class_gram, knobs="prototypes")
    assert found.settings["per_class"] == [0, 7, 40, 11]
    assert found.distance < 1e-9


def test_all_knobs_together_are_no_worse_than_each():
    rows = np.random.default_rng(3).standard_normal((4, 3))
    found = design([50, 20, 9, 5], SPHERE, 0.3, rows @ rows.T)
    assert found.steps[-1].knobs == ("class_weights", "prototypes", "temperature", "loss")
    assert found.distance <= min(step.distance for step in found.steps)
    assert found.distance < 0.95 * min(step.distance for step in found.steps[:-1])
    assert found.solution.status == "optimal"


def test_numbers_are_the_same_where_size_and_target_are():
    found = design(TAIL, SPHERE, 0.3, knobs="class_weights")
    weights = found.settings["class_weights"]
    assert weights[1] == weights[2]
    assert found.problem.class_sizes.orbits == 3
    assert np.array(weights) @ TAIL == pytest.approx(sum(TAIL))


# Choices


def test_losses_that_reach_an_etf_are_listed():
    found = design([100, 50, 10, 2], SPHERE, 0.1, knobs="loss")
    reached = [one.text for one in found.alternatives if one.distance < 1e-9]
    assert reached == ["class-averaged:class_weights=balanced"]
    assert found.distance < 1e-9
    assert str(found.problem.loss) == reached[0]


def test_a_loss_without_a_minimum_is_listed_with_the_reason():
    found = design([50, 20, 5], Ridge(0.01), knobs="loss")
    refused = [one for one in found.alternatives if one.distance is None]
    assert {one.text.partition(":")[0] for one in refused} == {"negatives-only"}
    assert "falls without end" in refused[0].reason
    assert refused[0].reason in str(found)


def test_losses_in_batches_are_compared():
    found = design([30, 20, 10], SPHERE, 0.3, knobs="loss", batches="shuffle:size=12")
    distances = {one.text: one.distance for one in found.alternatives}
    assert {"supcon", "class-averaged", "class-averaged:class_weights=balanced"} <= set(distances)
    assert distances["supcon"] == pytest.approx(found.distance_before, rel=1e-9)
    assert found.distance == min(distances.values())
    assert all(str(one.solution.problem.batches) == "shuffle:size=12" for one in found.alternatives)


def test_samplers_that_draw_classes_alike_reach_an_etf():
    found = design([30, 20, 10, 5], SPHERE, 0.3, knobs="sampler", batches="shuffle:size=12")
    distances = {one.text.partition(":")[0]: one.distance for one in found.alternatives}
    assert distances["weighted"] < 1e-9
    assert distances["classes"] < 1e-9
    assert distances["shuffle"] == pytest.approx(found.distance_before, rel=1e-9)


def test_batch_sizes_are_compared():
    found = design([30, 10, 5], SPHERE, 0.3, knobs="batch_size", batches="shuffle:size=12")
    assert [one.text for one in found.alternatives] == ["8", "16", "32"]
    nearest = min(one.distance for one in found.alternatives)
    assert found.distance == pytest.approx(min(nearest, found.distance_before))


# Refusals


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (np.eye(3), r"shape \(4, 4\), got \(3, 3\)"),
        (np.zeros((4, 4)), "zero"),
        (np.eye(4) + np.eye(4, k=1), "not symmetric: 1 at"),
        (np.eye(4) - 2, "not positive semidefinite"),
        (np.full((4, 4), np.nan), "NaN"),
        (np.eye(4) * 1j, "complex"),
        ("simplex", "no target"),
        (CellGram(np.ones(2), np.eye(2)), r"shapes \(3,\)"),
        (CellGram(-np.ones(3), -np.eye(3)), "not positive semidefinite"),
    ],
)
def test_a_target_that_is_no_gram_matrix_is_refused(target, message):
    with pytest.raises(InvalidInputError, match=message):
        design(TAIL, SPHERE, 0.1, target)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"knobs": "weights"}, "a knob must be one of"),
        ({"knobs": []}, "no knobs"),
        ({"knobs": ["temperature", "temperature"]}, "twice"),
        ({"knobs": "class_shares"}, "weighted sampler"),
        ({"knobs": "sampler"}, "mini-batches"),
        ({"knobs": "prototypes", "loss": "class-averaged"}, "prototypes go with"),
        ({"knobs": "prototypes", "loss": "supcon:views=2"}, "prototypes go with"),
        ({"loss": "supcon:class_weights=[1,0,1,1]", "knobs": "class_weights"}, "weight zero"),
        ({"loss": "soft-targets:epsilon=0.1"}, "need not coincide"),
        ({"features": "nonnegative"}, "orthogonal frame whatever"),
        ({"temperatures": (1.0, 0.1)}, "in order"),
        ({"temperatures": 0.1}, "smallest and the largest"),
        ({"tolerance": 0}, "tolerance"),
    ],
)
def test_what_cannot_be_designed_is_refused(options, message):
    with pytest.raises(InvalidInputError, match=message):
        design(TAIL, SPHERE, 0.1, **options)


def test_an_optimum_without_derivatives_ends_the_search_and_says_so():
    found = design([50, 20, 5], Ridge(100.0), knobs="class_weights")
    assert found.distance == 1.0
    assert "zero" in found.steps[0].stopped
    assert "class_weights stopped: the optimum is zero" in str(found)


# Text, files, pictures, command line


@pytest.mark.parametrize("batches", [None, "weighted:size=16"])
def test_the_text_of_a_design_makes_the_same_problem(batches):
    sizes, made = [30, 20, 10], batches and f"{batches},class_shares=[3,2,1]"
    tau = 0.3 if batches else 0.5
    wanted = solve_relaxation(UFM(sizes, SPHERE, tau, batches=made)).class_gram
    knobs = "class_shares" if batches else None
    found = design(sizes, SPHERE, 0.3, wanted, knobs, batches=batches)
    assert found.distance < 1e-7
    again = UFM(sizes, SPHERE, found.problem.temperature, loss=found.loss_text)
    assert solve_relaxation(again).value == pytest.approx(found.solution.value, rel=1e-10)


def test_the_table_says_what_a_loss_leaves_open():
    """A low temperature is near an ETF and determines nothing."""
    found = design(TAIL, SPHERE, 0.1, knobs="temperature", temperatures=(0.03, 0.2))
    assert found.steps[0].at_limit == ("temperature",)
    assert found.distance < found.distance_before / 2
    assert found.steps[0].left_open == found.solution.determinacy().distance(1e-6)
    assert found.steps[0].left_open > found.before.determinacy().distance(1e-6)


def test_derivatives_by_temperature_where_there_is_no_dense_system(monkeypatch):
    monkeypatch.setattr("screlax.analysis.differentiate._MOST_DENSE", 2)
    problem = UFM([30, 10, 5], SPHERE, 0.4, batches="shuffle:size=12")
    wanted = solve_relaxation(UFM([30, 10, 5], SPHERE, 0.3, batches="shuffle:size=12"))
    found = design(problem.class_sizes, SPHERE, 0.4, wanted.class_gram,
                   knobs=["temperature", "class_weights"], loss=problem.loss)  # fmt: skip
    assert found.problem.temperature == pytest.approx(0.3, rel=1e-5)
    assert "at most 2 distinct sizes" in found.steps[1].stopped


def test_the_table_and_the_picture_say_what_was_bought():
    found = design({"cat": 50, "dog": 20, "fox": 5}, SPHERE, 0.1, knobs=["prototypes"])
    assert "prototypes         0    0 %" in str(found)
    assert found.settings["per_class"] == {"cat": 0, "dog": 30, "fox": 45}
    assert str(found).splitlines()[-1].split() == ["fox", "5", "45"]
    figure = plots.plot_design(found)
    assert [axes.get_title() for axes in figure.axes[1:3]] == ["designed, 0", "simplex ETF"]
    shown = figure.axes[1].images[0].get_array()
    assert shown[0, 1] == pytest.approx(-0.5)


def test_the_command_line_designs_and_saves(tmp_path, capsys):
    counts = tmp_path / "counts.csv"
    counts.write_text("50\n40\n20\n")
    out, picture = tmp_path / "best.npz", tmp_path / "best.png"
    command = ["design", "--counts", str(counts), "--sphere", "1", "--temperature", "0.3"]
    files = ["--out", str(out), "--plot", str(picture)]
    assert main([*command, "--knob", "class_weights", "--json", *files]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["distance"] < 1e-8
    assert record["is_reached"]
    assert record["steps"][0]["class_weights"] == pytest.approx(
        weights_that_reach([50, 40, 20], 0.3).tolist(), rel=1e-5
    )
    assert picture.stat().st_size > 0
    saved = screlax.Solution.load(out)
    assert saved.class_gram[0, 1] == pytest.approx(-0.5, abs=1e-8)
    assert main([*command, "--loss", record["loss_text"], "--knob", "temperature"]) == 0
    assert "distance" in capsys.readouterr().out


def test_the_command_line_takes_a_gram_matrix(tmp_path, capsys):
    counts, target = tmp_path / "counts.csv", tmp_path / "target.npy"
    counts.write_text("50\n20\n5\n")
    wanted = solve_relaxation([50, 20, 5], control=SPHERE, temperature=0.3).class_gram
    np.save(target, wanted)
    command = ["design", "--counts", str(counts), "--sphere", "1", "--target", str(target)]
    options = ["--knob", "temperature", "--temperatures", "0.1,2", "--json"]
    assert main([*command, *options]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["steps"][0]["temperature"] == pytest.approx(0.3, rel=1e-6)
    assert main([*command, "--knob", "sampler"]) == 2
    assert "mini-batches" in capsys.readouterr().err


# Every loss and every sampler


ASKED = {
    "ridge": "class_weights",
    "ball": "temperature",
    "sphere": ["class_weights", "temperature"],
    "budget": "class_weights",
}
"""What is turned under each control; together, each alone is turned first."""


@every_control
@every_loss
def test_every_loss_is_designed_or_refused_with_the_reason(name, kind):
    loss, control = LOSSES[name], control_of(name, kind)
    asked = "temperature" if "supervised" in name else ASKED[kind]
    try:
        found = design(SIZES, control, 0.7, knobs=asked, loss=loss)
    except InvalidInputError as error:
        assert "need not coincide" in str(error) or "no class weights" in str(error)  # noqa: PT017
        assert not loss.collapses or "supervised" in name
        return
    assert loss.collapses
    assert found.solution.status == "optimal"
    assert found.distance <= found.distance_before + 1e-12
    flat = gram_distance(found.solution.class_gram, np.eye(4) - 0.25)
    assert found.distance == pytest.approx(flat, abs=1e-12)


@pytest.mark.parametrize(
    ("batches", "knobs"),
    [
        ("shuffle:size=6", "temperature"),
        ("weighted:size=6", "class_weights"),
        ("classes:classes=3,samples=2", ["class_weights", "temperature"]),
        ("poisson:rate=0.4", "temperature"),
    ],
)
def test_every_sampler_is_designed(batches, knobs):
    found = design(SIZES, SPHERE, 0.7, knobs=knobs, batches=batches)
    assert found.solution.status == "optimal"
    assert found.distance <= found.distance_before + 1e-12


def test_batches_that_are_drawn_once_are_refused():
    batches = screlax.batches.FixedBatches([[0, 1, 8, 9], [2, 3, 12, 13], [4, 5, 14, 15]])
    with pytest.raises(InvalidInputError, match="not decided by the loss"):
        design(SIZES, SPHERE, 0.7, batches=batches)

"""Losses side by side: known distances from the balanced geometry, and no loss left out."""

import json
import math

import numpy as np
import pytest

import screlax
import screlax.batches
from screlax import plots
from screlax.cli import main
from screlax.geometry import cosines_of, gram_distance
from screlax.losses import ClassAveraged, SupCon
from screlax.plots.colours import curve
from screlax.solution.frame import classes_sharing_direction, distance_to_frame

TAIL = [100, 50, 10, 2]
KNOWN = {  # mathematics, section 6: sphere, distance from the simplex ETF by temperature
    "class-averaged:anchors=classes": {0.1: 0.0, 0.5: 0.0},
    "class-averaged": {0.1: 0.110402, 0.5: 0.449343},
    "negatives-only": {0.1: 0.484009, 0.5: 0.843259},
}


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_distances_from_the_balanced_geometry_are_the_known_ones(temperature):
    found = screlax.compare_losses(TAIL, screlax.Sphere(1.0), temperature, list(KNOWN))
    assert found.all_optimal
    for row in found.rows:
        assert row["etf_distance"] == pytest.approx(KNOWN[row["loss"]][temperature], abs=1e-6)


@pytest.mark.parametrize("sizes", [TAIL, [50] * 4 + [5] * 6, [500, 2, 2, 2], [9, 7]])
@pytest.mark.parametrize("control", [screlax.Ridge(0.05), screlax.Sphere(1.0)])
@pytest.mark.parametrize("loss", ["supcon", "supcon:class_weights=balanced", "class-averaged"])
def test_what_is_taken_from_orbits_is_that_of_the_matrix_of_all_classes(sizes, control, loss):
    solution = screlax.solve_relaxation(sizes, control, temperature=0.5, loss=loss)
    gram, k, copies = solution.class_gram, len(sizes), solution.problem.points.multiplicities
    frame = gram_distance(gram, np.eye(k) - 1 / k)
    assert distance_to_frame(solution.orbit_gram, copies) == pytest.approx(frame, abs=1e-12)
    cosines = cosines_of(gram)
    np.fill_diagonal(cosines, 0.0)
    shared = int((cosines > 1 - 1e-6).any(axis=1).sum())
    assert classes_sharing_direction(solution.orbit_gram, copies) == shared


def test_minorities_that_collapse_are_counted_and_have_cosine_one():
    """Sizes 1000, 2, 2 on a sphere: by the closed-form boundary, collapsed for τ = 1."""
    (row,) = screlax.compare_losses([1000, 2, 2], screlax.Sphere(1.0), losses="supcon").rows
    assert row["same_direction"] == 2
    assert row["cosine_smallest"] == pytest.approx(1.0, abs=1e-9)


def test_a_zero_solution_has_no_direction_and_no_distance():
    (row,) = screlax.compare_losses([50, 20, 5], screlax.Ridge(9.0), losses="supcon").rows
    assert row["status"] == "optimal"
    assert row["same_direction"] == 0
    assert math.isnan(row["etf_distance"])


def test_a_loss_that_is_refused_is_a_row_with_the_reason():
    losses = ["supcon:views=2", "supcon"]
    found = screlax.compare_losses([1, 1, 1], screlax.Sphere(1.0), losses=losses)
    assert [row["status"] for row in found.rows] == ["optimal", "refused"]
    assert "singletons" in found.rows[1]["reason"]
    assert found.rows[1]["value"] is None
    assert found.solutions[1] is None
    assert found.all_optimal
    refused = screlax.compare_losses([1, 1, 1], screlax.Sphere(1.0), losses=["supcon"])
    assert not refused.all_optimal


def test_numbers_are_those_of_each_loss_alone():
    losses = [SupCon(class_weights=[1, 2, 3]), ClassAveraged("classes"), SupCon(views=2)]
    found = screlax.compare_losses([50, 20, 5], screlax.Ridge(0.1), 0.5, losses)
    for row, solution, loss in zip(found.rows, found.solutions, losses, strict=True):
        alone = screlax.solve_relaxation(
            [50, 20, 5], screlax.Ridge(0.1), temperature=0.5, loss=loss
        )
        assert row["loss"] == str(loss)
        assert row["value"] == solution.value == alone.value
        assert row["anchors"] == alone.problem.anchors
        assert row["embeddings"] == alone.problem.points.samples
        norms = np.sqrt(np.diagonal(alone.class_gram))
        assert row["norm_largest"] == pytest.approx(norms[0], rel=1e-12)
        assert row["norm_smallest"] == pytest.approx(norms[2], rel=1e-12)


def test_imbalance_makes_a_row_for_each_factor_and_loss():
    found = screlax.compare_losses(
        "step:4,500", screlax.Sphere(1.0), 0.5, ["supcon", "class-averaged"], imbalance=[1, 10]
    )
    assert [(row["imbalance"], row["loss"]) for row in found.rows] == [
        (1.0, "supcon"),
        (1.0, "class-averaged"),
        (10.0, "supcon"),
        (10.0, "class-averaged"),
    ]
    assert [row["imbalance"] for row in found.of("supcon")] == [1.0, 10.0]
    assert all(row["etf_distance"] < 1e-9 for row in found.rows[:2])  # balanced
    assert all(row["etf_distance"] > 0.01 for row in found.rows[2:])


def test_by_default_every_loss_that_needs_no_options_is_there():
    losses = screlax.compare_losses([20, 5], screlax.Sphere(1.0)).losses
    assert losses[0] == "supcon"
    assert {"supcon:class_weights=balanced", "class-averaged", "negatives-only"} <= set(losses)


def test_weights_by_label_go_by_label():
    sizes = {"cat": 50, "dog": 20, "fox": 5}
    weights = {"fox": 4.0, "cat": 0.5, "dog": 1.0}
    loss = SupCon(class_weights=weights)
    (row,) = screlax.compare_losses(sizes, screlax.Sphere(1.0), losses=loss).rows
    listed = SupCon(class_weights=[0.5, 1.0, 4.0])
    (same,) = screlax.compare_losses([50, 20, 5], screlax.Sphere(1.0), losses=[listed]).rows
    assert row["value"] == same["value"]


@pytest.mark.parametrize(
    ("arguments", "options", "reason"),
    [
        ((TAIL, screlax.Sphere(1.0)), {"imbalance": 10}, "imbalance 10 is of a named profile"),
        ((TAIL, screlax.Sphere(1.0)), {"losses": ["supcon", "supcon"]}, "is there twice"),
        ((TAIL, screlax.Sphere(1.0)), {"losses": []}, "losses are empty"),
        ((TAIL, screlax.Sphere(1.0)), {"losses": "nosuch"}, "there is no loss 'nosuch'"),
        ((TAIL, 1.0), {}, "control"),
        (([5, 0], screlax.Sphere(1.0)), {}, "positive whole numbers"),
        (("nosuch", screlax.Sphere(1.0)), {}, "nosuch"),
        ((TAIL, screlax.Sphere(1.0), -1.0), {}, "temperature"),
        ((TAIL, screlax.Sphere(1.0)), {"features": "complex"}, "features must be"),
        ((TAIL, screlax.Sphere(1.0)), {"tol": 0}, "tol"),
    ],
)
def test_what_no_loss_could_be_compared_on_is_refused_at_once(arguments, options, reason):
    with pytest.raises(screlax.ScrelaxError, match=reason):
        screlax.compare_losses(*arguments, **options)


def test_tables_are_columns_text_and_files(tmp_path):
    found = screlax.compare_losses(TAIL, screlax.Sphere(1.0), 0.1, ["supcon", "negatives-only"])
    columns = found.to_dict()
    assert columns["loss"] == ["supcon", "negatives-only"]
    assert {len(column) for column in columns.values()} == {2}
    lines = found.write(tmp_path / "losses.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0].split(",") == list(columns)
    assert float(lines[1].split(",")[lines[0].split(",").index("value")]) == columns["value"][0]
    common, _, first, *_ = found.table().splitlines()
    assert common == "sphere 1, temperature 0.1, real features"
    assert first.split()[0] == "supcon"


def test_a_picture_names_every_loss_and_what_was_refused():
    losses = ["supcon", "supcon:views=2"]
    bars = plots.plot_losses(screlax.compare_losses([1, 1, 1], screlax.Sphere(1.0), losses=losses))
    names = [label.get_text() for label in bars.axes[0].get_yticklabels()]
    assert names == ["supcon (refused)", "supcon:views=2"]
    over = screlax.compare_losses(
        "step:4,500", screlax.Sphere(1.0), losses=losses, imbalance=[1, 10, 100]
    )
    figure = plots.plot_losses(over)
    assert [line.get_label() for line in figure.axes[3].lines] == losses
    distances = [row["etf_distance"] for row in over.of("supcon")]
    assert list(figure.axes[3].lines[0].get_ydata()) == distances
    assert "sphere 1, temperature 1, real features" in figure.get_suptitle()
    with pytest.raises(screlax.ScrelaxError, match="plot_losses draws"):
        plots.plot_losses(over.rows)


def test_the_command_prints_the_table_and_its_exit_code_is_the_certificates(tmp_path, capsys):
    out = tmp_path / "losses.csv"
    arguments = ["losses", "--profile", "step:4,500", "--imbalance", "1,10", "--sphere", "1"]
    losses = ["--loss", "supcon", "--loss", "class-averaged:anchors=classes"]
    assert main([*arguments, *losses, "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert said.count("class-averaged:anchors=classes") == 2
    assert str(out) in said
    assert main([*arguments, *losses, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["counts"] == {"optimal": 4}
    assert record["columns"]["imbalance"] == [1.0, 1.0, 10.0, 10.0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("counts.csv", "cat,50\ndog,20\nfox,5\n"),
        ("labels.txt", "cat\n" * 50 + "dog\n" * 20 + "fox\n" * 5),
        ("pairs.csv", "50,1\n20,1\n5,1\n"),
    ],
)
def test_the_command_takes_every_source_of_class_sizes(tmp_path, capsys, name, text):
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    source = f"--{file.stem}"
    assert main(["losses", source, str(file), "--sphere", "1", "--loss", "supcon", "--json"]) == 0
    (value,) = json.loads(capsys.readouterr().out)["columns"]["value"]
    assert value == screlax.solve_relaxation([50, 20, 5], screlax.Sphere(1.0)).value
    assert main(["losses", source, str(file), "--sphere", "1", "--imbalance", "10"]) == 2


def test_all_refused_is_not_certified(tmp_path, capsys):
    file = tmp_path / "counts.csv"
    file.write_text("1\n1\n", encoding="utf-8")
    assert main(["losses", "--counts", str(file), "--sphere", "1", "--loss", "supcon"]) == 1
    assert "supcon refused: " in capsys.readouterr().out


def test_a_refusal_is_one_clause_in_the_table_and_whole_in_its_column():
    ridge = screlax.Ridge(0.01)
    found = screlax.compare_losses([9, 5, 3], ridge, batches="shuffle:size=8")
    refused = [row for row in found.rows if row["status"] == "refused"]
    assert len(refused) >= 3
    below = found.table().splitlines()[-len(refused) :]
    for row, line in zip(refused, below, strict=True):
        begin, clause = line.split(" refused: ")
        assert begin == row["loss"]
        assert row["reason"].startswith(clause)
        assert 20 < len(clause) < min(100 + len(begin), len(row["reason"]))
        assert ";" not in clause


def test_a_single_class_has_no_cosines_and_no_frame():
    found = screlax.compare_losses([10], screlax.Sphere(1.0), losses=["supcon", "self-supervised"])
    assert [row["status"] for row in found.rows] == ["refused", "optimal"]
    assert found.rows[1]["cosine_extremes"] is None
    assert math.isnan(found.rows[1]["etf_distance"])
    assert found.rows[1]["within_class_variability"] == pytest.approx(1.0)


def test_curves_of_many_losses_are_told_apart():
    assert len({tuple(curve(number).values()) for number in range(28)}) == 28


# ------------------------------------------------------------------------------------- batches


def test_every_loss_whole_and_in_batches_side_by_side():
    samplers = ["shuffle:size=16", screlax.batches.PoissonBatches(0.2)]
    found = screlax.compare_losses(
        [60, 30, 10, 4], screlax.Sphere(1.0), 0.1, ["supcon", "self-supervised"], batches=samplers
    )
    shown = [(row["loss"], row["batches"], row["status"]) for row in found.rows]
    assert shown == [
        ("supcon", None, "optimal"),
        ("supcon in shuffle:size=16", "shuffle:size=16", "optimal"),
        ("supcon in poisson:rate=0.2", "poisson:rate=0.2", "optimal"),
        ("self-supervised", None, "optimal"),
        ("self-supervised in shuffle:size=16", "shuffle:size=16", "refused"),
        ("self-supervised in poisson:rate=0.2", "poisson:rate=0.2", "refused"),
    ]
    assert all("not known for loss self-supervised" in row["reason"] for row in found.rows[4:])
    for row, sampler in zip(found.rows[1:3], samplers, strict=True):
        problem = screlax.UFM([60, 30, 10, 4], screlax.Sphere(1.0), 0.1, batches=sampler)
        assert row["value"] == pytest.approx(screlax.solve_relaxation(problem).value, rel=1e-12)


def test_a_batch_of_all_samples_is_the_loss_of_all():
    found = screlax.compare_losses(
        [6, 4, 3], screlax.Sphere(1.0), 0.5, "supcon", batches="shuffle:size=13"
    )
    whole, batch = found.rows
    assert batch["value"] == pytest.approx(whole["value"], rel=1e-9)
    assert batch["etf_distance"] == pytest.approx(whole["etf_distance"], abs=1e-7)


def test_what_is_in_batches_already_stays_so_and_names_differ():
    losses = ["supcon", "supcon in poisson:rate=0.5", "class-averaged"]
    found = screlax.compare_losses(
        [6, 4, 3], screlax.Sphere(1.0), losses=losses, batches="shuffle:size=99", views=2
    )
    assert [(row["loss"], row["status"]) for row in found.rows] == [
        ("supcon:views=2", "optimal"),
        ("supcon:views=2 in shuffle:size=99", "refused"),
        ("supcon:views=2 in poisson:rate=0.5", "optimal"),
        ("class-averaged", "refused"),
    ]
    assert "99 samples" in found.rows[1]["reason"]
    assert "no option 'views'" in found.rows[3]["reason"]


def test_batches_drawn_once_have_no_geometry_of_all_classes():
    drawn = screlax.batches.FixedBatches([np.arange(6), np.arange(6, 10)])
    found = screlax.compare_losses([4, 3, 3], screlax.Sphere(1.0), 0.5, "supcon", batches=drawn)
    assert [row["status"] for row in found.rows] == ["optimal", "refused"]
    assert "component" in found.rows[1]["reason"]


def test_a_sampler_that_is_none_is_refused_at_once():
    with pytest.raises(screlax.ScrelaxError, match="shuffel"):
        screlax.compare_losses([6, 4], screlax.Sphere(1.0), batches="shuffel:size=4")


def test_the_command_line_compares_in_batches(tmp_path, capsys):
    (tmp_path / "counts.csv").write_text("60\n30\n10\n4\n")
    command = ["losses", "--counts", str(tmp_path / "counts.csv"), "--sphere", "1"]
    more = ["--loss", "supcon", "--batch-size", "16", "--views", "2", "--json"]
    assert main([*command, *more]) == 0
    columns = json.loads(capsys.readouterr().out)["columns"]
    assert columns["loss"] == ["supcon:views=2", "supcon:views=2 in shuffle:size=16"]
    assert columns["batches"] == [None, "shuffle:size=16"]
    assert main([*command, "--sampler", "poisson:rate=2"]) == 2
    assert "rate" in capsys.readouterr().err


def test_each_control_has_its_own_temperature(tmp_path, capsys):
    controls = [screlax.Sphere(1.0), screlax.WeightDecay(1.0, 1.0)]
    taus = {"sphere": 0.1, screlax.WeightDecay(1.0, 1.0): 0.5}
    losses = ["supcon", "cross-entropy"]
    found = screlax.compare_losses([20, 5], controls, taus, losses)
    assert [row["temperature"] for row in found.rows] == [0.1, 0.5]
    for row, control, loss in zip(found.rows, controls, losses, strict=True):
        alone = screlax.compare_losses([20, 5], control, row["temperature"], loss).rows[0]
        assert row["value"] == alone["value"]
    assert "sphere 1 at temperature 0.1 or weight-decay 1 1 at temperature 0.5" in found.table()
    line = "losses --counts 20,5 --sphere 1 --weight-decay 1 1 --loss supcon --loss cross-entropy"
    told = ["--temperature", "sphere=0.1,weight-decay=0.5"]
    assert main([*line.split(), *told]) == 0
    assert capsys.readouterr().out.strip() == found.table().strip()
    for wrong, said in (
        ("sphere=0.1", "no temperature is given for weight-decay"),
        ("sphere=0.1,weightdecay=1", "did you mean 'weight-decay'"),
        ("sphere=x,weight-decay=1", "--temperature takes a number"),
        ("0", "temperature must be positive"),
    ):
        assert main([*line.split(), "--temperature", wrong]) == 2
        assert said in capsys.readouterr().err

"""Every loss through every entry point, and each result says which loss it is about."""

import csv
import html
import json
import re
import subprocess
import sys

import numpy as np
import pytest

import screlax
from screlax import plots
from screlax.cli import main
from screlax.landscape.work import DescentWork
from screlax.losses import LOSSES, SupCon, check_loss
from screlax.problem.weight_files import read_class_weights
from screlax.report.classes import class_data
from screlax.report.page import page_html
from screlax.report.words import verdict_of_solution
from screlax.sweeps.config import read_sweep

SIZES = (12, 8, 3, 3)
LABELS = ("cat", "dog", "emu", "fox")
TEXTS = [
    "supcon",
    "supcon:views=2",
    "supcon:class_weights=balanced",
    "supcon:class_weights=[1,2,0.5,3]",
    'supcon:class_weights={"dog":2,"cat":1,"fox":3,"emu":0.5}',
    "negatives-only",
    "class-averaged",
    "class-averaged:anchors=classes",
    "prototypes:per_class=2",
    "prototypes:per_class=[1,2,3,4],loss_terms=false",
    "row-softmax:anchor_mass=[4,3,2,1],own_weight=2,pair_weight=3",
    "queue:keys_per_class=4",
    "queue:keys_per_class=[1,2,3,4]",
    "prototypes:per_class=2,loss_terms=false,tied=false",
    "soft-targets:epsilon=0.01",
    "instance-mix:alpha=0.01",
    "instance-mix:alpha=0.9,views=3",
    "soft-targets:smoothing=0.2",
    "self-supervised",
    "cross-entropy",
    "cross-entropy:class_weights=balanced",
    "cross-entropy:additive=1,multiplicative=0.3",
    "cross-entropy:additive=[0,1,0.5,0]",
    "cross-entropy:bias=true",
]
"""Losses that are certified under the control below, one of every kind and option."""

APART = ["instance-mix:alpha=0.9,views=3", "soft-targets:smoothing=0.2", "self-supervised"]
"""Those whose classes do not collapse."""

CONTROL = screlax.Sphere(1.0)
every_loss = pytest.mark.parametrize("text", TEXTS)


def control_of(text: str):
    """Return the control of a loss of embeddings, or of features and a classifier."""
    return screlax.WeightDecay(1.0, 4.0) if check_loss(text).has_classifier else CONTROL


def arguments_of(text: str) -> list[str]:
    """Return class sizes of the fixture below, temperature and the same control."""
    control = [f"--{control_of(text).name}", *map(str, control_of(text).numbers)]
    return ["--counts", "counts.csv", "--temperature", "0.5", *control]


@pytest.fixture
def counts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [f"{label},{size}" for label, size in zip(LABELS, SIZES, strict=True)]
    (tmp_path / "counts.csv").write_text("\n".join(lines), encoding="utf-8")
    return ["--counts", "counts.csv", "--temperature", "0.5", "--sphere", "1"]


def problem_of(text: str) -> screlax.UFM:
    return screlax.UFM(dict(zip(LABELS, SIZES, strict=True)), control_of(text), 0.5, loss=text)


def shown(text: str) -> str:
    """What results call a loss once a problem has resolved its numbers by class."""
    return str(problem_of(text).loss)


def test_every_registered_loss_is_here():
    assert {check_loss(text).name for text in TEXTS} == set(LOSSES)


def test_every_loss_is_known_by_name_without_asking_for_the_module_of_losses():
    code = (
        "import screlax; import screlax.problem.ufm; "
        "from screlax.problem.losses.registry import LOSSES; print(sorted(LOSSES))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == str(sorted(LOSSES))


@every_loss
def test_solve_save_and_certify_by_the_command_line(counts, capsys, text):
    assert main(["solve", *arguments_of(text), "--loss", text, "--out", "solution.npz"]) == 0
    said = capsys.readouterr().out
    assert f"loss {shown(text)}, " in said
    assert main(["certify", "solution.npz"]) == 0
    assert f"loss {shown(text)}, " in capsys.readouterr().out
    assert main(["certify", "solution.npz", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["loss"] == shown(text)
    loaded, problem = screlax.Solution.load("solution.npz"), problem_of(text)
    assert loaded.problem == problem
    assert loaded.problem.loss.record() == problem.loss.record()
    assert shown(text) in repr(loaded)


@every_loss
def test_json_has_the_loss_its_options_and_what_it_counts(counts, capsys, text):
    assert main(["solve", *arguments_of(text), "--loss", text, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    problem = problem_of(text)
    assert record["problem"]["loss"] == shown(text)
    assert record["problem"]["loss_options"] == problem.loss.record()
    assert record["problem"]["embeddings"] == problem.points.samples
    assert record["problem"]["anchors"] == problem.anchors
    assert record["mean_value"] == pytest.approx(record["value"] / problem.anchors)


@pytest.mark.parametrize("text", APART)
def test_results_say_where_classes_do_not_collapse(counts, capsys, text):
    assert main(["solve", *arguments_of(text), "--loss", text]) == 0
    assert "does not collapse within classes" in capsys.readouterr().out
    solution = screlax.solve_relaxation(problem_of(text))
    assert "does not collapse" in verdict_of_solution(solution, "")
    assert "does not collapse" in plots.plot_solution(solution).get_suptitle()
    (row,) = screlax.compare_losses(SIZES, CONTROL, 0.5, losses=text).rows
    assert row["within_class_variability"] == solution.within_class_variability > 1e-3
    assert row["status"] == "optimal"


@every_loss
def test_path_by_the_command_line_is_of_the_loss(counts, capsys, text):
    values = f"{control_of(text).parameter / 2},{control_of(text).parameter}"
    arguments = [
        "path",
        *arguments_of(text),
        "--loss",
        text,
        "--values",
        values,
        "--out",
        "path.csv",
    ]
    assert main(arguments) == 0
    assert f"loss {shown(text)}, " in capsys.readouterr().out
    with open("path.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["loss"] for row in rows] == [shown(text)] * 2
    alone = screlax.solve_relaxation(problem_of(text))
    assert float(rows[1]["value"]) == pytest.approx(alone.value, rel=1e-8)


@every_loss
def test_pictures_and_page_say_the_loss(text):
    solution = screlax.solve_relaxation(problem_of(text))
    assert shown(text) in plots.plot_solution(solution).get_suptitle()
    for draw in (plots.plot_norms, plots.plot_angles, plots.plot_gram, plots.plot_embedding):
        assert shown(text) in draw(solution).figure.get_suptitle()
    path = screlax.regularization_path(solution.problem, [1.0, 2.0])
    assert shown(text) in plots.plot_path_overview(path).get_suptitle()
    page = page_html(solution)
    assert html.escape(f"The optimum is that of loss {shown(text)}, ") in page
    assert html.escape(json.dumps(solution.problem.loss.record(), ensure_ascii=False)) in page


def test_sweep_files_take_the_same_text(tmp_path, capsys):
    texts = [text for text in TEXTS if "{" not in text]
    config = tmp_path / "sweep.toml"
    config.write_text(
        "counts = { mine = 'counts.csv' }\nsphere = 1.0\nweight_decay = [1, 4]\n"
        f"temperature = 0.5\nloss = {json.dumps(texts)}\n",
        encoding="utf-8",
    )
    (tmp_path / "counts.csv").write_text("\n".join(map(str, SIZES)), encoding="utf-8")
    out = tmp_path / "sweep.csv"
    cache = ["--cache", str(tmp_path / "points")]
    assert main(["sweep", str(config), "--out", str(out), *cache]) == 0
    assert f"{len(texts)} optimal" in capsys.readouterr().out
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["loss"] for row in rows] == sorted(
        texts, key=lambda t: check_loss(t).has_classifier
    )
    for row in rows:
        control = control_of(row["loss"])
        assert row["numbers"] == " ".join(map(repr, control.numbers))
        alone = screlax.solve_relaxation(screlax.UFM(SIZES, control, 0.5, loss=row["loss"]))
        assert float(row["value"]) == pytest.approx(alone.value, rel=1e-8)
    keys = {point.key() for point in read_sweep(config)}
    assert len(keys) == len(texts)
    assert main(["sweep", str(config), "--out", str(out), *cache]) == 0
    with out.open(encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == rows  # from the store, timings included


def test_keys_tell_every_option_apart_and_are_the_old_ones_without_options():
    def key(loss):
        return screlax.SweepPoint("mine", CONTROL, counts=SIZES, loss=loss).key()

    first, second = SupCon(class_weights=[1, 2, 3, 4]), SupCon(class_weights=[1, 3, 2, 4])
    assert len({key(loss) for loss in (SupCon(), first, second, SupCon(views=2))}) == 4
    assert key("supcon:class_weights=[1,2,3,4]") == key(first)
    assert screlax.SweepPoint("mine", CONTROL, counts=SIZES).canonical()["loss"] == "supcon"
    assert "features" not in screlax.SweepPoint("mine", CONTROL, counts=SIZES).canonical()


def test_numbers_that_do_not_fit_the_profile_are_refused_before_any_work():
    with pytest.raises(screlax.ScrelaxError, match="class_weights: 3 numbers for 4"):
        screlax.SweepPoint("mine", CONTROL, counts=SIZES, loss=SupCon(class_weights=[1, 2, 3]))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("weights.csv", "label,weight\nfox,3\ncat,1\nemu,0.5\ndog,2\n"),
        ("weights.csv", "fox;3\ncat;1\n\nemu;0.5\ndog;2\n"),
        ("weights.txt", "1\n2\n0.5\n3\n"),
        ("weights.txt", "weight\n1e0\n2\n5e-1\n3\n"),
        ("weights.json", '{"fox": 3, "cat": 1, "emu": 0.5, "dog": 2}'),
        ("weights.json", "[1, 2, 0.5, 3]"),
    ],
)
def test_class_weights_come_from_a_file_by_label_or_in_order(counts, tmp_path, capsys, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert main(["solve", *counts, "--class-weights", name, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    expected = screlax.solve_relaxation(problem_of("supcon:class_weights=[1,2,0.5,3]"))
    assert record["value"] == expected.value
    assert record["problem"]["loss"] == "supcon:class_weights=0.5..3"


def test_class_weights_come_from_an_array_and_have_whole_numbers_as_labels(tmp_path):
    np.save(tmp_path / "weights.npy", np.array([1.0, 0.5]))
    assert read_class_weights(tmp_path / "weights.npy") == [1.0, 0.5]
    (tmp_path / "weights.csv").write_text("1,0.25\n0,2\n", encoding="utf-8")
    assert read_class_weights(tmp_path / "weights.csv") == {1: 0.25, 0: 2.0}


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("w.csv", "cat,1\ncat,2\n", "label 'cat' is there twice"),
        ("w.csv", "1,1\n1.0,2\n", "line 2: label '1.0' is there twice"),
        ("w.csv", "cat,-1\ndog,2\n", "'-1' is no class weight"),
        ("w.csv", "cat,heavy\ndog,2\n", "line 1: 'heavy' is no class weight"),
        ("w.csv", "cat,0,5\ndog,1,5\n", "3 columns"),
        ("w.csv", "cat,1\n2\n", "1 columns"),
        ("w.txt", "weight\n", "holds no weights"),
        ("w.txt", "inf\n1\n", "'inf' is no class weight"),
        ("w.json", "3", "holds a single int"),
        ("w.json", "[true, 1]", "True is no class weight"),
        ("w.json", '{"a": 1, "a": 2}', "label 'a' is there twice"),
        ("w.csv", "cat,1\ndog,2\n", "--class-weights: no number for label 'emu'"),
        ("w.txt", "1\n2\n", "--class-weights: 2 numbers for 4 classes"),
    ],
)
def test_bad_files_of_class_weights_end_in_exit_code_two(
    counts, tmp_path, capsys, name, text, reason
):
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert main(["solve", *counts, "--class-weights", name]) == 2
    assert reason in capsys.readouterr().err


def test_views_are_an_option_of_the_losses_that_have_them(counts, capsys):
    assert main(["solve", *counts, "--views", "2", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["problem"]["loss"] == "supcon:views=2"
    assert record["problem"]["embeddings"] == 2 * sum(SIZES)
    assert main(["solve", *counts, "--views", "2", "--loss", "negatives-only"]) == 0
    assert "52 embeddings" in capsys.readouterr().out
    assert main(["solve", *counts, "--views", "2", "--loss", "class-averaged"]) == 2
    assert "no option 'views'; it has anchors, class_weights" in capsys.readouterr().err
    assert main(["solve", *counts, "--views", "2", "--loss", "supcon:views=3"]) == 2
    assert "has views already; leave out --views" in capsys.readouterr().err
    assert main(["solve", *counts, "--views", "0"]) == 2
    assert "views must be a whole number" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ["nosuch", "supcon:view=2", "supcon:views", "row-softmax", "supcon:views=two"]
)
def test_text_that_is_no_loss_ends_in_exit_code_two(counts, capsys, text):
    assert main(["solve", *counts, "--loss", text]) == 2
    said = capsys.readouterr().err
    assert re.search("loss|views must be", said)


def test_weights_of_pairs_are_one_for_each_pair(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pairs.csv").write_text("12,1\n8,1\n3,1\n3,1\n", encoding="utf-8")
    (tmp_path / "weights.txt").write_text("1\n2\n0.5\n3\n", encoding="utf-8")
    arguments = ["--pairs", "pairs.csv", "--sphere", "1", "--temperature", "0.5"]
    assert main(["solve", *arguments, "--class-weights", "weights.txt", "--json"]) == 0
    value = json.loads(capsys.readouterr().out)["value"]
    expected = screlax.solve_relaxation(problem_of("supcon:class_weights=[1,2,0.5,3]"))
    assert value == expected.value


def test_classes_of_one_size_that_weights_tell_apart_are_shown_apart(capsys):
    solution = screlax.solve_relaxation(problem_of("supcon:class_weights=[1,2,0.5,3]"))
    assert solution.problem.kinds_in_words == "class weights"
    axes = plots.plot_norms(solution)
    assert "those of one size differ in class weights" in axes.get_xlabel()
    assert axes.lines[0].get_linestyle() == "None"
    columns = class_data(solution, {})["columns"]
    assert "class weights" in [column["title"] for column in columns]
    same = screlax.solve_relaxation(problem_of("supcon"))
    assert same.problem.kinds_in_words == ""
    assert plots.plot_norms(same).lines[0].get_linestyle() == "-"


def test_the_table_of_many_classes_has_the_weights(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "counts.txt").write_text("5\n" * 30, encoding="utf-8")
    (tmp_path / "weights.txt").write_text("1\n" * 10 + "2\n" * 20, encoding="utf-8")
    arguments = ["solve", "--counts", "counts.txt", "--sphere", "1"]
    assert main([*arguments, "--class-weights", "weights.txt"]) == 0
    said = capsys.readouterr().out
    assert "m=2 kinds of size and class weights" in said
    assert re.search(r"class size +size +class weights", said)
    assert main([*arguments, "--class-weights", "weights.txt", "--json"]) == 0
    geometry = json.loads(capsys.readouterr().out)["geometry"]
    assert geometry["class_weights"] == [1.0, 2.0]
    assert geometry["classes"] == [10, 20]


def test_a_warning_says_the_loss():
    problem = problem_of("class-averaged:anchors=classes")
    with pytest.warns(screlax.InaccurateWarning, match="class-averaged:anchors=classes, control"):
        screlax.solve_relaxation(problem, tol=1e-300)


def test_a_path_is_of_one_loss():
    solutions = [screlax.solve_relaxation(problem_of(text)) for text in TEXTS[:2]]
    with pytest.raises(screlax.ScrelaxError, match="they differ in their class sizes, kind of"):
        plots.plot_path(solutions)


@every_loss
def test_comparison_of_the_optimum_with_itself_names_the_loss(counts, tmp_path, capsys, text):
    solution = screlax.solve_relaxation(problem_of(text))
    labels = np.repeat(LABELS, SIZES)
    vectors = solution.prototypes(5)[solution.problem.class_index(labels)]
    np.save(tmp_path / "rows.npy", vectors)
    (tmp_path / "labels.txt").write_text("\n".join(labels), encoding="utf-8")
    solution.save(tmp_path / "optimum.npz")
    arguments = ["optimum.npz", "rows.npy", "--labels", "labels.txt"]
    assert main(["compare", *arguments]) == 0
    assert f"loss {shown(text)}" in capsys.readouterr().out
    found = screlax.compare(vectors, labels, solution)
    assert found.gram_distance < 1e-9
    other = screlax.solve_relaxation(problem_of("supcon:views=3"))
    with pytest.raises(screlax.ScrelaxError, match="and this solution is that of loss"):
        page_html(other, {"mine": found})


@every_loss
def test_the_loss_of_a_gram_matrix_is_that_of_the_solution(text):
    solution = screlax.solve_relaxation(problem_of(text))
    sizes, options = dict(zip(LABELS, SIZES, strict=True)), {"temperature": 0.5, "loss": text}
    if check_loss(text).has_classifier:
        with pytest.raises(screlax.ScrelaxError, match="for losses of embeddings alone"):
            screlax.gram_loss(solution.class_gram, class_sizes=sizes, **options)
        return
    if "tied=false" in text:
        with pytest.raises(screlax.ScrelaxError, match="there are 8 classes and prototypes"):
            screlax.gram_loss(solution.class_gram, class_sizes=sizes, **options)
        return
    value = screlax.gram_loss(solution.class_gram, class_sizes=sizes, reduction="sum", **options)
    if text in APART:  # class means have another loss than the embeddings
        assert value != pytest.approx(solution.value, rel=1e-4)
        return
    assert value == pytest.approx(solution.value, rel=1e-9)
    mean = screlax.gram_loss(solution.class_gram, class_sizes=sizes, **options)
    assert mean == pytest.approx(solution.mean_value, rel=1e-9)
    labels, problem = np.repeat(LABELS, SIZES), solution.problem
    gram = solution.sample_gram(labels)
    if problem.points.samples == problem.samples:
        total = screlax.gram_loss(gram, labels, reduction="sum", **options)
        assert total == pytest.approx(solution.value, rel=1e-9)
    else:
        with pytest.raises(screlax.ScrelaxError, match="give the Gram matrix of class means"):
            screlax.gram_loss(gram, labels, **options)


def test_stores_of_landscapes_tell_weights_of_one_range_apart():
    def place(loss):
        problem = screlax.UFM([9, 9, 5, 5], CONTROL, 0.5, loss=loss)
        return DescentWork(problem, 0, "classes", 0.0).place((2, 0))

    losses = [SupCon(class_weights=weights) for weights in ([1, 2, 3, 4], [1, 3, 2, 4])]
    assert len({place(loss) for loss in [SupCon(), *losses, SupCon(class_weights=2)]}) == 4


def test_a_landscape_is_of_its_loss(counts, capsys):
    arguments = ["--loss", "class-averaged", "--dims", "3", "--starts", "2"]
    assert main(["landscape", *counts, *arguments]) == 0
    assert "loss class-averaged, control sphere" in capsys.readouterr().out
    assert main(["landscape", *counts, *arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["loss"] == "class-averaged"

"""`screlax landscape`."""

import json

import numpy as np
import pytest

import screlax
from screlax.cli import main

PROBLEM = ["landscape", "--profile", "step:4,20,5", "--sphere", "1", "--starts", "3"]


def test_json_holds_the_numbers_of_the_survey(capsys):
    assert main([*PROBLEM, "--dims", "1-2,4", "--seed", "7", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    problem = screlax.UFM(screlax.profile("step:4,20,5"), screlax.Sphere(1.0))
    landscape = screlax.survey_landscape(problem, [1, 2, 4], starts=3, seed=7)
    table = {name: column.tolist() for name, column in landscape.table().items()}
    assert record["table"]["dim"] == [1, 2, 4]
    assert record["table"]["gram_distance"][0] is None  # NaN: none reached the optimum
    for name in ("reached", "best_gap", "median_gap", "worst_gap", "values", "global"):
        assert record["table"][name] == table[name]
    assert [point["relative_gap"] for point in record["points"]] == [
        p.relative_gap for p in landscape.points
    ]
    assert record["rank"] == 3
    assert record["lower"] == landscape.solution.lower


def test_table_has_a_line_for_each_dimension(capsys):
    assert main([*PROBLEM, "--dims", "2,3"]) == 0
    problem, first, heading, *rows = capsys.readouterr().out.splitlines()
    assert "loss supcon" in problem
    assert "optimal" in first
    assert "rank 3" in first
    assert heading.split()[:3] == ["d", "starts", "reached"]
    assert [row.split()[:3] for row in rows] == [["2", "3", "0.000"], ["3", "3", "1.000"]]
    assert len(heading) == len(rows[0]) == len(rows[1])


def test_store_is_used_again_and_jobs_change_nothing(capsys, tmp_path):
    store = ["--dims", "3", "--store", str(tmp_path / "runs")]
    assert main([*PROBLEM, *store]) == 0
    printed = capsys.readouterr().out
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert len([path for path in files if path.suffix == ".json"]) == 3
    assert main([*PROBLEM, *store, "--jobs", "2"]) == 0
    assert capsys.readouterr().out == printed
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == files


def test_plot_is_a_picture_of_every_descent(capsys, tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "gaps.png"
    assert main([*PROBLEM, "--dims", "1-3", "--plot", str(path)]) == 0
    assert str(path) in capsys.readouterr().out
    assert path.read_bytes().startswith(b"\x89PNG")


def test_axes_are_logarithmic_and_hold_every_gap():
    figure = pytest.importorskip("matplotlib.figure")
    from screlax.plots import plot_landscape

    problem = screlax.UFM([6, 4, 3], screlax.Sphere(1.0))
    landscape = screlax.survey_landscape(problem, [1, 2], starts=3)
    axes = figure.Figure().add_subplot()
    plot_landscape(landscape, axes)
    assert axes.get_yscale() == "log"
    drawn = [line for line in axes.lines if line.get_marker() == "o"]
    gaps = np.concatenate([line.get_ydata() for line in drawn])
    dims = np.round(np.concatenate([line.get_xdata() for line in drawn]))
    below = [line for line in axes.lines if line.get_marker() == "v"]
    for dim in (1, 2):
        found = [point.relative_gap for point in landscape.at(dim)]
        expected = sorted(gap for gap in found if gap >= 1e-20)
        assert sorted(gaps[(dims == dim) & np.isfinite(gaps)]) == expected
        few = sum(gap < 1e-20 for gap in found)
        assert sum(np.sum(np.round(line.get_xdata()) == dim) for line in below) == few
    assert {line.get_label() for line in drawn} == {"global", "local minimum above the bound"}
    lines = {line.get_label(): line for line in axes.lines}
    assert lines[f"rank of the optimum: {landscape.solution.rank}"].get_xdata()[0] == 2
    assert lines["tolerance 1e-08"].get_ydata()[0] == 1e-8
    assert lines["smallest"].get_ydata()[0] == landscape.table()["best_gap"][0]
    assert lines["median"].get_ydata()[0] == landscape.table()["median_gap"][0]


def test_interruption_says_that_finished_runs_are_kept(capsys, tmp_path, monkeypatch):
    from screlax.landscape import work

    original, done = work.descend, []

    def interrupted(*args, **options):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(args)
        return original(*args, **options)

    monkeypatch.setattr(work, "descend", interrupted)
    store = tmp_path / "runs"
    assert main([*PROBLEM, "--dims", "3", "--store", str(store)]) == 130
    assert f"interrupted; {store} was written" in capsys.readouterr().err
    assert len(list(store.glob("*/*.json"))) == 2


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (["--dims", "1,x"], "such as 1,2,5-8"),
        (["--dims", "5-2"], "5 is above 2"),
        (["--dims", "0"], "at least 1"),
        (["--starts", "0"], "starts must be"),
        (["--seed", "-1"], "seed must be"),
        (["--level", "orbits"], "one of 'classes', 'samples'"),
        (["--jobs", "0"], "--jobs"),
        (["--plot", "gaps.bmp"], "must end in .png"),
        (["--plot", "/nowhere/gaps.png"], "is not a folder"),
        (["--ridge", "1"], "choose exactly one control"),
    ],
)
def test_bad_input_ends_in_exit_code_two(capsys, extra, said):
    assert main([*PROBLEM, *extra]) == 2
    assert said in capsys.readouterr().err

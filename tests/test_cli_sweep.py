"""`screlax sweep`."""

import csv
import json

import pytest

import screlax
from screlax.cli import main, sweep_command
from screlax.sweeps import SweepInterrupted
from screlax.sweeps.config import read_sweep

CONFIG = """
profiles = ["exponential:6,200"]
imbalance = [5, 20]
sphere = 1.0
ridge = [0.1]
temperature = { start = 0.1, stop = 1.0, points = 3 }
"""


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "sweep.toml"
    file.write_text(CONFIG)
    return file


def write(tmp_path, text):
    file = tmp_path / "other.toml"
    file.write_text(text)
    return file


def test_table_cache_and_csv(capsys, config, tmp_path):
    cache, out = tmp_path / "cache", tmp_path / "table.csv"
    assert main(["sweep", str(config), "--cache", str(cache), "--out", str(out)]) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0].split()[:3] == ["profile", "imbalance", "seed"]
    assert lines[-2:] == ["12 points: 12 optimal", f"written      {out}"]
    assert printed.err == ""  # standard error is no terminal here
    with out.open(newline="") as source:
        rows = list(csv.DictReader(source))
    assert len(rows) == 12
    solution = screlax.solve_relaxation(
        screlax.exponential(6, 200, 5), control=screlax.Ridge(0.1), temperature=0.1
    )
    assert float(rows[0]["value"]) == solution.value
    before = out.read_bytes()
    assert main(["sweep", str(config), "--cache", str(cache), "--out", str(out)]) == 0
    assert out.read_bytes() == before


def test_two_jobs_print_the_same_json_but_for_timings(capsys, config):
    records = []
    for jobs in ("1", "2"):
        assert main(["sweep", str(config), "--jobs", jobs, "--json"]) == 0
        records.append(json.loads(capsys.readouterr().out))
        records[-1]["columns"].pop("seconds")
    assert records[0] == records[1]
    assert records[0]["counts"] == {"optimal": 12}
    assert len(records[0]["columns"]["value"]) == 12


def test_a_failed_point_is_shown_and_gives_exit_code_one(capsys, tmp_path):
    text = 'profiles = ["balanced:3,9", "step:4,9,3"]\nball = 1.0\nsolver = "closed-form"'
    assert main(["sweep", str(write(tmp_path, text))]) == 1
    out = capsys.readouterr().out
    assert "2 points: 1 failed, 1 optimal" in out
    assert "failed: InvalidInputError" in out


def test_ranges_lists_files_and_several_grids(tmp_path):
    (tmp_path / "mine.csv").write_text("40\n10\n5\n")
    points = read_sweep(
        write(
            tmp_path,
            """
            [[grid]]
            counts = { mine = "mine.csv" }
            profiles = "balanced:3,4"
            budget = { start = 1, stop = 3, points = 3, scale = "linear" }
            [[grid]]
            profiles = ["cifar10-lt"]
            ridge = { start = 0.01, stop = 1, points = 3 }
            seeds = [0, 1]
            tol = 1e-8
            """,
        )
    )
    assert [point.profile for point in points[:6]] == ["balanced:3,4"] * 3 + ["mine"] * 3
    assert points[3].counts == (40, 10, 5)
    assert [point.control.parameter for point in points[:3]] == [1.0, 2.0, 3.0]
    assert [point.control.parameter for point in points[6::2]] == pytest.approx([0.01, 0.1, 1.0])
    assert [point.seed for point in points[6:8]] == [0, 1]
    assert {point.tol for point in points[6:]} == {1e-8}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("profiles = [", "not valid TOML"),
        ('profile = "cifar10-lt"', "did you mean 'profiles'"),
        ("sphere = 1.0", "no class sizes"),
        ('profiles = "cifar10-lt"', "no control was given"),
        ('profiles = ["cifar11-lt"]\nsphere = 1', "did you mean 'cifar10-lt'"),
        ('profiles = "cifar10-lt"\nsphere = -1', "positive and finite"),
        ('profiles = "cifar10-lt"\nsphere = true', "sphere must be a number"),
        ('profiles = "cifar10-lt"\nsphere = { start = 1 }', "a range is"),
        ('profiles = "cifar10-lt"\nsphere = { start = 0, stop = 1, points = 3 }', "positive"),
        ('profiles = "cifar10-lt"\nsphere = { start = 1, stop = 2, points = 1 }', "from 2 to"),
        (
            'profiles = "cifar10-lt"\nsphere = { start = 1, stop = 2, points = 3, scale = "x" }',
            "linear",
        ),
        ('profiles = "cifar10-lt"\nsphere = 1\nseeds = { start = 1 }', "seeds must not be"),
        ("profiles = [[5, 3]]\nsphere = 1", "list of names"),
        ('counts = { mine = "none.csv" }\nsphere = 1', "no such file"),
        ('counts = "none.csv"\nsphere = 1', "counts must be"),
        ('sphere = 1\n[[grid]]\nprofiles = "cifar10-lt"', "stands outside"),
        ('[[grid]]\nprofiles = "cifar10-lt"\nsphere = 1\n[[grid]]\nball = 1', "grid 2: no class"),
        ('profiles = "cifar10-lt"\nsphere = 1\nsolver = "nosuch"', "not installed"),
    ],
)
def test_bad_configurations_end_in_exit_code_two_before_any_work(
    capsys, tmp_path, monkeypatch, text, said
):
    monkeypatch.setattr("screlax.sweeps.work.evaluate", lambda point: pytest.fail("work"))
    cache = tmp_path / "cache"
    assert main(["sweep", str(write(tmp_path, text)), "--cache", str(cache)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not cache.exists()


@pytest.mark.parametrize("out", ["table.xlsx", "nowhere/table.csv"])
def test_bad_outputs_are_refused_before_any_work(capsys, config, monkeypatch, out, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sweep_command, "sweep", lambda *_, **__: pytest.fail("work"))
    assert main(["sweep", str(config), "--out", out]) == 2
    assert main(["sweep", "missing.toml"]) == 2
    assert "missing.toml" in capsys.readouterr().err


def interrupted(points, *, n_jobs, cache, progress, time_limit):
    def stop(report):
        if report.done == 2:
            raise KeyboardInterrupt

    return screlax.sweep(points, n_jobs=n_jobs, cache=cache, progress=stop)


@pytest.mark.parametrize("with_cache", [True, False])
@pytest.mark.parametrize("with_out", [True, False])
def test_interruption_says_where_the_finished_points_are(
    capsys, config, tmp_path, monkeypatch, with_cache, with_out
):
    monkeypatch.setattr(sweep_command, "sweep", interrupted)
    cache, out = tmp_path / "cache", tmp_path / "table.csv"
    extra = ["--cache", str(cache)] if with_cache else []
    extra += ["--out", str(out)] if with_out else []
    assert main(["sweep", str(config), *extra]) == 130
    error = capsys.readouterr().err
    assert "interrupted after 2 of 12 points" in error
    assert not out.exists()
    partial = tmp_path / "table.partial.csv"
    assert partial.exists() == (with_out and not with_cache)
    if with_cache:
        assert str(cache) in error
    elif with_out:
        assert str(partial) in error
        assert len(partial.read_text().splitlines()) == 3
    else:
        assert "nothing was written" in error


def test_the_exception_is_an_interruption():
    assert issubclass(SweepInterrupted, KeyboardInterrupt)


def test_no_workers_are_refused(tmp_path, capsys):
    (tmp_path / "sweep.toml").write_text('profiles = ["cifar10-lt"]\nsphere = 1.0\n')
    assert main(["sweep", str(tmp_path / "sweep.toml"), "--jobs", "0"]) == 2
    assert "--jobs must be" in capsys.readouterr().err


def test_samplers_are_an_axis(capsys, tmp_path):
    file = write(
        tmp_path,
        'profiles = ["exponential:4,40,5"]\nsphere = 1.0\ntemperature = 0.2\n'
        'batches = ["all", "shuffle:size=16"]\n',
    )
    assert main(["sweep", str(file), "--json"]) == 0
    columns = json.loads(capsys.readouterr().out)["columns"]
    assert columns["loss"] == ["supcon", "supcon in shuffle:size=16"]

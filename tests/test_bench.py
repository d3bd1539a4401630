"""The benchmark suite: scores, certificates, time-outs, crashes, and going on where it stopped."""

import json
import math
import subprocess
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import screlax
from screlax.bench import BenchSettings, Row, methods, problem_sets, run_suite, work
from screlax.bench.methods import Method, all_methods
from screlax.bench.page import markdown, write_page
from screlax.bench.table import scores, shifted_geometric_mean, suboptimality
from screlax.bench.work import BenchWork, Case
from screlax.bench.worker import blank_row, run_case
from screlax.cli import main
from screlax.errors import InvalidInputError, StoreWarning
from screlax.tasks.store import Store, checksum

CASE = next(case for case in problem_sets(quick=True) if case.name == "tail k=10")


def row(method="a", problem="p", **changes):
    return replace(Row("set", problem, method, 3, 3, 1e-6, "ran"), **changes)


def test_the_shifted_geometric_mean():
    assert shifted_geometric_mean([2.0, 2.0]) == pytest.approx(2.0)
    assert shifted_geometric_mean([1.0, 4.0], shift=0.0) == pytest.approx(2.0)
    assert 2.0 < shifted_geometric_mean([1.0, 4.0], shift=1.0) < 2.5
    assert math.isnan(shifted_geometric_mean([]))


def test_a_value_is_judged_by_the_best_bound_of_all():
    rows = [
        row("primal", value=1.0, lower=0.5, relative_gap=0.5, seconds=1.0),
        row("dual", value=2.0, lower=0.999, relative_gap=0.5, seconds=1.0),
        row("none", outcome="failed"),
    ]
    excess = suboptimality(rows)
    assert excess[rows[0]] == pytest.approx(1e-3)
    assert excess[rows[1]] == pytest.approx(1.001 / 2)
    assert excess[rows[2]] == math.inf


def test_a_value_below_a_bound_is_no_success():
    rows = [
        row("a", value=1.0, lower=0.9),
        row("b", value=2.0, lower=1.1),
        row("c", "q", value=1.0),
    ]
    excess = suboptimality(rows)
    assert excess[rows[0]] == math.inf
    assert excess[rows[2]] == math.inf  # no bound at all
    assert "a: no bound, or below one (p)" in markdown(rows, 5.0, "")


def test_late_is_not_solved():
    (score,) = scores(
        late := [row(relative_gap=1e-9, seconds=14.0)], 1e-6, 5.0, {r: r.relative_gap for r in late}
    )
    assert (score.solved, score.mean_seconds) == (0, pytest.approx(5.0))


def test_scores_count_the_limit_where_a_method_failed():
    rows = [
        row("a", "p", relative_gap=1e-8, seconds=0.1),
        row("a", "p", relative_gap=1e-3, seconds=0.01),
        row("a", "q", outcome="time-out", seconds=9.0),
        row("a", "r", outcome="skipped"),
        row("b", "p", outcome="skipped"),
    ]
    first, second = scores(rows, 1e-6, 9.0, {r: r.relative_gap for r in rows})
    assert (first.problems, first.solved) == (2, 1)
    assert first.mean_seconds == pytest.approx(shifted_geometric_mean([0.1, 9.0]))
    assert (second.problems, second.solved) == (0, 0)


def test_names_are_unique_and_the_quick_suite_is_part_of_the_whole():
    quick, whole = problem_sets(quick=True), problem_sets(quick=False)
    assert len({case.name for case in whole}) == len(whole)
    assert {case.name for case in quick} < {case.name for case in whole}
    assert len({case.group for case in quick}) == 5
    assert len({method.name for method in all_methods()}) == len(all_methods())


@pytest.mark.parametrize(
    "name",
    [
        "native",
        "slack-vector",
        "burer-monteiro",
        "SCS",
        "Clarabel",
        "descent L-BFGS",
        "descent Newton-CG",
        "descent gradient",
        "pymanopt trust regions",
    ],
)
def test_every_method_comes_near_the_optimum(name):
    method = next(method for method in all_methods() if method.name == name)
    reason = method.why_not(CASE.problem)
    if "not installed" in reason:
        pytest.skip(reason)
    found = run_case(CASE, method, 1e-5, 20.0)
    best = screlax.solve_relaxation(CASE.problem)
    assert found.outcome == "ran", found.reason
    assert best.lower * (1 - 1e-12) <= found.value <= best.value * (1 + 1e-3)
    assert found.lower <= best.value
    assert found.seconds > 0


def test_why_a_method_cannot_take_a_problem_is_said():
    named = {method.name: method for method in all_methods()}
    many = screlax.UFM([5] * 301, screlax.Ball(1.0))
    alone = screlax.UFM([5, 1], screlax.Ball(1.0))
    assert named["descent gradient"].why_not(many) == "not tried beyond 300 classes"
    assert named["slack-vector"].why_not(alone) == "classes of one embedding"
    assert all(method.tolerances for method in named.values())
    assert not named["native"].why_not(many)
    sizes = screlax.UFM(range(1, 62), screlax.Ball(1.0))
    assert named["SCS"].why_not(sizes) == ""
    wide = screlax.UFM(range(1, 102), screlax.Ball(1.0))
    assert named["SCS"].why_not(wide) == "not tried beyond 100 distinct sizes"


@pytest.mark.parametrize(
    "gram", [np.full((10, 10), np.nan), -np.eye(10), 1e300 * np.eye(10), np.zeros((10, 10))]
)
def test_garbage_is_never_good(gram):
    method = Method("garbage", lambda *_: gram, (1e-6,))
    found = run_case(CASE, method, 1e-6, 1.0)
    assert found.outcome == "failed" or found.relative_gap > 1e-3


def test_an_error_is_a_row():
    def fail(*_):
        raise screlax.ScrelaxError("no luck")

    found = run_case(CASE, Method("fails", fail, (1e-6,)), 1e-6, 1.0)
    assert found.outcome == "failed"
    assert "no luck" in found.reason


@pytest.fixture
def settings_in(monkeypatch):
    """Settings of a small run in which one of two methods is skipped for want of its package."""
    monkeypatch.setattr(methods, "find_spec", lambda name: None)
    names = ("native", "pymanopt trust regions")
    return lambda folder: BenchSettings(folder, True, 5.0, names, ("balanced",))


def test_nothing_is_done_twice(tmp_path, monkeypatch, settings_in):
    rows = run_suite(settings_in(tmp_path))
    assert [r.outcome for r in rows] == ["ran", "skipped"] * 2
    assert all(r.relative_gap < 1e-9 for r in rows[::2])
    damaged = next(tmp_path.glob("balanced-k=10-native*"))
    damaged.write_text("{")
    calls = []
    original = subprocess.run

    def counted(*arguments, **options):
        calls.append(arguments)
        return original(*arguments, **options)

    monkeypatch.setattr(work.subprocess, "run", counted)
    with pytest.warns(StoreWarning, match="damaged"):
        again = run_suite(settings_in(tmp_path))
    assert len(calls) == 1
    assert repr(again[2:]) == repr(rows[2:])  # NaN equals no NaN
    assert again[0].value == rows[0].value
    (tmp_path / "measured-on.txt").write_text("another machine")
    with pytest.raises(InvalidInputError, match="of another machine"):
        run_suite(settings_in(tmp_path))


@pytest.mark.parametrize(
    "forged",
    [{"relative_gap": "0"}, {"seconds": -1.0}, {"relative_gap": math.nan}, {"outcome": "failed"}],
    ids=str,
)
@pytest.mark.parametrize("plain", [True, False])
def test_an_edited_row_is_not_believed(tmp_path, forged, plain):
    store = Store(tmp_path, BenchWork(5.0))
    (method,) = (m for m in all_methods() if m.name == "native")
    case = Case(CASE, method, 1e-9)
    store.keep(case, replace(blank_row(*case), outcome="ran", seconds=1.0, relative_gap=0.5))
    assert store.find(case).relative_gap == 0.5
    content = json.loads(store.path(case).read_text())
    content["record"].update({"relative_gap": 0.0} if plain else forged)
    if not plain:
        content["checksum"] = checksum(content["task"], content["record"])
    store.path(case).write_text(json.dumps(content))
    with pytest.warns(StoreWarning, match="damaged"):
        assert store.find_all([case]) == {}


def test_what_failed_is_tried_again(tmp_path, monkeypatch, settings_in):
    killed = SimpleNamespace(returncode=-9, stderr="", stdout="")
    with monkeypatch.context() as patch:
        patch.setattr(work.subprocess, "run", lambda *_, **__: killed)
        assert run_suite(settings_in(tmp_path))[0].outcome == "failed"
    assert run_suite(settings_in(tmp_path))[0].outcome == "ran"


def test_time_outs_and_crashes_stay_in_the_table(tmp_path, monkeypatch, settings_in):
    def stopped(command, **options):
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(work.subprocess, "run", stopped)
    first = run_suite(settings_in(tmp_path / "a"))[0]
    assert (first.outcome, first.seconds, first.relative_gap) == ("time-out", 5.0, math.inf)
    killed = SimpleNamespace(returncode=-9, stderr="", stdout="")
    monkeypatch.setattr(work.subprocess, "run", lambda *_, **__: killed)
    first = run_suite(settings_in(tmp_path / "b"))[0]
    assert (first.outcome, first.relative_gap) == ("failed", math.inf)
    assert "-9" in first.reason


def test_the_page(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    rows = [
        row("native", value=1.0, lower=1.0, relative_gap=1e-16, seconds=1e-3),
        row("SCS", value=1.1, lower=0.9, relative_gap=0.2, seconds=2.0),
        row("slow", outcome="time-out", seconds=5.0, reason="stopped at 5 s"),
        row("other", outcome="skipped", reason="not <installed>"),
    ]
    paths = write_page(rows, tmp_path, 5.0, "a machine")
    assert [path.suffix for path in paths] == [".md", ".png", ".html"]
    text = paths[0].read_text(encoding="utf-8")
    assert text == markdown(rows, 5.0, "a machine")
    assert "| SCS | 1 | 0 (5 s)" in text
    assert "slow: time-out: stopped at 5 s (p)" in text
    assert "not &lt;installed&gt;" in paths[2].read_text(encoding="utf-8")
    assert paths[1].read_bytes().startswith(b"\x89PNG")


def test_the_command(tmp_path, capsys):
    arguments = ["bench", "--quick", "--out", str(tmp_path), "--method", "native"]
    assert main([*arguments, "--set", "balanced", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert [r["outcome"] for r in record["rows"]] == ["ran", "ran"]
    assert main([*arguments, "--set", "none"]) == 2
    assert "no set is called 'none'" in capsys.readouterr().err


def test_bad_settings(tmp_path):
    with pytest.raises(InvalidInputError, match="time limit must be positive"):
        run_suite(BenchSettings(tmp_path, limit=0.0))
    with pytest.raises(InvalidInputError, match="no method is called 'magic'"):
        run_suite(BenchSettings(tmp_path, methods=("magic",)))

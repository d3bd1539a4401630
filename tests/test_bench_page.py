"""What the benchmark suite says of its rows: scores, profiles, the page, and two runs compared."""

import json
import math
import xml.etree.ElementTree as ET
from contextlib import contextmanager
from dataclasses import replace

import pytest

from screlax.bench import Results, Row, runner
from screlax.bench.against import changes, changes_table
from screlax.bench.chart import profile_chart
from screlax.bench.content import tables
from screlax.bench.detail import problem_table, trouble
from screlax.bench.page import html, markdown, write_page
from screlax.bench.results import read_results
from screlax.bench.scores import (
    compared,
    profile,
    scores,
    shifted_geometric_mean,
    taken,
    times_to,
)
from screlax.bench.table import own_gaps, suboptimality
from screlax.cli import main
from screlax.errors import FileFormatError, InvalidInputError
from tests.test_bench import CASE, Here


def row(method="a", problem="p", **changes):
    blank = Row("set", problem, method, "supcon, sphere 1, real", 3, 3, 1e-6, "ran")
    return replace(blank, **changes)


def results(*rows, accuracies=(1e-6,), limit=9.0):
    return Results(rows, accuracies, limit, 3, 0, 12.0, 3.0, {"processor": "a <machine>"})


def test_the_shifted_geometric_mean():
    assert shifted_geometric_mean([2.0, 2.0]) == pytest.approx(2.0)
    assert shifted_geometric_mean([1.0, 4.0], shift=0.0) == pytest.approx(2.0)
    assert 2.0 < shifted_geometric_mean([1.0, 4.0], shift=1.0) < 2.5
    assert math.isnan(shifted_geometric_mean([]))


def test_a_value_is_judged_by_the_best_bound_of_all():
    rows = [
        row("primal", value=1.0, lower=0.5, scale=1.0, relative_gap=0.5),
        row("dual", value=2.0, lower=0.999, scale=2.0, relative_gap=0.5),
        row("none", outcome="failed"),
    ]
    excess = suboptimality(rows)
    assert excess[rows[0]] == pytest.approx(1e-3)
    assert excess[rows[1]] == pytest.approx(1.001 / 2)
    assert excess[rows[2]] == math.inf


def test_a_value_below_a_bound_is_no_success():
    rows = [
        row("a", value=1.0, lower=0.9, scale=1.0),
        row("b", value=2.0, lower=1.1, scale=1.0),
        row("c", "q", value=1.0, scale=1.0),
    ]
    excess = suboptimality(rows)
    assert excess[rows[0]] == math.inf
    assert excess[rows[2]] == math.inf  # no bound at all
    assert "a, asked for 1e-06: no value, no bound, or below one (p)" in trouble(results(*rows))


SOME = [
    row("a", "p", relative_gap=1e-8, seconds=0.1),
    row("a", "p", relative_gap=1e-3, seconds=0.01),
    row("a", "q", outcome="timeout", seconds=9.0),
    row("a", "r", outcome="refused"),
    row("b", "p", relative_gap=1e-7, seconds=0.3),
    row("b", "q", relative_gap=1e-7, seconds=2.0),
    row("b", "r", relative_gap=1e-7, seconds=9.5),
    row("c", "p", outcome="not tried"),
    row("c", "q", outcome="refused"),
    row("c", "r", relative_gap=0.0, seconds=1.0),
]


def test_failures_count_the_limit_and_problems_are_the_same_for_all():
    a, b, c = scores(SOME, 1e-6, 9.0, own_gaps(SOME))
    assert (a.problems, a.taken, a.solved) == (3, 2, 1)
    assert a.mean == pytest.approx(shifted_geometric_mean([0.1, 9.0, 9.0]))
    assert (b.solved, b.taken) == (2, 3)  # what comes late is not solved
    assert b.mean == pytest.approx(shifted_geometric_mean([0.3, 2.0, 9.0]))
    assert (c.taken, c.solved) == (1, 1)


def test_what_methods_have_in_common():
    assert taken(SOME) == {"a": {"p", "q"}, "b": {"p", "q", "r"}, "c": {"r"}}
    assert compared(SOME) == (["a", "b"], ["p", "q"])  # c takes less than half
    a, _, c = scores(SOME, 1e-6, 9.0, own_gaps(SOME))
    assert a.common_mean == pytest.approx(shifted_geometric_mean([0.1, 9.0]))
    assert math.isnan(c.common_mean)


def test_the_performance_profile():
    times = times_to(SOME, 1e-6, 9.0, own_gaps(SOME))
    found = profile(times)
    assert found["a"] == [(1.0, 1 / 3)]
    assert found["b"] == [(1.0, 1 / 3), (pytest.approx(3.0), 2 / 3)]
    assert found["c"] == [(1.0, 1 / 3)]


def test_a_chart_shows_the_steps():
    chart = ET.fromstring(profile_chart("to <1>", {"a": [(1.0, 0.5), (100.0, 1.0)], "b": []}))
    (curve,) = chart.findall("path[@class='curve']")
    assert curve.get("d") == "M52.0 274.0H52.0V154.0H440.0V34.0H440"
    assert chart.get("aria-label") == (
        "to <1>: a fastest on 50%, solves 100%; b fastest on 0%, solves 0%"
    )


NATIVE = row(
    "native", value=1.0, lower=1.0, scale=1.0, relative_gap=1e-16, seconds=1e-3, cpu_seconds=2e-3,
    ran="slack-vector Newton", runs=3,
)  # fmt: skip
SHOWN = results(
    NATIVE,
    row("SCS", value=1.1, lower=0.9, scale=1.1, relative_gap=0.2, seconds=2.0, iterations=70),
    row("slow", outcome="timeout", seconds=9.0, reason="stopped"),
    row("other", outcome="refused", reason="not <installed>"),
)
CONDITIONS = {"native": "tries all", "SCS": "starts cold"}


def test_the_page_says_everything(tmp_path):
    paths = write_page(SHOWN, tmp_path, CONDITIONS)
    assert [path.suffix for path in paths] == [".html", ".md", ".svg", ".csv", ".json"]
    text = paths[1].read_text(encoding="utf-8")
    assert text == markdown(SHOWN, CONDITIONS)
    assert "| native | 1 of 1 | 1 | 1 ms | 1 | 1 ms | 1 | 1 ms |" in text
    assert "| SCS | 1 of 1 | 0 | 9 s |" in text
    assert "slow, asked for 1e-06: timeout: stopped (p)" in text
    assert "| SCS | starts cold |" in text
    page = paths[0].read_text(encoding="utf-8")
    assert "not &lt;installed&gt;" in page
    assert "a &lt;machine&gt;" in page
    assert page.count('<svg class="chart"') == 2
    assert "http" not in page  # nothing is asked of a network
    ET.fromstring(paths[2].read_text(encoding="utf-8"))
    assert paths[3].read_text(encoding="utf-8").count("\n") == 5


def test_the_clock_of_the_processor():
    late = results(replace(NATIVE, seconds=10.0), *SHOWN.rows[2:])
    assert [score[2] for score in tables(late, {})[0].rows] == ["0", "0"]
    fair = replace(late, clock="processor")
    assert tables(fair, {})[0].rows[0][:4] == ["native", "1 of 1", "1", "2 ms"]
    assert "of the processor" in markdown(fair, {})
    assert fair.busy == pytest.approx(2e-3 / 10.0)


def test_what_ran_and_why_not_stand_at_the_problem():
    shown, reasons = problem_table(SHOWN)
    cells = dict(zip(shown.header, shown.rows[0], strict=True))
    assert cells["native"] == "1e-16 in 1 ms, slack-vector Newton"
    assert (cells["slow"], cells["other"]) == ("timeout [1]", "refused [2]")
    assert list(reasons) == ["stopped", "not <installed>"]
    methods = tables(SHOWN, CONDITIONS)[-1]
    assert methods.rows[0] == ["native", "tries all", "slack-vector Newton (1)"]
    assert methods.rows[-1][-1] == "nothing: not <installed>"


def test_results_come_back_from_their_file(tmp_path):
    write_page(SHOWN, tmp_path, {})
    assert repr(read_results(tmp_path)) == repr(SHOWN)  # NaN equals no NaN
    record = json.loads((tmp_path / "results.json").read_text())
    record["rows"][0]["seconds"] = "fast"
    (tmp_path / "results.json").write_text(json.dumps(record))
    with pytest.raises(FileFormatError, match="seconds is 'fast'"):
        read_results(tmp_path)
    with pytest.raises(InvalidInputError, match=r"has no results\.json"):
        read_results(tmp_path / "absent")


@pytest.mark.parametrize(
    ("now", "said", "is_worse"),
    [
        ({"cpu_seconds": 8e-3}, "0.008 s, was 0.002 s", True),
        ({"cpu_seconds": 5e-4}, None, None),  # too short to be told
        ({"seconds": 9.0}, None, None),  # it may have waited
        ({"relative_gap": 1e-5}, "gap 1e-05, was 1e-16", True),
        ({"relative_gap": 5e-12}, None, None),  # rounding
        ({"outcome": "failed", "seconds": math.inf}, "failed, was ran", True),
    ],
)
def test_what_changed_since_an_earlier_run(now, said, is_worse):
    then = results(NATIVE, row("gone"))
    found, shared = changes(results(replace(NATIVE, **now)), then)
    assert shared == 1
    assert [(one.what, one.is_worse) for one in found] == (
        [] if said is None else [(said, is_worse)]
    )
    back, _ = changes(then, results(replace(NATIVE, **now)))
    assert [one.is_worse for one in back] == ([] if said is None else [False])
    table = changes_table(found, shared, "before")
    assert f"{len(found)} are worse" in table.caption
    for page in (markdown(then, {}, [table]), html(then, {}, [table])):
        assert ("what changed" in page) == bool(found)  # no table without rows


@pytest.fixture
def here(monkeypatch):
    """The suite is one problem, measured in this process."""

    @contextmanager
    def serving(threads):
        yield Here()

    monkeypatch.setattr(runner, "serving", serving)
    monkeypatch.setattr(runner, "problem_sets", lambda quick: [CASE])


def test_the_command(tmp_path, capsys, here):
    arguments = ["bench", "--quick", "--out", str(tmp_path), "--method", "native", "--repeats", "1"]
    assert main([*arguments, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert [r["outcome"] for r in record["rows"]] == ["ran"]
    assert main([*arguments, "--against", str(tmp_path)]) == 0
    told = capsys.readouterr()
    assert "0 are worse and 0 better" in told.out
    assert "results.html" in told.err
    assert main([*arguments, "--set", "none"]) == 2
    assert "no set is called 'none'" in capsys.readouterr().err


def test_the_list_runs_nothing(tmp_path, capsys):
    assert main(["bench", "--quick", "--list", "--out", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "classes:classes=2,samples=4" in told
    assert "Every descent" in told
    assert not list(tmp_path.iterdir())


def test_html_has_no_loose_ends():
    page = html(SHOWN, CONDITIONS)
    body = page[page.index("<body>") : page.index("<script>")] + "</body>"
    ET.fromstring(body.replace(" hidden>", ' hidden="">'))


def test_a_method_that_ran_on_nothing_has_no_score_and_says_why():
    why = "b is not installed"
    score, by_set, methods = tables(results(row(), row("b", outcome="refused", reason=why)), {})
    assert [line[0] for line in score.rows] == ["a"]
    assert [line[0] for line in by_set.rows] == ["a"]
    assert methods.rows[-1][-1] == f"nothing: {why}"


def test_a_method_that_is_not_installed_has_no_curve_and_is_said_to_have_none():
    missing = row("Manopt", outcome="refused", reason="pymanopt is not installed: pip install x")
    page = html(results(row("a", seconds=1.0, relative_gap=1e-9), missing), {})
    profiles = page[page.index("Performance profiles") : page.index("By set")]
    assert profiles.count('class="curve"') == 1
    assert profiles.count("<svg width") == 1  # one key with a line
    assert "no curve, as nothing ran: Manopt" in profiles
    assert "Manopt fastest" not in profiles
    assert "nothing: pymanopt is not installed" in page
